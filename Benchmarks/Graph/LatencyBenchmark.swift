// Part of Lockstep. See LICENSE.

import Apply
import Bolt
import Foundation
import Mapping
import PostgreSQL
import Synchronization
import TestServers
import Threading

/// How long a COMMIT in PostgreSQL takes to be in the graph, at a steady rate of transactions that update one row each,
/// beside the floor: such graph transactions, fence and checkpoint included, recorded before and replayed one by one.
///
/// "In the graph" is when Lockstep has the graph's answer to the COMMIT of the graph transaction that covers it: from
/// then on every reader sees it. Counted from when PostgreSQL's answer to COMMIT is there, and from before COMMIT is sent.
struct LatencyBenchmark {
    private static let rows = 200

    private let options: Options
    private let rate: Int
    private let seconds: Int
    private let warmUpSeconds: Int

    init(_ options: Options) throws {
        self.options = options
        rate = try options.number("rate", 200, tiny: 100)
        seconds = try options.number("seconds", 25, tiny: 1)
        warmUpSeconds = options.isTiny ? 1 : 15
    }

    func run() async throws {
        let source = try await Source(options, name: "latency")
        let graph = try await Graph(options)
        let file = try source.mappingFile(graph: graph.url, slot: "lockstep_bench_latency")
        try source.connection.execute(MixedLoad.base)
        try source.connection.execute(
            """
            INSERT INTO threads SELECT i, 1 + i % 100, NULL, 'Thread ' || i, true FROM generate_series(1, 20) i;
            INSERT INTO messages SELECT i, 1 + i % 20, 1 + i % 500, 'Message ' || i, '2026-01-01Z'
                FROM generate_series(1, \(Self.rows)) i
            """)
        print(
            "latency: \(rate) transactions/s of one row for \(seconds) s, \(source.serverVersion), "
                + "\(try graph.version())\n  \(Machine.description)")

        let (recording, before) = try await record(source, graph, file)
        let floor = try Samples(replay(recording, graph, from: before, every: nil))
        let pacedFloor = try Samples(replay(recording, graph, from: before, every: .nanoseconds(1_000_000_000 / rate)))
        let (url, done) = (source.url, try transactions(graph))
        let measured = try await RunningPipeline.with(file, graph: graph.configuration) { [self] pipeline in
            _ = try await pipeline.streaming()
            // Not measured: what runs for the first time is slower, and 10 s after a plan was made Neo4j makes it again
            // where its statistics have changed.
            try Self.warmUp(url)
            let first = rate * warmUpSeconds
            _ = try await commit(url, pipeline, count: first, after: done + Int64(Self.warmUpSizes.count))
            return try await commit(
                url, pipeline, count: rate * seconds, after: done + Int64(Self.warmUpSizes.count + first))
        }
        report(measured, floor, pacedFloor, try graph.checksum())
        try source.close()
    }

    // MARK: The floor

    /// Graph transactions of one row each, as Lockstep sends them, and the checkpoint that they begin from.
    private func record(
        _ source: Source, _ graph: Graph, _ file: MappingFile
    ) async throws -> (BoltRecording, [String: BoltValue]) {
        let recorder = try BoltRecorder(upstream: graph.port)
        defer { recorder.stop() }
        let url = source.url
        let count = options.isTiny ? 50 : 1000
        let done = try? transactions(graph)
        let start = try await RunningPipeline.with(file, graph: graph.configuration, port: recorder.port) { pipeline in
            let start = try await pipeline.streaming().from
            let connection = try PostgresConnection(try PostgresConfiguration(url))
            for index in 0..<count {
                // Each alone in its graph transaction.
                try connection.execute(Self.update(index))
                try await eventually("update \(index) in the graph", every: .microseconds(500)) {
                    pipeline.acknowledged.last.map { $0.checkpoint.transactions > (done ?? 0) + Int64(index) } ?? false
                }
            }
            return start
        }
        var checkpoint = try graph.checkpoint()
        checkpoint["lsn"] = .string("\(start)")
        return (try BoltRecording(recorder.longest), checkpoint)
    }

    private func replay(
        _ recording: BoltRecording, _ graph: Graph, from checkpoint: [String: BoltValue], every interval: Duration?
    ) throws -> [Double] {
        try graph.setCheckpoint(checkpoint)
        var replay = try BoltReplay(recording, port: graph.port)
        // The first ones are made of memory's way for every row, and of plans.
        return Array(try replay.runOneByOne(every: interval).dropFirst(recording.transactions.count / 2))
    }

    // MARK: The pipeline

    /// Rows of the transactions that have the graph make its plans: Neo4j keeps one for each order of magnitude of `$rows`,
    /// and the first pause of anything would otherwise have it make the next, which is a longer pause.
    private static let warmUpSizes = [2, 5, 9, 12, 50, 90, 120, 200, 3, 30, 150, 6]

    private static func warmUp(_ url: String) throws {
        let connection = try PostgresConnection(try PostgresConfiguration(url))
        for size in warmUpSizes { try connection.execute("UPDATE messages SET body = 'Warm' WHERE id <= \(size)") }
    }

    /// When each COMMIT was about to be sent and when it was answered.
    private struct Commit: Sendable {
        var sent: MonotonicTime
        var answered: MonotonicTime
    }

    private struct Measured: Sendable {
        var fromSent: [Double] = []
        var fromAnswer: [Double] = []
        var graphTransactions = 0
    }

    private static func update(_ index: Int) -> String {
        "UPDATE messages SET body = 'Edited \(index)' WHERE id = \(1 + index % rows)"
    }

    /// - Parameter before: Transactions that the graph has: commits are counted from there.
    private func commit(
        _ url: String, _ pipeline: RunningPipeline, count: Int, after before: Int64
    ) async throws -> Measured {
        let seen = pipeline.acknowledged.count
        let interval = Duration.nanoseconds(1_000_000_000 / rate)
        let commits = try await DedicatedThread.run(name: "load") { () throws -> [Commit] in
            let connection = try PostgresConnection(try PostgresConfiguration(url))
            var next = MonotonicTime.now
            return try (0..<count).map { index in
                sleep(until: next)
                next = next + interval
                try connection.execute("BEGIN; " + Self.update(index))
                let sent = MonotonicTime.now
                try connection.execute("COMMIT")
                return Commit(sent: sent, answered: .now)
            }
        }
        try await eventually("the graph has all transactions") {
            pipeline.acknowledged.last.map { $0.checkpoint.transactions - before >= Int64(count) } ?? false
        }
        return match(commits, Array(pipeline.acknowledged.dropFirst(seen)), before)
    }

    private func transactions(_ graph: Graph) throws -> Int64 {
        try graph.checkpoint()["transactions"]?.integerValue ?? 0
    }

    /// The checkpoint counts transactions, and they come in commit order.
    private func match(
        _ commits: [Commit], _ acknowledged: [(time: MonotonicTime, checkpoint: Checkpoint)], _ before: Int64
    ) -> Measured {
        var measured = Measured(graphTransactions: acknowledged.count)
        var next = 0
        for (time, checkpoint) in acknowledged {
            let covered = min(Int(checkpoint.transactions - before), commits.count)
            while next < covered {
                measured.fromSent.append((time - commits[next].sent) / .milliseconds(1))
                measured.fromAnswer.append((time - commits[next].answered) / .milliseconds(1))
                next += 1
            }
        }
        return measured
    }

    private func report(_ measured: Measured, _ floor: Samples, _ pacedFloor: Samples, _ graph: String) {
        let (answer, sent) = (Samples(measured.fromAnswer), Samples(measured.fromSent))
        func line(_ samples: Samples) -> String {
            "p50 \(fixed(samples.median, 2)) ms, p99 \(fixed(samples.percentile(99), 2)) ms, "
                + "most \(fixed(samples.greatest, 2)) ms"
        }
        let ratio = { (floor: Samples) in
            "\(fixed(answer.median / floor.median, 2)) at p50, \(fixed(answer.percentile(99) / floor.percentile(99), 2)) at p99"
        }
        print(
            """
              after COMMIT's answer   \(line(answer))
              after COMMIT is sent    \(line(sent))
              floor, at that rate     \(line(pacedFloor))   ratio \(ratio(pacedFloor))   (goal: 2)
              floor, back to back     \(line(floor))   ratio \(ratio(floor))
              \(answer.sorted.count) transactions in \(measured.graphTransactions) graph transactions; graph \(graph)
            """)
    }
}
