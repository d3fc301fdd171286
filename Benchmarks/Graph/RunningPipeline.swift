// Part of Lockstep. See LICENSE.

import Apply
import Bolt
import Mapping
import Pipeline
import PostgreSQL
import Synchronization
import TestServers
import Threading

/// A whole pipeline inside the benchmark's process, and when it was told what.
final class RunningPipeline: Sendable {
    private struct State {
        var snapshotBegan: MonotonicTime?
        var streaming: (since: MonotonicTime, from: LSN)?
        var acknowledged: [(time: MonotonicTime, checkpoint: Checkpoint)] = []
        var failure: String?
    }

    private let state = Mutex(State())

    private init() {}

    /// Runs a pipeline for the length of `body`.
    ///
    /// - Parameters:
    ///   - slot: To stream from; by default the mapping file's.
    ///   - graph: Instead of the mapping file's, which holds no password.
    ///   - port: Of the graph, where another than its own: a recorder's.
    static func with<Result: Sendable>(
        _ file: MappingFile, graph: BoltConfiguration, slot: String? = nil, port: Int? = nil,
        _ body: @Sendable (RunningPipeline) async throws -> Result
    ) async throws -> Result {
        let running = RunningPipeline()
        var settings = try PipelineSettings(file)
        settings.graph = graph
        if let slot { settings.slot = slot }
        if let port { settings.graph.port = UInt16(port) }
        settings.acknowledged = { running.note($0) }
        let run = PipelineRun(settings: settings, file: file) { running.note($0) }
        let stop = StopSignal()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await run.run(stop: stop, abandon: StopSignal()) } catch {
                    running.state.withLock { $0.failure = "\(error)" }
                }
            }
            do {
                let result = try await body(running)
                stop.stop()
                try await group.waitForAll()
                return result
            } catch {
                stop.stop()
                throw error
            }
        }
    }

    private func note(_ checkpoint: Checkpoint) {
        let now = MonotonicTime.now
        state.withLock { $0.acknowledged.append((now, checkpoint)) }
    }

    private func note(_ event: PipelineEvent) {
        let now = MonotonicTime.now
        state.withLock { state in
            switch event {
            case .snapshotStarted: state.snapshotBegan = now
            case .streaming(let from, _): state.streaming = state.streaming ?? (now, from)
            // A measurement with a second attempt in it is none.
            case .retrying(let error, _): state.failure = "\(error)"
            default: break
            }
        }
    }

    /// When the stream was opened, and from where.
    func streaming(within limit: Duration = .seconds(120)) async throws -> (since: MonotonicTime, from: LSN) {
        try await eventually("the pipeline streams", within: limit) { try look { $0.streaming } }
    }

    /// When the first read began.
    var snapshotBegan: MonotonicTime? { state.withLock { $0.snapshotBegan } }

    /// When the graph had acknowledged a checkpoint behind `position`.
    func reached(_ position: LSN, within limit: Duration = .seconds(600)) async throws -> MonotonicTime {
        try await eventually("the graph reaches \(position)", within: limit) {
            try look { state in
                guard let last = state.acknowledged.last, last.checkpoint.lsn > position else { return nil }
                return state.acknowledged.first { $0.checkpoint.lsn > position }?.time
            }
        }
    }

    /// Every acknowledgement so far.
    var acknowledged: [(time: MonotonicTime, checkpoint: Checkpoint)] { state.withLock { $0.acknowledged } }

    private func look<Value>(_ read: (borrowing State) -> Value?) throws -> Value? {
        let (value, failure) = state.withLock { (read($0), $0.failure) }
        if let failure { throw BenchmarkError("the pipeline failed: \(failure)") }
        return value
    }
}
