// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// How far a transaction is applied that is too large for one graph transaction.
///
/// While the checkpoint has one, the graph is not a state that PostgreSQL had.
public struct PartialTransaction: Sendable, Equatable {
    /// In this order.
    public enum Pass: String, Sendable, CaseIterable {
        /// What truncated tables were before goes.
        case truncations
        /// Cypher of somebody's own takes away what rows have made that go, while they are as they were.
        case retractions
        /// Nodes are made and changed; those whose rows go are marked.
        case nodes
        /// Relationships are made and deleted, between nodes that are all there.
        case relationships
        /// Marked nodes are deleted.
        case departures
    }

    public var commitLSN: LSN
    public var pass: Pass
    /// Changes of the transaction that this pass is done with, those without effect included.
    public var changes: Int

    public init(commitLSN: LSN, pass: Pass, changes: Int) {
        self.commitLSN = commitLSN
        self.pass = pass
        self.changes = changes
    }
}
