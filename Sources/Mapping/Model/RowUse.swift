// Part of Lockstep. See LICENSE.

/// One way in which a row of a table of nodes concerns others, be they few or millions: when it comes, goes, or is another by
/// then, something of theirs changes, and no change of their own says so.
public enum RowUse: Sendable {
    /// Nodes have values of the row.
    case lookup(holder: NodeMapping, LookupMapping)
    /// Nodes have a relationship to the row's node, which no constraint guards.
    case reference(holder: NodeMapping, ReferenceMapping, target: NodeMapping)
    /// Rows are relationships at the row's node, and wait without it.
    case end(of: JoinMapping, JoinMapping.Side, target: NodeMapping)

    /// Columns that others name the row by and that its node is not known by.
    ///
    /// A row for the statements below has them behind the key, as its node has them; null where it has none, or where it goes.
    public var otherKey: [PropertyMapping] {
        guard case .reference(_, let reference, let target) = self else { return [] }
        return target.properties.filter { property in
            reference.target.key.contains { $0.property == property.property }
        }
    }

    /// The columns that decide what the row is to others, beside its key.
    public var columns: [String] {
        switch self {
        case .lookup(_, let lookup): lookup.columns
        case .reference, .end: otherKey.map(\.column)
        }
    }

    /// Nobody is concerned by a row that is new.
    public var isEnforced: Bool { if case .lookup(_, let lookup) = self { lookup.isEnforced } else { false } }
}

extension GraphMapping {
    /// How the rows of a table concern others.
    public func uses(of node: NodeMapping) -> [RowUse] {
        lookups(of: node.table).map { .lookup(holder: $0.holder, $0.lookup) }
            + keptReferences(to: node).map { .reference(holder: $0.holder, $0.reference, target: node) }
            + awaitedEnds(of: node).map { .end(of: $0.join, $0.side, target: node) }
    }

    /// Nothing bounds how many relationships a node of the table has.
    public func isNamedFreely(_ node: NodeMapping) -> Bool {
        !keptReferences(to: node).isEmpty || !awaitedEnds(of: node).isEmpty
    }
}
