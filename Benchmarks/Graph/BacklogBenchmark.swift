// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Mapping
import Pipeline
import PostgreSQL
import TestServers
import Threading

/// A backlog of mixed changes brought into an empty graph by the whole pipeline, beside the very bytes that it sends,
/// recorded before and sent again by a client that does nothing else: over one connection, as many transactions under
/// way. In turns, from the same graph to the same graph.
struct BacklogBenchmark {
    /// As `GraphWriter.depth`.
    private static let depth = 2

    private let options: Options
    private let changes: Int
    private let runs: Int

    init(_ options: Options) throws {
        self.options = options
        changes = try options.number("changes", 200_000, tiny: 1500)
        runs = try options.number("runs", 3, tiny: 1)
    }

    func run() async throws {
        let source = try await Source(options, name: "backlog")
        let graph = try await Graph(options)
        let file = try source.mappingFile(graph: graph.url, slot: "lockstep_bench_backlog")
        print(
            "backlog: \(changes) mixed changes, \(source.serverVersion), \(try graph.version()), \(runs) runs each, "
                + "in turns\n  \(Machine.description)")

        // The first run sets everything up, with empty tables.
        try await RunningPipeline.with(file, graph: graph.configuration) { _ = try await $0.streaming() }
        let start = try graph.checkpoint()
        let slots = (0...runs).map { "lockstep_bench_backlog_\($0)" }
        for slot in slots {
            _ = try source.connection.query(
                "SELECT pg_copy_logical_replication_slot($1, $2)", [file.source.slot, slot])
        }
        try load(source)
        let end = try source.markEnd()

        // Recorded by the way that warms the graph server up.
        let recorder = try BoltRecorder(upstream: graph.port)
        try await RunningPipeline.with(file, graph: graph.configuration, slot: slots[runs], port: recorder.port) {
            _ = try await $0.reached(end)
        }
        recorder.stop()
        let recording = try BoltRecording(recorder.longest)
        let expected = try graph.checksum()
        let final = try graph.checkpoint()
        var replayStart = start
        replayStart["owner"] = final["owner"]

        let constraints = try file.resolve(against: try CatalogReader.read(source.connection)).constraints
        var ours: [Double] = []
        var cpu: [Double] = []
        var replayed: [Double] = []
        for index in 0..<runs {
            for isOurs in index % 2 == 0 ? [true, false] : [false, true] {
                try prepare(graph, constraints, isOurs ? start : replayStart)
                if isOurs {
                    let used = Usage.ownCPU
                    ours.append(try await stream(file, graph, slots[index], until: end))
                    cpu.append(Usage.ownCPU - used)
                } else {
                    var replay = try BoltReplay(recording, port: graph.port)
                    replayed.append(try replay.run(depth: Self.depth))
                }
                let found = try graph.checksum()
                guard found == expected else {
                    throw BenchmarkError("\(isOurs ? "the pipeline" : "the replay") made \(found), not \(expected)")
                }
            }
        }
        report(ours, cpu, replayed, recording, applied: try count(start, final), expected)
        try source.close()
    }

    private func load(_ source: Source) throws {
        var load = MixedLoad(seed: 20_260_101)
        try source.connection.execute(MixedLoad.base)
        var made = MixedLoad.baseChanges
        while made < changes {
            let (sql, count) = load.transaction(limit: changes - made)
            try source.connection.execute(sql)
            made += count
        }
    }

    /// The same start for both: Lockstep declares the constraints again, and in the time of its start the graph server
    /// gets over the deleting.
    private func prepare(
        _ graph: Graph, _ constraints: [GraphConstraint], _ checkpoint: [String: BoltValue]
    ) throws {
        try graph.clear()
        try graph.setCheckpoint(checkpoint)
        try graph.withChannel { channel in
            for constraint in constraints { _ = try channel.query(constraint.statement) }
        }
        Thread.sleep(forTimeInterval: options.isTiny ? 0 : 2)
    }

    /// Seconds from the opened stream to the last acknowledgement.
    private func stream(_ file: MappingFile, _ graph: Graph, _ slot: String, until end: LSN) async throws -> Double {
        try await RunningPipeline.with(file, graph: graph.configuration, slot: slot) { pipeline in
            let began = try await pipeline.streaming().since
            return (try await pipeline.reached(end) - began) / .seconds(1)
        }
    }

    private func count(_ start: [String: BoltValue], _ end: [String: BoltValue]) throws -> Int {
        guard let first = start["changes"]?.integerValue, let last = end["changes"]?.integerValue else {
            throw BenchmarkError("the checkpoint does not count changes")
        }
        return Int(last - first)
    }

    private func report(
        _ ours: [Double], _ cpu: [Double], _ replayed: [Double], _ recording: BoltRecording, applied: Int,
        _ graph: String
    ) {
        let rates = { (seconds: [Double]) in Samples(seconds.map { Double(applied) / $0 }) }
        let cpuText = Samples(cpu.map { $0 / Double(applied) * 1_000_000 }).text(2, "CPU s per million")
        print(
            """
              median (least-greatest)
              lockstep        \(rates(ours).text(0, "changes/s")), \(cpuText)
              replay          \(rates(replayed).text(0, "changes/s"))
              ratio of rates  \(fixed(rates(ours).median / rates(replayed).median, 3)), of the best \
            \(fixed(rates(ours).greatest / rates(replayed).greatest, 3))   (goal: 0.9)
              seconds, in turn  \(zip(ours, replayed).map { "\(fixed($0, 2))/\(fixed($1, 2))" }.joined(separator: " "))
              sent            \(applied) changes in \(recording.transactions.count) graph transactions, \
            \(recording.byteCount) bytes, checksum \(checksum(recording.checksum))
              graph           \(graph), the same after each run
            """)
    }
}
