// Part of Lockstep. See LICENSE.

internal import Capture
internal import Threading

/// What was going on while nobody kept a list of what was received: transactions that ran at a snapshot. What they committed
/// before may have been received, and is visible when they have ended.
struct EarlierTransactions {
    private let running: Set<UInt64>
    /// Nil where a transaction may wait for a standby, however long that takes.
    private let patience: MonotonicTime?

    /// - Parameter all: Whether each of them is to be waited for, however long that takes.
    init(_ snapshot: SnapshotPosition, _ reader: SnapshotCopy, all: Bool = false) throws(CaptureError) {
        running = snapshot.running
        let waits = try reader.waitsForStandbys()
        patience = all || waits ? nil : .after(.seconds(2))
    }

    func areVisible(in snapshot: SnapshotPosition) -> Bool {
        snapshot.running.isDisjoint(with: running) || patience.map { MonotonicTime.now >= $0 } ?? false
    }
}
