// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Which transactions a snapshot shows, and where in the WAL all of them are behind.
public struct SnapshotPosition: Sendable, Equatable {
    /// Every transaction that it shows committed before it.
    public var lsn: LSN
    /// No transaction from this one on is shown.
    var xmax: UInt64
    /// Earlier ones that had not ended for the snapshot.
    public private(set) var running: Set<UInt64>
    /// As `pg_snapshot` prints it.
    public let text: String
    /// Whether ``shows(_:)`` tells of every transaction. A standby does not say which ones run: there it is so only where none
    /// does.
    public let isExact: Bool

    /// - Parameter text: As `pg_snapshot` prints it: `xmin:xmax:xid,xid`.
    public init?(_ text: String, lsn: LSN, isOfStandby: Bool = false) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, let xmax = UInt64(parts[1]) else { return nil }
        self.text = text
        isExact = !isOfStandby || parts[0] == parts[1]
        self.lsn = lsn
        self.xmax = xmax
        running = Set(parts[2].split(separator: ",").compactMap { UInt64($0) })
    }

    /// Whether the snapshot shows a transaction that is known to have committed.
    ///
    /// A transaction is in the stream as soon as its commit record is; other sessions see it a moment later, or much later
    /// where it waits for a standby. So a snapshot may be older than what was received before it was taken, and only the
    /// transactions' numbers tell.
    ///
    /// - Parameter xid: Its number as the stream has it, without the epoch; of the last two thousand million.
    public func shows(_ xid: UInt32) -> Bool {
        let distance = Int32(bitPattern: xid &- UInt32(truncatingIfNeeded: xmax))
        guard distance < 0 else { return false }
        return !running.contains(xmax &- UInt64(distance.magnitude))
    }

    /// Whether everything that another snapshot shows is shown here, too.
    public func shows(everythingOf other: SnapshotPosition) -> Bool {
        // Those that the other one took for running need not be shown; those behind its end it does not show either.
        guard xmax >= other.xmax || (xmax..<other.xmax).allSatisfy({ other.running.contains($0) }) else { return false }
        return running.allSatisfy { $0 >= other.xmax || other.running.contains($0) }
    }
}
