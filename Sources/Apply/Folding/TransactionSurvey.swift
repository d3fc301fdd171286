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
    /// The transaction cannot be cut. Either two rows may have the same key for a while, so that a part does not tell
    /// which of them a change is of; or a row changes its key while others refer to it by other columns, so that its node
    /// has to move with all its relationships.
    public private(set) var isIndivisible = false
    /// Changes looked at so far.
    public private(set) var changeCount = 0

    private struct Facts {
        var isKeyDeferrable = false
        /// Its key, where relationships lead to it by something else; nil otherwise.
        var heldKey: [Int]?
    }

    private let mapping: GraphMapping
    /// By relation index.
    private var facts: [Facts] = []

    public init(mapping: GraphMapping) { self.mapping = mapping }

    /// Takes the next changes of the transaction.
    public mutating func look(at buffer: ChangeBuffer, _ range: Range<Int>) {
        while facts.count < buffer.relations.count { facts.append(facts(of: buffer.relations[facts.count])) }
        for index in range {
            let change = buffer.changes[index]
            changeCount += 1
            let known = facts[Int(change.relation)]
            switch change.kind {
            case .truncate: truncations[buffer.relations[Int(change.relation)].name] = changeCount
            case .insert: isIndivisible = isIndivisible || known.isKeyDeferrable
            case .update:
                isIndivisible =
                    isIndivisible || known.isKeyDeferrable
                    || known.heldKey.map { Self.changes(change, $0, buffer) } ?? false
            case .delete: break
            }
        }
    }

    private func facts(of relation: Relation) -> Facts {
        if let join = mapping.joins.first(where: { $0.table == relation.name }) {
            return Facts(isKeyDeferrable: join.isKeyDeferrable)
        }
        guard let node = mapping.nodes.first(where: { $0.table == relation.name }) else { return Facts() }
        let ends = mapping.nodes.flatMap { $0.references.map(\.target) } + mapping.joins.flatMap { [$0.from, $0.to] }
        let key = Set(node.key.map(\.property))
        let isHeld = ends.contains { $0.label == node.label && Set($0.key.map(\.property)) != key }
        let columns = node.key.compactMap { key in relation.columns.firstIndex { $0.name == key.column } }
        return Facts(isKeyDeferrable: node.isKeyDeferrable, heldKey: isHeld ? columns : nil)
    }

    private static func changes(_ change: Change, _ key: [Int], _ buffer: ChangeBuffer) -> Bool {
        guard change.old != .none else { return false }
        let bytes = buffer.bytes
        return !key.allSatisfy { column in
            unsafe BatchEncoder.same(
                buffer.fields[Int(change.oldStart) + column], buffer.fields[Int(change.newStart) + column],
                bytes.span.bytes)
        }
    }
}
