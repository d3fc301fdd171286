// Part of Lockstep. See LICENSE.

internal import Synchronization

/// Rows read by all readers together, told on at most every hundred milliseconds or so.
final class SnapshotProgress: Sendable {
    private let done = Atomic<Int64>(0)
    private let total: Int64
    private let report: @Sendable (PipelineEvent) -> Void

    init(total: Int64, report: @escaping @Sendable (PipelineEvent) -> Void) {
        self.total = total
        self.report = report
    }

    var rows: Int64 { done.load(ordering: .relaxed) }

    func add(_ rows: Int, table: String) {
        let now = done.add(Int64(rows), ordering: .relaxed).newValue
        report(.snapshotProgress(done: now, total: max(total, now), table: table))
    }
}
