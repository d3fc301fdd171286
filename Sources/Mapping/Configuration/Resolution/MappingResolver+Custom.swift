// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Cypher of somebody's own for a table's rows.
extension MappingResolver {
    /// What can be said about the statements without the graph server.
    mutating func custom(_ custom: CustomEntry, of node: NodeMapping, _ entry: TableEntry) -> CustomCypher {
        let properties = node.rowProperties
        for statement in CustomCypher.Statement.allCases {
            let written = statement == .upsert ? custom.upsert : custom.delete
            let text = CypherText(written.value)
            if let fault = text.fault {
                note(
                    .value, written.position, "\(statement.description) of \(node.table) has \(fault.what)",
                    fault.remedy)
            }
            for name in text.rowProperties where !properties.contains(name) {
                note(
                    .value, written.position,
                    "\(statement.description) of \(node.table) uses row.\(name), and rows have no such property",
                    Suggestion.remedy(for: name, among: properties)
                        ?? "they have \(properties.joined(separator: ", "))",
                    severity: .warning)
            }
        }
        if node.isOwn, let label = entry.softDelete?.label {
            note(
                .value, label.position, "as: label needs a label", "give \(node.table) a label, or leave as: label out")
        }
        return CustomCypher(upsert: custom.upsert.value, delete: custom.delete.value)
    }
}
