// Part of Lockstep. See LICENSE.

import Capture
import Foundation
import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

/// Transactions that a real server streams while they run: it has little memory for them.
@Suite(.postgres(settings: ["logical_decoding_work_mem": "64kB"]), .serialized)
struct StreamedTransactionTests {
    private static let rows = "CREATE TABLE rows (id int PRIMARY KEY, note text)"
    private static let other = "CREATE TABLE other (id int PRIMARY KEY)"

    /// What came: per transaction its changes, as the lines of ``ChangeBuffer/lines``.
    private struct Outcome {
        var transactions: [[String]] = []
        var commitLSNs: [LSN] = []
        /// How many of them were streamed.
        var spooled = 0
    }

    private static func receive(_ count: Int, from stream: ReplicationStream) throws -> Outcome {
        var outcome = Outcome()
        let buffer = ChangeBuffer()
        let deadline = MonotonicTime.after(.seconds(30))
        while outcome.transactions.count < count {
            try #require(MonotonicTime.now < deadline, "only \(outcome.transactions.count) transactions came")
            switch try stream.receive(into: buffer) {
            case .nothing: try stream.wait(wakeups: [], deadline: deadline)
            case .spooled:
                let spooled = try #require(stream.spooled)
                #expect(try stream.replay(spooled, into: buffer))
                #expect(spooled.changeCount == buffer.changes.count)
                outcome.spooled += 1
                take(buffer, into: &outcome)
            case .transaction: take(buffer, into: &outcome)
            default: break
            }
        }
        return outcome
    }

    private static func take(_ buffer: ChangeBuffer, into outcome: inout Outcome) {
        outcome.transactions.append(buffer.lines)
        outcome.commitLSNs += buffer.transactions.map(\.commitLSN)
        #expect(buffer.transactions.count == 1)
        #expect(buffer.transactions.last?.changeCount == buffer.changes.count)
        buffer.removeAll()
    }

    private static func inserts(_ ids: some Sequence<Int>) -> [String] {
        ids.map { "insert public.rows new(\($0), 100 bytes)" }
    }

    private static func insert(_ ids: ClosedRange<Int>) -> String {
        "INSERT INTO rows SELECT i, repeat('x', 100) FROM generate_series(\(ids.lowerBound), \(ids.upperBound)) i;"
    }

    @Test func `interleaved transactions come whole, in commit order, without what was rolled back`() async throws {
        try await Source.with("streamed_interleaved", schema: Self.rows + ";" + Self.other) { source in
            try source.createSlot()
            let (a, b, c) = (
                try PostgresConnection(source.configuration), try PostgresConnection(source.configuration),
                try PostgresConnection(source.configuration)
            )
            for session in [a, b, c] { try session.execute("BEGIN") }
            try a.execute(Self.insert(1...1500))
            try b.execute(Self.insert(10_001...11_500))
            try c.execute(Self.insert(20_001...21_500))
            try a.execute("SAVEPOINT s;" + Self.insert(1501...3000) + "ROLLBACK TO s")
            try b.execute("SAVEPOINT s;" + Self.insert(11_501...13_000) + "RELEASE s")
            try source.admin.execute("INSERT INTO other VALUES (1)")
            try a.execute(Self.insert(3001...3100))
            try c.execute("ROLLBACK")
            try b.execute("COMMIT")
            try source.admin.execute("INSERT INTO other VALUES (2)")
            try a.execute("COMMIT")
            // Its relation is known by then from a streamed transaction only.
            try source.admin.execute(Self.insert(5000...5000))

            let stream = try source.stream()
            let outcome = try Self.receive(5, from: stream)
            stream.finish()
            #expect(outcome.transactions[0] == ["insert public.other new(1)"])
            #expect(outcome.transactions[1] == Self.inserts(10_001...13_000))
            #expect(outcome.transactions[2] == ["insert public.other new(2)"])
            #expect(outcome.transactions[3] == Self.inserts(Array(1...1500) + Array(3001...3100)))
            #expect(outcome.transactions[4] == Self.inserts([5000]))
            #expect(outcome.spooled == 2)
            #expect(outcome.commitLSNs == outcome.commitLSNs.sorted())
            #expect(Set(outcome.commitLSNs).count == 5)
        }
    }

    @Test func `nested subtransactions are undone, and with them even the first announcement of a table`() async throws
    {
        try await Source.with("streamed_nested", schema: Self.rows + ";" + Self.other) { source in
            try source.createSlot()
            try source.admin.execute("BEGIN; INSERT INTO other VALUES (1)")
            // The first that the stream says of the table is in a subtransaction that goes.
            try source.admin.execute("SAVEPOINT a;" + Self.insert(1...1000))
            try source.admin.execute("SAVEPOINT b;" + Self.insert(1001...2000) + "RELEASE b")
            try source.admin.execute(Self.insert(2001...2100) + "ROLLBACK TO a; RELEASE a")
            try source.admin.execute(Self.insert(1...1000))
            for round in 0..<20 {
                let first = 10_000 + round * 1000
                try source.admin.execute("SAVEPOINT o; SAVEPOINT i;" + Self.insert(first...first + 899) + "RELEASE i")
                try source.admin.execute(Self.insert(first + 900...first + 999))
                try source.admin.execute(round % 2 == 0 ? "ROLLBACK TO o; RELEASE o" : "RELEASE o")
            }
            try source.admin.execute("COMMIT")
            let stream = try source.stream()
            let outcome = try Self.receive(1, from: stream)
            stream.finish()
            var kept = Array(1...1000)
            for round in stride(from: 1, to: 20, by: 2) {
                let first = 10_000 + round * 1000
                kept += Array(first...first + 999)
            }
            #expect(outcome.spooled == 1)
            #expect(outcome.transactions[0] == ["insert public.other new(1)"] + Self.inserts(kept))
        }
    }

    /// What the server has read before the slot's position it does not stream a second time.
    @Test func `a large one that comes whole after a restart waits in a file, too`() async throws {
        try await Source.with("streamed_restart", schema: Self.rows + ";" + Self.other) { source in
            try source.createSlot()
            try source.admin.execute("BEGIN;" + Self.insert(1...120_000))
            let second = try PostgresConnection(source.configuration)
            try second.execute("INSERT INTO other VALUES (1)")
            let first = try source.stream()
            let before = try Self.receive(1, from: first)
            #expect(before.transactions == [["insert public.other new(1)"]])
            let position = first.lastServerPosition
            try first.confirm(written: position, flushed: position)
            first.finish()
            try source.admin.execute("ALTER TABLE rows ADD more int; INSERT INTO rows VALUES (0, '', 7)")
            try source.admin.execute("DELETE FROM rows WHERE id IN (1, 2); TRUNCATE other; COMMIT")
            try second.execute("INSERT INTO other VALUES (2); INSERT INTO rows VALUES (-1, '', 8)")
            let outcome = try Self.receive(2, from: try source.stream(from: position))
            #expect(outcome.spooled == 1)
            #expect(outcome.transactions.first?.count == 120_000 + 4)
            #expect(
                outcome.transactions.first?.suffix(4) == [
                    "insert public.rows new(0, , 7)", "delete public.rows key(1, null, null)",
                    "delete public.rows key(2, null, null)", "truncate public.other",
                ])
            #expect(outcome.transactions.last == ["insert public.other new(2)", "insert public.rows new(-1, , 8)"])
        }
    }

    @Test func `every kind of change can be read again, in pieces`() async throws {
        try await Source.with("streamed_pieces", schema: Self.rows + ";" + Self.other) { source in
            try source.admin.execute("INSERT INTO other VALUES (1), (2)")
            try source.createSlot()
            try source.admin.execute(
                """
                BEGIN; \(Self.insert(1...2000)) UPDATE rows SET note = 'n' WHERE id <= 500;
                UPDATE rows SET id = id + 5000 WHERE id <= 10; TRUNCATE other;
                SELECT pg_logical_emit_message(true, 'p', repeat('m', 300000));
                INSERT INTO other VALUES (3); DELETE FROM rows WHERE id > 1000 AND id < 2000; COMMIT
                """)
            let stream = try source.stream(binary: true)
            let whole = ChangeBuffer()
            try stream.receive(transactions: 1, into: whole)
            let spooled = try #require(stream.spooled)
            #expect(spooled.changeCount == 2000 + 500 + 10 + 1 + 1 + 999)
            #expect(spooled.changeCount == whole.changes.count)
            #expect(spooled.mayLeaveKeys)
            let lines = whole.lines
            whole.removeAll()
            for rows in [1, 7, 1000] {
                spooled.rewind()
                var pieces: [String] = []
                var isLast = false
                while !isLast {
                    isLast = try stream.replay(spooled, into: whole, rows: rows)
                    #expect(whole.changes.count <= rows)
                    pieces += whole.lines
                    whole.removeAll()
                }
                #expect(pieces == lines)
            }
            // What comes afterwards is whole again.
            try source.admin.execute("INSERT INTO other VALUES (9)")
            try stream.receive(transactions: 1, into: whole)
            #expect(whole.lines == ["insert public.other new(\\x00000009)"])
            stream.finish()
        }
    }

    @Test func `a server that was given less memory keeps it, one with more does not`() async throws {
        try await Source.with("streamed_memory", schema: Self.rows) { source in
            try source.createSlot()
            // Less than 16 MB: with the server's own 64 MB it would come whole.
            try source.admin.execute("ALTER DATABASE streamed_memory SET logical_decoding_work_mem = '64MB'")
            try source.admin.execute(Self.insert(1...1000))
            try source.admin.execute("BEGIN;" + Self.insert(2001...120_000) + "COMMIT")
            let stream = try source.stream()
            let outcome = try Self.receive(2, from: stream)
            stream.finish()
            #expect(outcome.transactions.map(\.count) == [1000, 118_000])
            #expect(outcome.spooled == 1)
        }
    }

    @Test func `files leave no name behind, and a folder that cannot be used is named`() async throws {
        try await Source.with("streamed_folder", schema: Self.rows) { source in
            try source.createSlot()
            try source.admin.execute(Self.insert(1...5000))
            let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            func stream(_ spool: String) throws -> ReplicationStream {
                try ReplicationStream(
                    source.configuration, slot: source.slot, publication: Source.publication, from: .zero,
                    binary: false, spool: spool, stop: StopSignal())
            }
            let good = try stream(folder.path)
            let buffer = ChangeBuffer()
            try good.receive(transactions: 1, into: buffer)
            #expect(good.spooled != nil)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            good.finish()

            let missing = folder.appending(path: "no/such").path
            let bad = try stream(missing)
            let error = #expect(throws: CaptureError.self) {
                try bad.receive(transactions: 1, into: ChangeBuffer())
            }
            #expect(error?.kind == .spool)
            #expect(error?.message.contains(missing) == true)
            #expect(error?.isTransient == false)
            bad.finish()
        }
    }
}
