// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Tables whose equal rows are counted anew while the stream goes on.
///
/// Counts are read at a snapshot and set; from then on a change counts only if that snapshot does not show its transaction.
public struct Recounts: Sendable {
    /// Tables that are going to be read: what cannot be counted before that need not be.
    public var waiting: Set<QualifiedName>
    /// Of a table that has been read, whether its counts hold a transaction, by its number.
    public var holds: [QualifiedName: @Sendable (UInt32) -> Bool]

    public init(
        waiting: Set<QualifiedName> = [], holds: [QualifiedName: @Sendable (UInt32) -> Bool] = [:]
    ) {
        self.waiting = waiting
        self.holds = holds
    }

    var isEmpty: Bool { waiting.isEmpty && holds.isEmpty }

    public func holds(_ xid: UInt32, of table: QualifiedName) -> Bool { holds[table]?(xid) ?? false }

    /// Whether a change of a table may be left out altogether.
    func mayLose(_ xid: UInt32, of table: QualifiedName) -> Bool {
        waiting.contains(table) || holds(xid, of: table)
    }
}
