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
    /// Tables of which a part would not tell which row a change is of, as two may have the same key for a while. That takes
    /// a deferrable key, a row that comes to one, and one that leaves one. Their changes are passed over, and they are read
    /// again.
    public var undecided: Set<QualifiedName> {
        let gaining = Set(relations.filter(\.gainsKeys).map(\.table))
        return Set(relations.filter { $0.leavesKeys && gaining.contains($0.table) }.map(\.table))
    }
    /// Changes looked at so far.
    public private(set) var changeCount = 0

    let mapping: GraphMapping
    /// The columns of each deferrable key.
    private let deferrable: [QualifiedName: [String]]
    private struct Seen {
        let table: QualifiedName
        let isDeferrable: Bool
        /// Where a deferrable key is in a tuple; nil where nobody can say.
        let key: [Int]?
        var isChanged = false
        var gainsKeys = false
        var leavesKeys = false
    }

    /// By relation index.
    private var relations: [Seen] = []

    /// The tables that it changes.
    public var tables: Set<QualifiedName> { Set(relations.filter(\.isChanged).map(\.table)) }

    /// The same by their place in the buffer.
    var changedRelations: [Int] { relations.indices.filter { relations[$0].isChanged } }

    public init(mapping: GraphMapping) {
        self.mapping = mapping
        let nodes = mapping.nodes.filter(\.isKeyDeferrable).map { ($0.table, $0.key.map(\.column)) }
        let joins = mapping.joins.filter(\.isKeyDeferrable).map { ($0.table, $0.key.map(\.column)) }
        deferrable = Dictionary(nodes + joins) { first, _ in first }
    }

    /// Takes the next changes of the transaction.
    public mutating func look(at buffer: ChangeBuffer, _ range: Range<Int>) {
        for relation in buffer.relations.dropFirst(relations.count) {
            let table = mapping.table(of: relation)
            relations.append(
                Seen(
                    table: table, isDeferrable: deferrable[table] != nil,
                    key: place(of: deferrable[table], in: relation)))
        }
        let all = buffer.bytes
        let bytes = unsafe all.span.bytes
        for index in range {
            let change = buffer.changes[index]
            let relation = Int(change.relation)
            changeCount += 1
            relations[relation].isChanged = true
            switch change.kind {
            case .truncate: truncations[relations[relation].table] = changeCount
            case .insert: if relations[relation].isDeferrable { relations[relation].gainsKeys = true }
            case .delete: if relations[relation].isDeferrable { relations[relation].leavesKeys = true }
            case .update:
                guard relations[relation].isDeferrable,
                    movesKey(change, relations[relation].key, buffer.fields, bytes)
                else { continue }
                relations[relation].gainsKeys = true
                relations[relation].leavesKeys = true
            }
        }
    }

    private func place(of key: [String]?, in relation: Relation) -> [Int]? {
        // In another version of the table names may be those of other columns.
        guard let key, case .expected = mapping.standing(of: relation) else { return nil }
        let places = key.compactMap { name in relation.columns.firstIndex { $0.name == name } }
        return places.count == key.count ? places : nil
    }

    private func movesKey(
        _ change: Change, _ key: [Int]?, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> Bool {
        guard change.old == .full, let key else { return change.old != .none }
        return !key.allSatisfy { column in
            BatchEncoder.same(
                fields[Int(change.oldStart) + column], fields[Int(change.newStart) + column], bytes)
        }
    }
}
