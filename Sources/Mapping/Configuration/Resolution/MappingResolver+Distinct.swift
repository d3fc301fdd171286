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
        guard table.replicaIdentity == .full else {
            note(
                .key, node.keyPosition.position,
                "updates and deletes of \(table.name) do not carry the whole row, by which its nodes are counted",
                table.usableKey.map { "it has a key: (\($0.joined(separator: ", ")))" }
                    ?? "ALTER TABLE \(table.name) REPLICA IDENTITY FULL;")
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
}
