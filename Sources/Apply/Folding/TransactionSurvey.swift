// Part of Lockstep. See LICENSE.

public import Mapping
public import PostgreSQL

/// What has to be known of all of a transaction's changes before it is applied in parts.
///
/// Not `Sendable`: lives on the thread of the buffers that it looks at.
public struct TransactionSurvey {
    /// Of a table that was truncated, how many changes the transaction had up to and with its last truncation: none of
    /// that table's own among them counts.
    public private(set) var truncations: [QualifiedName: Int] = [:]
    /// The transaction cannot be cut: two rows may have the same key for a while, so that a part would not tell which of
    /// them a change is of.
    public private(set) var isIndivisible = false
    /// Changes looked at so far.
    public private(set) var changeCount = 0

    private let mapping: GraphMapping
    private let deferrable: Set<QualifiedName>
    /// By relation index: whether its key is deferrable.
    private var isDeferrable: [Bool] = []

    public init(mapping: GraphMapping) {
        self.mapping = mapping
        deferrable = Set(
            mapping.nodes.filter(\.isKeyDeferrable).map(\.table) + mapping.joins.filter(\.isKeyDeferrable).map(\.table))
    }

    /// Takes the next changes of the transaction.
    public mutating func look(at buffer: ChangeBuffer, _ range: Range<Int>) {
        for relation in buffer.relations.dropFirst(isDeferrable.count) {
            isDeferrable.append(deferrable.contains(mapping.table(of: relation)))
        }
        for index in range {
            let change = buffer.changes[index]
            changeCount += 1
            switch change.kind {
            case .truncate: truncations[mapping.table(of: buffer.relations[Int(change.relation)])] = changeCount
            case .insert, .update: isIndivisible = isIndivisible || isDeferrable[Int(change.relation)]
            case .delete: break
            }
        }
    }
}
