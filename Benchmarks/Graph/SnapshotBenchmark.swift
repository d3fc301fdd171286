// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Mapping
import PostgreSQL
import TestServers
import Threading

/// The first read of a large table: beside COPY alone, whose rows are thrown away, and beside the very bytes that it sends
/// to the graph, sent again by a client that does nothing else. And what a kill in the middle costs.
struct SnapshotBenchmark {
    /// As `GraphWriter.depth`.
    private static let depth = 2

    private let options: Options
    private let rows: Int
    private let runs: Int

    init(_ options: Options) throws {
        self.options = options
        rows = try options.number("rows", 1_000_000, tiny: 1000)
        runs = try options.number("runs", 3, tiny: 1)
    }

    func run() async throws {
        let source = try await Source(options, name: "snapshot")
        let graph = try await Graph(options)
        print(
            "snapshot: \(rows) rows, each with a foreign key, \(source.serverVersion), \(try graph.version()), "
                + "\(runs) runs each, in turns\n  \(Machine.description)")
        try source.connection.execute(StreamLoad.base)
        try source.connection.execute(StreamLoad.transaction(rows: rows))
        try source.connection.execute("VACUUM ANALYZE")
        let slot = "lockstep_bench_snapshot"
        let file = try source.mappingFile(graph: graph.url, slot: slot)
        // So that a small one has ranges to go on with; here, so that a program that is missing is noticed before all else.
        let program = try Program(
            options, source, graph, slot: slot, more: options.isTiny ? "\nbatch: {rows: 20}\n" : "")
        defer { program.remove() }

        // Recorded by the way that warms the graph server up.
        let recorder = try BoltRecorder(upstream: graph.port)
        let recorded = try await read(file, graph, source, port: recorder.port)
        recorder.stop()
        print("  recorded        \(fixed(Double(rows) / recorded, 0)) rows/s, by a proxy, the graph server cold")
        fflush(nil)
        // A writer for each pass.
        let recordings = try recorder.all.filter { $0.count > 10_000 }.suffix(2).map(BoltRecording.init)
        let expected = try content(graph)
        let final = try graph.checkpoint()
        let constraints = try file.resolve(against: try CatalogReader.read(source.connection)).constraints
        guard recordings.count == 2 else { throw BenchmarkError("two passes were not recorded") }

        var (ours, copied, replayed, cpu): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
        for index in 0..<runs {
            copied.append(try copy(source))
            for isOurs in index % 2 == 0 ? [true, false] : [false, true] {
                try prepare(graph, constraints)
                if isOurs {
                    let used = Usage.ownCPU
                    ours.append(try await read(file, graph, source))
                    cpu.append(Usage.ownCPU - used)
                } else {
                    var begin = final
                    (begin["phase"], begin["changes"]) = (.string("snapshot"), .integer(0))
                    try graph.setCheckpoint(begin)
                    replayed.append(
                        try recordings.reduce(0) { seconds, recording in
                            var replay = try BoltReplay(recording, port: graph.port)
                            return seconds + (try replay.run(depth: Self.depth))
                        })
                }
                guard try content(graph) == expected else {
                    throw BenchmarkError("\(isOurs ? "the pipeline" : "the replay") made another graph")
                }
            }
        }
        report(ours, copied, replayed, cpu, expected, bytes: recordings.reduce(0) { $0 + $1.byteCount })
        // Whatever becomes of the rest, these figures are there.
        fflush(nil)
        try prepare(graph, constraints)
        let resumed = try await interrupted(program, source, graph, slot)
        guard try content(graph) == expected else { throw BenchmarkError("the interrupted read made another graph") }
        report(resumed)
        try source.close()
    }

    private func content(_ graph: Graph) throws -> String {
        try graph.withChannel { channel in
            for label in ["LockstepLoad", "LockstepTable"] { _ = try channel.query("MATCH (l:\(label)) DELETE l") }
        }
        return try graph.checksum()
    }

    private func prepare(_ graph: Graph, _ constraints: [GraphConstraint]) throws {
        try graph.clear()
        try graph.withChannel { channel in
            for constraint in constraints { _ = try channel.query(constraint.statement) }
        }
        Thread.sleep(forTimeInterval: options.isTiny ? 0 : 2)
    }

    /// Seconds of the first read, from the snapshot to the last acknowledgement.
    private func read(_ file: MappingFile, _ graph: Graph, _ source: Source, port: Int? = nil) async throws -> Double {
        try dropSlot(source, file.source.slot)
        return try await RunningPipeline.with(file, graph: graph.configuration, port: port) { pipeline in
            let end = try await pipeline.streaming(within: .seconds(3600)).since
            guard let began = pipeline.snapshotBegan else { throw BenchmarkError("there was no first read") }
            return (end - began) / .seconds(1)
        }
    }

    private func dropSlot(_ source: Source, _ slot: String) throws {
        _ = try source.connection.query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", [slot])
    }

    /// Seconds of what the two passes read of the large table, by one session after the other.
    private func copy(_ source: Source) throws -> Double {
        let began = MonotonicTime.now
        for columns in ["id, content_item_id, position, tokens, body, created_at", "id, content_item_id"] {
            var bytes = 0
            try source.connection.copyOut(
                "COPY (SELECT \(columns) FROM content_chunks) TO STDOUT (FORMAT binary)"
            ) { bytes += $0.byteCount }
            guard bytes > rows * 8 else { throw BenchmarkError("COPY gave \(bytes) bytes") }
        }
        return (MonotonicTime.now - began) / .seconds(1)
    }

    // MARK: Interrupted

    private struct Resumed {
        var share: Double
        var untilKill: Double
        /// From the start of the second process to the next range in the graph.
        var untilNext: Double
        var untilEnd: Double
    }

    private func interrupted(
        _ program: Program, _ source: Source, _ graph: Graph, _ slot: String
    ) async throws -> Resumed {
        try dropSlot(source, slot)
        let first = try program.start()
        let began = MonotonicTime.now
        try await eventually("half of it is read", within: .seconds(3600), every: .milliseconds(5)) {
            try share(graph) >= 0.5
        }
        first.sendToGroup(signal: SIGKILL)
        first.blockUntilExit()
        let killed = MonotonicTime.now
        let before = try share(graph)
        let second = try program.start()
        defer {
            second.sendToGroup(signal: SIGKILL)
            second.blockUntilExit()
        }
        try await eventually("it goes on", within: .seconds(600), every: .milliseconds(5)) { try share(graph) > before }
        let next = MonotonicTime.now
        try await eventually("it is done", within: .seconds(3600), every: .milliseconds(20)) {
            try graph.checkpoint()["phase"] == .string("streaming")
        }
        let end = MonotonicTime.now
        second.send(signal: SIGTERM)
        try await second.waitForExit()
        return Resumed(
            share: before, untilKill: (killed - began) / .seconds(1), untilNext: (next - killed) / .seconds(1),
            untilEnd: (end - killed) / .seconds(1))
    }

    /// How much is read, by the blocks.
    private func share(_ graph: Graph) throws -> Double {
        try graph.withChannel { channel in
            let row = try channel.query(
                "MATCH (l:LockstepLoad) RETURN sum(l.blocks), sum(l.totalBlocks), count(l)"
            ).rows.first
            guard let done = row?[0].integerValue, let all = row?[1].integerValue, all > 0 else { return 0 }
            return Double(done) / Double(all)
        }
    }

    private func report(
        _ ours: [Double], _ copied: [Double], _ replayed: [Double], _ cpu: [Double], _ graph: String, bytes: Int
    ) {
        let rates = { (seconds: [Double]) in Samples(seconds.map { Double(rows) / $0 }) }
        let cpuText = Samples(cpu.map { $0 / Double(rows) * 1_000_000 }).text(2, "CPU s per million")
        print(
            """
              median (least-greatest)
              lockstep        \(rates(ours).text(0, "rows/s")), \(cpuText)
              COPY alone      \(rates(copied).text(0, "rows/s")), the columns of both passes
              replay          \(rates(replayed).text(0, "rows/s"))
              ratio of rates  \(fixed(rates(ours).median / rates(replayed).median, 3)) to the replay, \
            \(fixed(rates(ours).median / rates(copied).median, 3)) to COPY
              sent            \(bytes) bytes; graph \(graph), the same after each run
            """)
    }

    private func report(_ resumed: Resumed) {
        print(
            "  killed at \(fixed(resumed.share * 100, 0)) %  after \(fixed(resumed.untilKill, 1)) s; the next range "
                + "\(fixed(resumed.untilNext, 2)) s behind the start, the end \(fixed(resumed.untilEnd, 1)) s behind it"
        )
    }
}
