// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// What a table could be instead, which no catalog can tell: said in a comment.
extension ProposalBuilder {
    /// A table with a key of its own that does little else than to join others. Nil where it looks like more than that.
    func relationshipInstead(_ table: Catalog.Table, key: [String], _ references: [ReferenceEntry]) -> String? {
        guard !referenced.contains(table.name), (2...3).contains(references.count) else { return nil }
        let isKeyOfEnds = Set(references.flatMap { $0.end.columns.map(\.value) }).isSuperset(of: key)
        let always = references.filter { reference in
            reference.isEnforced && reference.end.columns.allSatisfy { table.column($0.value)?.isNotNull == true }
                && (isKeyOfEnds || Set(reference.end.columns.map(\.value)).isDisjoint(with: key))
        }
        guard always.count >= 2 else { return nil }
        func end(_ reference: ReferenceEntry) -> String {
            "{columns: \(YAMLText.list(reference.end.columns.map(\.value))), "
                + "references: \(YAMLText.scalar(reference.end.references.value.description))}"
        }
        let names = PropertyNames.pairs(key)
        let rest = references.first { $0 != always[0] && $0 != always[1] }
        let others = rest.map { $0.end.columns.map(\.value).joined(separator: ", ") }
        let third = others.map { "; \($0) would be a property then" } ?? ""
        return "each row could be a relationship instead: relationship: \(Naming.type(table.name.name)), "
            + "key: {\(names)}, from: \(end(always[0])), to: \(end(always[1]))\(third)"
    }
}

extension ProposalBuilder {
    /// `owner_type` beside an `owner_id` that no foreign key has.
    func severalTablesHint(_ column: Catalog.Column, _ table: Catalog.Table) -> String {
        guard column.name.hasSuffix("_type"), !table.foreignKeys.contains(where: { $0.columns.contains(column.name) })
        else { return "" }
        let stem = column.name.dropLast("_type".count)
        let other = "\(stem)_id"
        guard !stem.isEmpty, table.column(other) != nil,
            !table.foreignKeys.contains(where: { $0.columns.contains(other) })
        else { return "" }
        return "; if it says which table \(other) means: relationships: [{type: \(Naming.type(String(stem))), "
            + "columns: [\(YAMLText.scalar(other))], references: {column: \(YAMLText.scalar(column.name)), "
            + "values: {Name: schema.table}}}]"
    }
}

extension PropertyNames {
    /// `order_id: orderId, no: no`.
    fileprivate static func pairs(_ columns: [String]) -> String {
        var names = PropertyNames()
        return columns.map { column in
            let entry = names.entry(for: column)
            return "\(YAMLText.scalar(column)): \(YAMLText.scalar(entry.property.value))"
        }.joined(separator: ", ")
    }
}
