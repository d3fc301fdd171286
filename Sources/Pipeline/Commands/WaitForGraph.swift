// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
public import PostgreSQL
public import Threading

/// Waits until the graph has reached a position of the WAL: read your writes (R29).
///
/// The slot is confirmed only up to a checkpoint that the graph has acknowledged. So PostgreSQL alone can tell, and no
/// running process is asked. Only where prepared transactions hold the slot back, the graph's checkpoint is asked itself.
public final class WaitForGraph {
    private static let interval: Duration = .milliseconds(20)

    private let settings: PipelineSettings
    private let source: PostgresConnection
    private let stop: StopSignal

    public init(_ settings: PipelineSettings, stop: StopSignal) throws(PipelineError) {
        self.settings = settings
        self.stop = stop
        source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source, stop: stop) }
    }

    /// The end of what is committed now.
    public func currentLSN() throws(PipelineError) -> LSN {
        try postgres { () throws(PostgresError) in try source.currentLSN() }
    }

    /// Blocks the calling thread until the graph has reached `lsn`.
    ///
    /// - Returns: False when `timeout` has passed before that.
    public func wait(for lsn: LSN, timeout: Duration) throws(PipelineError) -> Bool {
        let deadline = MonotonicTime.after(timeout)
        let lsn = try postgres { () throws(PostgresError) in try source.walLayout() }.recordEnd(lsn)
        try postgres { () throws(PostgresError) in try source.flushLog(to: lsn) }
        while true {
            let slot = try postgres { () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) }
            if let confirmed = slot?.confirmedFlushLSN, confirmed >= lsn, try isStreaming() { return true }
            if slot?.isTwoPhase == true { return try waitAtGraph(for: lsn, until: deadline) }
            if MonotonicTime.now >= deadline {
                // Until then the first `lockstep run` may be about to make it.
                guard slot != nil else {
                    throw PipelineError(
                        "there is no replication slot", "\(settings.source): \"\(settings.slot)\"",
                        remedy: "Start the pipeline with `lockstep run`.")
                }
                return false
            }
            guard stop.sleep(for: Self.interval) else { throw PipelineError("stopped") }
        }
    }

    /// Blocks the calling thread until the graph, which has reached `lsn`, has the rows of a view as they were there, or later.
    ///
    /// - Returns: False when `timeout` has passed before that.
    func wait(for view: ComputedMapping, at lsn: LSN, timeout: Duration) throws(PipelineError) -> Bool {
        try poll(every: .milliseconds(100), until: .after(timeout)) { graph throws(PipelineError) in
            let state = try ViewState.read(graph, pipeline: settings.name).first { $0.table == view.table }
            guard let state, let read = state.lsn else { return false }
            // What it has not read shows as a change that is pending, if it is one of a followed table.
            return read >= lsn || (!view.isByClock && !state.isPending)
        }
    }

    private func waitAtGraph(for lsn: LSN, until deadline: MonotonicTime) throws(PipelineError) -> Bool {
        try poll(every: Self.interval, until: deadline) { graph throws(PipelineError) in
            let checkpoint = try apply { () throws(ApplyError) in
                try GraphWriter.readCheckpoint(graph, pipeline: settings.name)
            }
            guard let checkpoint else { return false }
            return checkpoint.phase == .streaming && checkpoint.lsn >= lsn
        }
    }

    /// Asks the graph again and again.
    ///
    /// - Returns: False when the deadline has passed before the answer was yes.
    private func poll(
        every interval: Duration, until deadline: MonotonicTime,
        _ isReached: (BoltChannel) throws(PipelineError) -> Bool
    ) throws(PipelineError) -> Bool {
        try GraphConnection.use(settings.graph, abandon: stop) { graph throws(PipelineError) in
            while try !isReached(graph) {
                if MonotonicTime.now >= deadline { return false }
                guard stop.sleep(for: interval) else { throw PipelineError("stopped") }
            }
            return true
        }
    }

    /// A slot's first position is its consistent point, which the graph has reached only when the snapshot is in.
    private var hasSeenStreaming = false

    private func isStreaming() throws(PipelineError) -> Bool {
        if hasSeenStreaming { return true }
        let checkpoint = try GraphConnection.use(settings.graph, abandon: stop) { graph throws(PipelineError) in
            try apply { () throws(ApplyError) in try GraphWriter.readCheckpoint(graph, pipeline: settings.name) }
        }
        hasSeenStreaming = checkpoint?.phase == .streaming
        return hasSeenStreaming
    }
}
