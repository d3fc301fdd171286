// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Tables whose rows nothing tells apart.
extension MappingResolver {
    mutating func distinct(
        _ distinct: DistinctEntry, _ node: NodeEntry, _ entry: TableEntry, _ table: Catalog.Table
    ) -> NodeMapping? {
        for name in [distinct.digest, distinct.count] {
            checkName(name, "property", reserved: PropertyMapping.ownPrefix)
        }
        let properties = node.properties.compactMap { property($0, table) }
        let own = [distinct.digest, distinct.count].map { name in
            ColumnEntry(column: Located(name.value, at: name.position), property: name)
        }
        checkProperties(node.properties + own)
        checkExcluded(entry, table, mapped: node.properties)
        refuseRules(node, entry)
        guard table.replicaIdentity == .full else {
            note(
                .key, node.keyPosition.position,
                "updates and deletes of \(table.name) do not carry the whole row, by which its nodes are counted",
                table.usableKey.map { "it has a key: (\($0.joined(separator: ", ")))" }
                    ?? "ALTER TABLE \(table.name) REPLICA IDENTITY FULL;")
            return nil
        }
        guard checkPartitions(of: table, carry: table.columns.map(\.name), at: node.keyPosition.position) else {
            return nil
        }
        let named = Set(
            node.properties.map(\.column.value) + node.references.flatMap { $0.end.columns.map(\.value) })
        let rows = DistinctRows(
            columns: table.columns.map(\.name).filter(named.contains), countProperty: distinct.count.value)
        let digest = PropertyMapping(
            column: DistinctRows.digestColumn, property: distinct.digest.value,
            conversion: ValueConversion(source: .text, target: .string), columnType: "text")
        let count = PropertyMapping(
            column: DistinctRows.countColumn, property: distinct.count.value,
            conversion: ValueConversion(source: .int8, target: .integer), columnType: "bigint")
        return NodeMapping(
            table: table.name, labels: node.labels.map(\.value), key: [digest], properties: properties + [count],
            references: [], distinct: rows)
    }

    /// Rows are counted by what the mapping names of them, all alike.
    private mutating func refuseRules(_ node: NodeEntry, _ entry: TableEntry) {
        let rules = [
            ("where", entry.filter?.position), ("softDelete", entry.softDelete?.column.position),
            ("labels by a column", node.columnLabels.first?.column.position),
            ("constants", entry.constants.first?.property.position),
            ("derived", entry.derived.first?.property.position),
            ("lookups", node.lookups.first?.end.columns.first?.position),
        ]
        for (rule, position) in rules where position != nil {
            note(
                .value, position, "\(rule) is not for a table whose equal rows are counted",
                "give \(entry.table.value) a key")
        }
    }
}
