// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Cypher of somebody's own for a table's rows.
extension MappingFileReader {
    /// `cypher: {upsert: …, delete: …}`
    mutating func custom(_ node: YAMLNode) -> CustomEntry? {
        guard var fields = mapping(node, "cypher") else { return nil }
        let upsert = required("upsert", &fields).flatMap { text($0, "upsert") }
        let delete = required("delete", &fields).flatMap { text($0, "delete") }
        finish(fields)
        guard let upsert, let delete else { return nil }
        return CustomEntry(position: Located(true, at: node.position), upsert: upsert, delete: delete)
    }

    /// Cypher has no place where the rows are no nodes, or not one for each row.
    mutating func refuseCustom(_ fields: inout Fields, beside what: String) {
        guard let node = fields.take("cypher") else { return }
        fault(.value, node.position, "cypher and \(what) stand side by side", "keep cypher and a key, or \(what)")
    }

    /// The label of rows that have none of their own, and nothing but their properties.
    mutating func rowLabel(
        of table: QualifiedName, _ fields: Fields
    ) -> (always: [Located<String>], byColumn: [ColumnLabelEntry]) {
        for entry in fields.entries where ["relationships", "lookups"].contains(entry.key) {
            fault(
                .value, entry.keyPosition, "\(entry.key) without a label",
                "give the table a label, or let cypher.upsert make them")
        }
        return ([Located(CustomCypher.rowLabel(of: table))], [])
    }
}
