// Part of Lockstep. See LICENSE.

public import PostgreSQL

// Which columns a table's graph is made of.
extension NodeMapping {
    /// Those that a node is made of, without its relationships. A column may stand here several times.
    public var nodeColumns: [PropertyMapping] {
        key + properties + extra.derived.flatMap(\.columns) + conditionalLabels.map(\.test.source)
            + properties.compactMap(\.condition?.source)
    }

    /// Those that its relationships are made of, and what it looks up.
    public var referenceColumns: [PropertyMapping] {
        key + references.flatMap { $0.target.key + ($0.condition.map { [$0.source] } ?? []) }
            + lookups.flatMap(\.target.key)
    }

    /// All that have to be in the stream.
    public var columns: [PropertyMapping] {
        let all = nodeColumns + referenceColumns + (rows.softDelete.map { [$0.source] } ?? [])
        guard distinct != nil else { return all }
        return all.filter { $0.column != DistinctRows.digestColumn && $0.column != DistinctRows.countColumn }
    }

    /// The properties as the statements write them: one for each column, then the derived ones.
    public var written: [PropertyMapping] { properties + extra.derived.map(\.written) }
}

extension JoinMapping {
    /// Those that a relationship is made of.
    public var relationshipColumns: [PropertyMapping] { ownKey + ends + properties + extra.derived.flatMap(\.columns) }

    /// All that have to be in the stream.
    public var columns: [PropertyMapping] {
        relationshipColumns + (rows.softDelete.map { [$0.source] } ?? [])
    }

    /// The properties as the statements write them: one for each column, then the derived ones.
    public var written: [PropertyMapping] { properties + extra.derived.map(\.written) }
}

extension GraphMapping {
    /// The columns that have to be in the stream, by table.
    public var columns: [QualifiedName: [PropertyMapping]] {
        let all = nodes.map { ($0.table, $0.columns) } + joins.map { ($0.table, $0.columns) }
        return Dictionary(all, uniquingKeysWith: { first, _ in first })
    }

    /// The names of ``columns``.
    public var columnNames: [QualifiedName: Set<String>] { columns.mapValues { Set($0.map(\.column)) } }

    /// Which rows count, by table; only tables of which not all do.
    public var conditions: [QualifiedName: RowCondition] {
        let all = nodes.map { ($0.table, $0.rows) } + joins.map { ($0.table, $0.rows) }
        return Dictionary(all.filter { !$0.1.isAlways }, uniquingKeysWith: { first, _ in first })
    }
}
