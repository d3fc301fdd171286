// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// An index that a proposal has, or mentions.
struct ProposedIndex: Sendable {
    var label: String
    var property: String
    /// As SQL writes it, without a schema.
    var columnType: String
    /// Nil where the column's type does not say: then the line stands in a comment.
    var dimensions: Int?

    /// Vectors are there to be searched by, and only an index makes that possible.
    static func ofVectors(in entry: TableEntry, _ catalog: Catalog) -> [ProposedIndex] {
        guard case .node(let node) = entry.role, let table = catalog.table(entry.table.value) else { return [] }
        return node.properties.compactMap { property in
            guard let column = table.column(property.column.value) else { return nil }
            let natural = ValueConversion.natural(for: column.type, in: catalog)
            guard [.vector, .halfvec].contains(natural.source), column.typeModifier <= 4096 else { return nil }
            let dimensions = column.typeModifier > 0 ? Int(column.typeModifier) : nil
            let type = catalog.underlyingType(of: column.type)?.name ?? "vector"
            return ProposedIndex(
                label: node.labels[0].value, property: property.property.value,
                columnType: type + (dimensions.map { "(\($0))" } ?? ""), dimensions: dimensions)
        }
    }

    /// A line of the file's `schema`.
    var line: String {
        let holder = "label: \(YAMLText.scalar(label)), properties: \(YAMLText.list([property]))"
        guard dimensions != nil else {
            return YAMLText.comment("- {type: vector, \(holder), dimensions: ...}  as many as \(columnType) holds")
        }
        return "- {type: vector, \(holder)}  \(YAMLText.comment("\(columnType), cosine"))"
    }

    /// The file's `schema`, in a comment where there is nothing to propose.
    static func section(_ indexes: [ProposedIndex]) -> String {
        let head = """
            # Indexes beyond those of the keys, which are made in any case: docs/graph-schema.md. For instance
            #   - {label: Order, properties: [orderDate]}
            #   - {type: text, label: Product, properties: [name]}
            #   - {type: fulltext, name: search, labels: [Product, Category], properties: [name], analyzer: english}

            """
        let lines = indexes.map { "    \($0.line)\n" }.joined()
        let isEmpty = !indexes.contains { $0.dimensions != nil }
        return head + (isEmpty ? "# schema:\n#   indexes:\n" : "schema:\n  indexes:\n") + lines
    }
}
