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

    let mapping: GraphMapping
    private let deferrable: Set<QualifiedName>
    private struct Seen {
        let table: QualifiedName
        let isDeferrable: Bool
        var isChanged = false
    }

    /// By relation index.
    private var relations: [Seen] = []

    /// The tables that it changes.
    public var tables: Set<QualifiedName> { Set(relations.filter(\.isChanged).map(\.table)) }

    /// The same by their place in the buffer.
    var changedRelations: [Int] { relations.indices.filter { relations[$0].isChanged } }

    public init(mapping: GraphMapping) {
        self.mapping = mapping
        deferrable = Set(
            mapping.nodes.filter(\.isKeyDeferrable).map(\.table) + mapping.joins.filter(\.isKeyDeferrable).map(\.table))
    }

    /// Takes the next changes of the transaction.
    public mutating func look(at buffer: ChangeBuffer, _ range: Range<Int>) {
        for relation in buffer.relations.dropFirst(relations.count) {
            let table = mapping.table(of: relation)
            relations.append(Seen(table: table, isDeferrable: deferrable.contains(table)))
        }
        for index in range {
            let change = buffer.changes[index]
            let relation = Int(change.relation)
            changeCount += 1
            relations[relation].isChanged = true
            switch change.kind {
            case .truncate: truncations[relations[relation].table] = changeCount
            case .insert, .update: isIndivisible = isIndivisible || relations[relation].isDeferrable
            case .delete: break
            }
        }
    }
}
