// Part of Lockstep. See LICENSE.

import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

@testable import Capture

struct `What a snapshot shows` {
    private static func snapshot(_ text: String) throws -> SnapshotPosition {
        try #require(SnapshotPosition(text, lsn: .zero))
    }

    @Test func `is every transaction before its end that did not run`() throws {
        let snapshot = try Self.snapshot("95:100:95,97")
        for xid: UInt32 in [1, 94, 96, 99] { #expect(snapshot.shows(xid)) }
        for xid: UInt32 in [95, 97, 100, 101, 5000] { #expect(!snapshot.shows(xid)) }
        #expect(try Self.snapshot("7:7:").shows(6))
        for text in ["", "1:2", "1:x:"] { #expect(SnapshotPosition(text, lsn: .zero) == nil) }
    }

    @Test func `is known of a standby only where nothing runs`() throws {
        for (text, isExact) in [("100:100:", true), ("95:100:", false), ("95:100:95", true)] {
            let isOfStandby = text != "95:100:95"
            let snapshot = try #require(SnapshotPosition(text, lsn: .zero, isOfStandby: isOfStandby))
            #expect(snapshot.isExact == isExact && snapshot.text == text)
        }
    }

    @Test func `is the same where the numbers begin anew`() throws {
        // Three behind the second wrap-around.
        let end = (UInt64(2) << 32) + 3
        let snapshot = try Self.snapshot("\(end - 5):\(end):\(end - 5),\(end - 2)")
        for xid: UInt32 in [0, 2, .max, .max - 100] { #expect(snapshot.shows(xid)) }
        for xid: UInt32 in [1, .max - 1, 3, 4] { #expect(!snapshot.shows(xid)) }
    }

    @Test func `contains what another one shows, or lacks some of it`() throws {
        let slot = try Self.snapshot("90:100:90,97")
        for text in ["100:100:", "90:100:90,97", "90:120:90,97,110", "97:101:97", "90:99:90"] {
            let isMissingOne = text == "90:99:90"
            #expect(try Self.snapshot(text).shows(everythingOf: slot) == !isMissingOne, "\(text)")
        }
        #expect(try !Self.snapshot("95:120:95").shows(everythingOf: slot))
    }
}

@Suite(.postgres(), .serialized)
struct `Ranges of a table` {
    private static let table = QualifiedName(schema: "public", name: "rows")
    private static let schema = """
        CREATE TABLE rows (id int PRIMARY KEY, v text);
        INSERT INTO rows SELECT n, repeat('x', n % 300) FROM generate_series(1, 3000) n;
        """

    private func ids(_ reader: SnapshotCopy, _ heap: TableHeap, _ range: Range<UInt32>) throws -> [Int] {
        let buffer = ChangeBuffer()
        _ = try reader.copy(
            heap.name, columns: [.init(name: "id", asText: true)], where: heap.condition(range), relation: 0,
            into: buffer, maxRows: .max, maxBytes: .max
        ) {}
        return buffer.changes.map { Int(buffer.text(buffer.fields[Int($0.newStart)]))! }
    }

    @Test func `have every row once, those that came later in the last one`() async throws {
        try await Source.with("ranges_whole", schema: Self.schema) { source in
            let reader = try SnapshotCopy(source.configuration, stop: StopSignal())
            let heap = try #require(try reader.heaps(of: Self.table, inOnePiece: false).first)
            #expect(heap.blocks > 20 && !heap.isWhole)
            try source.admin.execute("INSERT INTO rows SELECT n, repeat('y', 300) FROM generate_series(3001, 3500) n")
            _ = try reader.begin()
            let ends: [UInt32] = [0, heap.blocks / 3, heap.blocks / 2, heap.blocks]
            let found = try zip(ends, ends.dropFirst()).map { try ids(reader, heap, $0..<$1) }
            #expect(found.allSatisfy { $0.count > 300 })
            #expect(found.flatMap(\.self).sorted() == Array(1...3500))
            let whole = try #require(try reader.heaps(of: Self.table, inOnePiece: true).first)
            #expect(whole.blocks == 1)
            #expect(try ids(reader, whole, 0..<1).count == 3500)
        }
    }

    @Test func `are waited for with a word every second`() async throws {
        try await Source.with("ranges_slow", schema: Self.schema) { source in
            let reader = try SnapshotCopy(source.configuration, stop: StopSignal())
            let buffer = ChangeBuffer()
            var waits = 0
            _ = try reader.copy(
                Self.table, rows: { _ in "(SELECT 1 AS id FROM pg_sleep(1.3))" },
                columns: [.init(name: "id", asText: true)], relation: 0, into: buffer, maxRows: .max, maxBytes: .max,
                waiting: { waits += 1 }
            ) {}
            #expect(waits > 0 && buffer.changes.count == 1)
        }
    }

    @Test func `of a partitioned table are its partitions'`() async throws {
        let schema = """
            CREATE TABLE rows (id int PRIMARY KEY) PARTITION BY RANGE (id);
            CREATE TABLE low PARTITION OF rows FOR VALUES FROM (0) TO (100);
            CREATE TABLE high PARTITION OF rows FOR VALUES FROM (100) TO (1000) PARTITION BY RANGE (id);
            CREATE TABLE higher PARTITION OF high FOR VALUES FROM (100) TO (1000);
            INSERT INTO rows SELECT generate_series(0, 199);
            """
        try await Source.with("ranges_partitions", schema: schema) { source in
            let reader = try SnapshotCopy(source.configuration, stop: StopSignal())
            _ = try reader.begin()
            let heaps = try reader.heaps(of: Self.table, inOnePiece: false)
            #expect(heaps.map(\.name.name) == ["low", "higher"])
            // Who plans holds nobody up: the reader of a range could wait behind them, and they for the planner.
            try source.admin.execute(
                "SET lock_timeout = 200; BEGIN; LOCK TABLE rows IN ACCESS EXCLUSIVE MODE; ROLLBACK")
            #expect(try heaps.flatMap { try ids(reader, $0, 0..<$0.blocks) }.sorted() == Array(0..<200))
        }
    }

    @Test func `are void when the table was rewritten, and hold nobody up who wants to`() async throws {
        try await Source.with("ranges_void", schema: Self.schema) { source in
            let reader = try SnapshotCopy(source.configuration, stop: StopSignal())
            _ = try reader.begin()
            let heap = try #require(try reader.heaps(of: Self.table, inOnePiece: false).first)
            try reader.mark()
            #expect(try ids(reader, heap, 0..<heap.blocks).count == 3000)
            #expect(try reader.isUnchanged(heap))
            try source.admin.execute("SET lock_timeout = 200")
            #expect(throws: PostgresError.self) { try source.admin.execute("TRUNCATE rows") }
            try reader.letGo()
            try source.admin.execute("TRUNCATE rows")
            #expect(try ids(reader, heap, 0..<heap.blocks).isEmpty)
            #expect(try !reader.isUnchanged(heap))
        }
    }

    @Test func `need no rows to tell the types of columns, which then stay as they are`() async throws {
        let schema = "CREATE VIEW rows AS SELECT 1::int8 AS n, 'a'::varchar(3) AS \"T\" WHERE 1 / (SELECT 0) > 0"
        try await Source.with("ranges_types", schema: schema) { source in
            let reader = try SnapshotCopy(source.configuration, stop: StopSignal())
            _ = try reader.begin()
            #expect(try reader.types(of: ["T", "n"], in: Self.table.sql, called: Self.table) == [1043, 20])
            try source.admin.execute("SET lock_timeout = 200")
            #expect(throws: PostgresError.self) { try source.admin.execute("DROP VIEW rows") }
            try reader.end()
            try source.admin.execute("DROP VIEW rows")
            #expect(throws: CaptureError.self) { try reader.types(of: ["n"], in: Self.table.sql, called: Self.table) }
        }
    }

    @Test func `are shared by readers of one snapshot, which tells what it shows`() async throws {
        try await Source.with("ranges_shared", schema: Self.schema) { source in
            let first = try SnapshotCopy(source.configuration, stop: StopSignal())
            let position = try first.begin()
            let second = try SnapshotCopy(source.configuration, snapshot: try first.export(), stop: StopSignal())
            try source.admin.execute("BEGIN; DELETE FROM rows WHERE id = 1")
            let xid = try #require(
                try source.admin.query("SELECT pg_current_xact_id()").first?[0].flatMap { UInt32($0) })
            #expect(!position.shows(xid))
            let during = try SnapshotCopy(source.configuration, stop: StopSignal()).begin()
            #expect(!during.shows(xid) && during.shows(everythingOf: position))
            try source.admin.execute("COMMIT")
            let after = try SnapshotCopy(source.configuration, stop: StopSignal()).begin()
            #expect(after.shows(xid) && after.shows(everythingOf: during) && !during.shows(everythingOf: after))
            #expect(after.lsn > position.lsn)
            let heap = try #require(try second.heaps(of: Self.table, inOnePiece: false).first)
            #expect(try ids(second, heap, 0..<heap.blocks).count == 3000)
        }
    }
}
