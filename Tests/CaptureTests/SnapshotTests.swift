// Part of Lockstep. See LICENSE.

import Capture
import Mapping
import PostgreSQL
import Synchronization
import TestServers
import TestSupport
import Testing
import Threading

@Suite(.postgres(), .serialized)
struct SnapshotTests {
    private static let rows = "CREATE TABLE rows (id int PRIMARY KEY, v text)"
    private static let table = QualifiedName(schema: "public", name: "rows")
    private static let columns = [
        SnapshotCopy.Column(name: "id", asText: true), SnapshotCopy.Column(name: "v", asText: true),
    ]

    @Test func `snapshot and stream are everything, and nothing twice, while others write`() async throws {
        try await Source.with("snapshot_whole", schema: Self.rows) { source in
            let configuration = source.configuration
            let stop = StopSignal()
            let written = Counter()
            async let writer: Void = DedicatedThread.run(name: "writer") { () throws(PostgresError) in
                let connection = try PostgresConnection(configuration)
                while !stop.isStopped {
                    let next = written.value.load(ordering: .relaxed)
                    try connection.execute("INSERT INTO rows VALUES (\(next), 'a'), (\(next + 1), 'b')")
                    written.value.add(2, ordering: .releasing)
                }
            }
            func waitForMore(_ count: Int) async throws {
                let target = written.value.load(ordering: .acquiring) + count
                try await eventually("the writer writes") { written.value.load(ordering: .acquiring) >= target }
            }
            try await waitForMore(20)
            let snapshot = try SnapshotSource(configuration, slot: source.slot, stop: StopSignal())
            try await waitForMore(20)
            let copied = try ids(configuration, snapshot.snapshotName)
            try await waitForMore(20)
            stop.stop()
            try await writer

            let total = written.value.load(ordering: .acquiring)
            let buffer = ChangeBuffer()
            let stream = try source.stream(from: snapshot.consistentPoint)
            try stream.receive(into: buffer) { _ in copied.count + buffer.changes.count >= total }
            let streamed = buffer.changes.map { Int(buffer.text(buffer.fields[Int($0.newStart)]))! }
            #expect(copied.count >= 20 && streamed.count >= 40)
            #expect(copied.sorted() + streamed == Array(0..<total))
            // The snapshot outlives the copy, and every reader sees the same.
            #expect(try ids(configuration, snapshot.snapshotName).sorted() == copied.sorted())
        }
    }

    @Test func `names what a slot waits for`() async throws {
        try await Source.with("snapshot_waits", schema: Self.rows) { source in
            let connection = try PostgresConnection(source.configuration)
            let writer = try PostgresConnection(source.configuration)
            #expect(try RunningTransactions.described(olderThan: 3600, connection) == nil)
            try writer.execute("SET application_name = 'nightly'; BEGIN; INSERT INTO rows VALUES (1, 'a')")
            let found = try #require(try RunningTransactions.described(olderThan: 0, connection))
            #expect(found.contains("(nightly, idle in transaction), which began at 20") && found.hasSuffix(" UTC"))
            try writer.execute("ROLLBACK")
            #expect(try RunningTransactions.described(olderThan: 0, connection)?.contains("nightly") != true)
        }
    }

    private func ids(_ configuration: PostgresConfiguration, _ snapshot: String) throws -> [Int] {
        let reader = try SnapshotCopy(configuration, snapshot: snapshot, stop: StopSignal())
        let buffer = ChangeBuffer()
        var ids: [Int] = []
        _ = try reader.copy(
            Self.table, columns: Self.columns, relation: 0, into: buffer, maxRows: 100, maxBytes: 1 << 20
        ) {
            ids += buffer.changes.map { Int(buffer.text(buffer.fields[Int($0.newStart)]))! }
            buffer.removeAll()
        }
        return ids
    }

    @Test func `rows come in portions that keep to the limits`() async throws {
        try await Source.with("snapshot_portions", schema: Self.rows) { source in
            try source.admin.execute("INSERT INTO rows SELECT n, repeat('x', 100) FROM generate_series(1, 1000) n")
            let snapshot = try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            let reader = try SnapshotCopy(
                source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            let buffer = ChangeBuffer()
            func portions(where filter: String? = nil, maxRows: Int, maxBytes: Int) throws -> [Int] {
                var portions: [Int] = []
                let total = try reader.copy(
                    Self.table, columns: Self.columns, where: filter, relation: 0, into: buffer, maxRows: maxRows,
                    maxBytes: maxBytes
                ) {
                    portions.append(buffer.changes.count)
                    buffer.removeAll()
                }
                #expect(total.rows == portions.reduce(0, +))
                #expect(total.bytes >= total.rows * 100)
                return portions
            }
            #expect(try portions(maxRows: 300, maxBytes: .max) == [300, 300, 300, 100])
            #expect(try portions(maxRows: 500, maxBytes: .max) == [500, 500])
            // A header of 19 bytes, then 9 rows of 111, 90 of 112 and 433 of 113 are the first to reach the limit.
            #expect(try portions(maxRows: .max, maxBytes: 60_000) == [532, 468])
            #expect(try portions(where: "id <= 10 OR id = 1000", maxRows: 10, maxBytes: .max) == [10, 1])
            #expect(try portions(where: "false", maxRows: 10, maxBytes: .max) == [])
        }
    }

    /// The oracle is the server: the stream's text tuples are what the output functions print.
    @Test func `columns as text are what the stream's text tuples are`() async throws {
        let types = [
            "inet", "char(5)", "bool", "text[]", "numeric", "pair", "interval", "jsonb", "bytea", "regclass", "money",
            "timestamptz", "float8", "\"char\"", "xml", "point", "int4range", "bit(3)", "cidr", "odd.mood", "text",
        ]
        let values = [
            "'10.0.0.1'", "'ab'", "true", "ARRAY['a', NULL, 'b c', '']", "1.50", "ROW(NULL, NULL)",
            "'1 year 2 days 03:04:05.6'", "'{\"b\": 1, \"a\": null}'", "'\\x00ff'", "'odd.t'::regclass", "12.5",
            "'2024-02-29 12:00:00.5+02'", "0.1", "'x'", "'<a/>'", "'(1,2)'", "'[1,5)'", "'101'", "'10.0.0.0/8'",
            "'very happy'", "''",
        ]
        let list = types.enumerated().map { "c\($0) \($1)" }.joined(separator: ", ")
        let schema = """
            CREATE SCHEMA odd; CREATE TYPE odd.mood AS ENUM ('very happy'); CREATE TYPE pair AS (a int, b text);
            CREATE TABLE odd.t (\(list)); ALTER TABLE odd.t REPLICA IDENTITY FULL
            """
        try await Source.with("snapshot_text", schema: schema) { source in
            try source.createSlot()
            try source.admin.execute("INSERT INTO odd.t VALUES (\(values.joined(separator: ", ")))")
            try source.admin.execute("INSERT INTO odd.t VALUES (\(values.map { _ in "NULL" }.joined(separator: ", ")))")
            let streamed = ChangeBuffer()
            let stream = try source.stream()
            try stream.receive(transactions: 2, into: streamed)
            stream.finish()

            let snapshot = try SnapshotSource(source.configuration, slot: "snapshot_text_2", stop: StopSignal())
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            let copied = ChangeBuffer()
            copied.relations = streamed.relations
            _ = try reader.copy(
                QualifiedName(schema: "odd", name: "t"),
                columns: types.indices.map { SnapshotCopy.Column(name: "c\($0)", asText: true) }, relation: 0,
                into: copied, maxRows: 100, maxBytes: 1 << 20
            ) {}
            #expect(copied.lines == streamed.lines)
            #expect(copied.lines.count == 2 && copied.lines[0].contains("very happy"))
            #expect(copied.fields.suffix(types.count).allSatisfy { $0.kind == .null })
        }
    }

    @Test func `columns in binary are what the stream's binary tuples are`() async throws {
        let schema = """
            CREATE TABLE "Tüte ""7"" x" (
                "a b" bigint PRIMARY KEY, "SELECT" text, n numeric, u uuid, at timestamptz, list int[], flag bool)
            """
        try await Source.with("snapshot_binary", schema: schema) { source in
            try source.createSlot()
            try source.admin.execute(
                """
                INSERT INTO "Tüte ""7"" x" VALUES
                    (1, 'ä', -1.50, gen_random_uuid(), now(), '{1,NULL,3}', true),
                    (2, repeat('long', 100000), NULL, NULL, NULL, NULL, NULL),
                    (-3, '', 'NaN', NULL, 'infinity', '{}', false)
                """)
            let streamed = ChangeBuffer()
            let stream = try source.stream(binary: true)
            try stream.receive(transactions: 1, into: streamed)
            stream.finish()
            let snapshot = try SnapshotSource(source.configuration, slot: "snapshot_binary_2", stop: StopSignal())
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            let copied = ChangeBuffer()
            copied.relations = streamed.relations
            _ = try reader.copy(
                streamed.relations[0].name,
                columns: streamed.relations[0].columns.map { SnapshotCopy.Column(name: $0.name, asText: false) },
                relation: 0, into: copied, maxRows: 100, maxBytes: 1 << 24
            ) {}
            #expect(copied.isSound)
            #expect(copied.lines == streamed.lines)
            #expect(copied.lines.count == 3)
        }
    }

    @Test func `a parent's rows are its own, a partitioned table's are its partitions'`() async throws {
        let schema = """
            CREATE TABLE rows (id int, v text) PARTITION BY RANGE (id);
            CREATE TABLE rows_1 PARTITION OF rows FOR VALUES FROM (0) TO (10);
            CREATE TABLE rows_2 PARTITION OF rows FOR VALUES FROM (10) TO (20);
            CREATE TABLE mother (id int, v text); CREATE TABLE child () INHERITS (mother);
            INSERT INTO rows VALUES (1, 'a'), (11, 'b');
            INSERT INTO mother VALUES (1, 'hers'); INSERT INTO child VALUES (2, 'its')
            """
        try await Source.with("snapshot_parents", schema: schema) { source in
            let snapshot = try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            func count(_ name: String) throws -> Int {
                let buffer = ChangeBuffer()
                return try reader.copy(
                    QualifiedName(schema: "public", name: name), columns: Self.columns, relation: 0, into: buffer,
                    maxRows: 100, maxBytes: 1 << 20
                ) { buffer.removeAll() }.rows
            }
            #expect(try count("rows") == 2)
            #expect(try count("mother") == 1)
            #expect(try count("child") == 1)
        }
    }

    // MARK: What can be wrong

    @Test func `a table or column that is not there is named, and the reader ends with it`() async throws {
        try await Source.with("snapshot_missing", schema: Self.rows) { source in
            let snapshot = try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            let none = QualifiedName(schema: "public", name: "none")
            #expect(failure(of: reader, none, Self.columns)?.kind == .tableMissing)
            let column = failure(of: reader, Self.table, [.init(name: "w", asText: false)])
            #expect(column?.postgres?.sqlState == "42703")
            #expect(column?.relation == Self.table)
        }
    }

    @Test func `a policy that hides rows refuses the copy instead of cutting it`() async throws {
        let schema =
            Self.rows + """
                ; ALTER TABLE rows ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON rows USING (id > 1);
                CREATE ROLE careful LOGIN REPLICATION; GRANT SELECT ON rows TO careful;
                INSERT INTO rows VALUES (1, 'hidden'), (2, 'seen')
                """
        try await Source.with("snapshot_policy", schema: schema) { source in
            let url = PostgresServer.current.url(database: source.name, user: "careful")
            let configuration = try PostgresConfiguration(url)
            let snapshot = try SnapshotSource(configuration, slot: source.slot, stop: StopSignal())
            let reader = try SnapshotCopy(configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            #expect(failure(of: reader, Self.table, Self.columns)?.postgres?.kind == .privilege)
            try source.admin.execute("DROP OWNED BY careful; DROP ROLE careful")
        }
    }

    @Test func `a snapshot ends with its exporter, and readers that have it keep it`() async throws {
        try await Source.with("snapshot_gone", schema: Self.rows) { source in
            try source.admin.execute("INSERT INTO rows VALUES (1, 'a')")
            let snapshot = try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            snapshot.close()
            try source.admin.execute("DELETE FROM rows")
            let buffer = ChangeBuffer()
            let total = try reader.copy(
                Self.table, columns: Self.columns, relation: 0, into: buffer, maxRows: 10, maxBytes: 1 << 20
            ) {}
            #expect(total.rows == 1)
            try await eventually("the snapshot is gone") {
                do throws(CaptureError) {
                    _ = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
                    return false
                } catch {
                    #expect(error.kind == .snapshotGone)
                    return true
                }
            }
        }
    }

    @Test func `a consumer that throws ends the copy with its own error`() async throws {
        struct Enough: Error {}
        try await Source.with("snapshot_consumer", schema: Self.rows) { source in
            try source.admin.execute("INSERT INTO rows SELECT n FROM generate_series(1, 100000) n")
            let snapshot = try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: StopSignal())
            let failure = #expect(throws: SnapshotCopyFailure<Enough>.self) {
                try reader.copy(
                    Self.table, columns: Self.columns, relation: 0, into: ChangeBuffer(), maxRows: 10,
                    maxBytes: 1 << 20
                ) { () throws(Enough) in throw Enough() }
            }
            guard case .consumer = failure else { return #expect(Bool(false), "\(String(describing: failure))") }
        }
    }

    @Test func `the stop signal ends a copy`() async throws {
        try await Source.with("snapshot_stop", schema: Self.rows) { source in
            try source.admin.execute("INSERT INTO rows SELECT n FROM generate_series(1, 1000) n")
            let snapshot = try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            let stop = StopSignal()
            let reader = try SnapshotCopy(source.configuration, snapshot: snapshot.snapshotName, stop: stop)
            // Sleeps in the middle of the rows that are sent.
            let error = failure(
                of: reader, Self.table, Self.columns, where: "id < 900 OR pg_sleep(60) IS NULL", maxRows: 1
            ) { stop.stop() }
            #expect(error?.kind == .stopped)
        }
    }

    @Test func `the stop signal ends the wait for running transactions`() async throws {
        try await Source.with("snapshot_waits", schema: Self.rows) { source in
            try source.admin.execute("BEGIN; INSERT INTO rows VALUES (1, 'running')")
            let configuration = source.configuration
            let slot = source.slot
            let stop = StopSignal()
            async let outcome = DedicatedThread.run(name: "snapshot") { () -> CaptureError? in
                do throws(CaptureError) {
                    _ = try SnapshotSource(configuration, slot: slot, stop: stop)
                    return nil
                } catch {
                    return error
                }
            }
            let watcher = try PostgresConnection(configuration)
            try await eventually("the slot is being made") {
                try watcher.query(
                    "SELECT FROM pg_stat_activity WHERE query LIKE 'CREATE_REPL%' AND wait_event_type = 'Lock'"
                )
                .count == 1
            }
            stop.stop()
            #expect(await outcome?.kind == .stopped)
            try source.admin.execute("ROLLBACK")
        }
    }

    @Test func `a slot that exists is named`() async throws {
        try await Source.with("snapshot_exists") { source in
            try source.createSlot()
            let error = #expect(throws: CaptureError.self) {
                try SnapshotSource(source.configuration, slot: source.slot, stop: StopSignal())
            }
            #expect(error?.kind == .slotExists)
            #expect(error?.description.contains(source.slot) == true)
        }
    }

    @Test func `a server without wal_level logical, or without a free slot, says what to set`() async throws {
        let replica = try await PostgresServer(settings: ["wal_level": "replica"])
        let level = #expect(throws: CaptureError.self) {
            try SnapshotSource(try PostgresConfiguration(replica.url()), slot: "s", stop: StopSignal())
        }
        #expect(level?.kind == .walLevel)
        let full = try await PostgresServer(settings: ["max_replication_slots": "1"])
        let configuration = try PostgresConfiguration(full.url())
        let first = try SnapshotSource(configuration, slot: "s", stop: StopSignal())
        let error = #expect(throws: CaptureError.self) {
            try SnapshotSource(configuration, slot: "t", stop: StopSignal())
        }
        #expect(error?.kind == .noFreeSlot)
        first.close()
    }
}

private final class Counter: Sendable {
    let value = Atomic(0)
}

/// The error of a copy that has to fail.
private func failure(
    of reader: SnapshotCopy, _ table: QualifiedName, _ columns: [SnapshotCopy.Column], where filter: String? = nil,
    maxRows: Int = 10, flush: () -> Void = {}
) -> CaptureError? {
    do throws(SnapshotCopyFailure<Never>) {
        _ = try reader.copy(
            table, columns: columns, where: filter, relation: 0, into: ChangeBuffer(), maxRows: maxRows,
            maxBytes: 1 << 20, flush: flush)
        return nil
    } catch {
        switch error {
        case .capture(let error): return error
        }
    }
}
