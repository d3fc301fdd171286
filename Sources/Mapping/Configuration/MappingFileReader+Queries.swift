// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Queries whose rows become relationships, as those of a view do.
extension MappingFileReader {
    mutating func queries(_ node: YAMLNode, beside tables: [TableEntry]) -> [TableEntry] {
        guard !node.isMissing, let fields = mapping(node, "queries") else { return [] }
        var result: [TableEntry] = []
        for entry in fields.entries {
            guard let name = queryName(Located(entry.key, at: entry.keyPosition)), let query = query(name, entry.value)
            else { continue }
            if let earlier = result.first(where: { $0.table == name })?.table.position {
                fault(.clash, name.position, "\(name.value) stands here twice", "the first is in line \(earlier.line)")
            } else if let table = tables.first(where: { $0.role != .skip && $0.table.value.name == name.value.name }) {
                // In messages and commands a name without its schema is to mean one thing.
                fault(
                    .clash, name.position, "\(name.value) is called as \(table.table.value) is",
                    "give the query a name of its own")
            } else {
                result.append(query)
            }
        }
        return result
    }

    private mutating func query(_ name: Located<QualifiedName>, _ node: YAMLNode) -> TableEntry? {
        guard var fields = mapping(node, name.value.description) else { return nil }
        let query = required("query", &fields).flatMap { text($0, "query") }
        let refresh = required("refresh", &fields).flatMap { self.refresh($0) }
        let role = join(&fields)
        let entry = entry(name, role, &fields)
        finish(fields)
        guard let query, let refresh, var entry else { return nil }
        entry.refresh = refresh
        entry.query = Located(query.value.withoutSpaceAround, at: query.position)
        return entry
    }

    private mutating func queryName(_ text: Located<String>) -> Located<QualifiedName>? {
        if case .withoutSchema(let name) = TableNameText(text.value) {
            return Located(.ofQuery(name), at: text.position)
        }
        fault(
            .value, text.position, "\(text.value) is no name of a query",
            "write one that SQL would take for a table, without a schema: co_author")
        return nil
    }
}

extension String {
    /// Without white space before and behind it.
    fileprivate var withoutSpaceAround: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return ""
        }
        return String(self[first...last])
    }
}
