// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// The part of the file that says what each table becomes.
extension MappingFileReader {
    mutating func tables(_ node: YAMLNode) -> [TableEntry] {
        // `tables:` with nothing behind it is a mapping of nothing: `init` fills it.
        guard !node.isMissing, let fields = mapping(node, "tables") else { return [] }
        var result: [TableEntry] = []
        for entry in fields.entries {
            guard let name = tableName(Located(entry.key, at: entry.keyPosition)),
                let table = table(name, entry.value)
            else { continue }
            if let earlier = result.first(where: { $0.table == name })?.table.position {
                fault(.clash, name.position, "\(name.value) stands here twice", "the first is in line \(earlier.line)")
            } else {
                result.append(table)
            }
        }
        return result
    }

    private mutating func table(_ name: Located<QualifiedName>, _ node: YAMLNode) -> TableEntry? {
        guard var fields = mapping(node, name.value.description) else { return nil }
        if let skip = fields.entries.first(where: { $0.key == "skip" }), flag(skip.value, "skip") {
            if fields.entries.count > 1 {
                fault(.value, skip.keyPosition, "\(name.value) is skipped and mapped", "keep skip: true, or the rest")
            }
            return TableEntry(table: name, role: .skip)
        }
        let role = fields.has("relationship") ? join(&fields) : self.node(&fields, of: name.value)
        var entry = entry(name, role, &fields)
        entry?.refresh = fields.take("refresh").flatMap { self.refresh($0) }
        _ = fields.take("skip")
        finish(fields)
        if let refresh = entry?.refresh, case .node? = role {
            fault(
                .value, refresh.position, "\(name.value) is to be read again and again, and becomes nodes",
                "rows of a view become relationships: relationship, from and to")
        }
        return entry
    }

    /// With what may stand beside every role.
    mutating func entry(
        _ name: Located<QualifiedName>, _ role: TableEntry.Role?, _ fields: inout Fields
    ) -> TableEntry? {
        let excluded = fields.take("exclude").flatMap { names($0, "exclude") } ?? []
        let rules = rules(&fields)
        guard let role else { return nil }
        var entry = TableEntry(table: name, role: role, excluded: excluded)
        (entry.filter, entry.softDelete, entry.constants, entry.derived) = rules
        return entry
    }

    private mutating func node(_ fields: inout Fields, of table: QualifiedName) -> TableEntry.Role? {
        let isLabelled = fields.has("label") || fields.has("labels") || !fields.has("cypher")
        let found = isLabelled ? labels(&fields) : rowLabel(of: table, fields)
        if let distinctNode = fields.take("distinct") { return distinct(distinctNode, found, &fields) }
        let keyNode = required("key", &fields)
        let key = keyNode.flatMap { columns($0, "key") }
        if let keyNode, let key, key.isEmpty {
            fault(.key, keyNode.position, "the key has no columns", "write key: {column: property}")
        }
        let properties = fields.take("properties").map { optionalColumns($0, "properties") } ?? []
        let references = fields.take("relationships").map { self.references($0) } ?? []
        let lookups = fields.take("lookups").map { self.lookups($0) } ?? []
        let custom = fields.take("cypher").flatMap { self.custom($0) }
        guard let found, let key, let keyNode else { return nil }
        return .node(
            NodeEntry(
                labels: found.always, columnLabels: found.byColumn, key: key,
                keyPosition: Located(true, at: keyNode.position), properties: properties,
                references: references, lookups: lookups, custom: custom))
    }

    /// A node for each distinct row, in place of a key.
    private mutating func distinct(
        _ node: YAMLNode, _ found: (always: [Located<String>], byColumn: [ColumnLabelEntry])?, _ fields: inout Fields
    ) -> TableEntry.Role? {
        if let key = fields.take("key") {
            fault(
                .key, key.position, "key and distinct stand side by side",
                "keep the key, or distinct for a table whose rows nothing tells apart")
        }
        refuseCustom(&fields, beside: "distinct")
        guard var names = mapping(node, "distinct") else { return nil }
        let digest = required("digest", &names).flatMap { text($0, "digest") }
        let count = required("count", &names).flatMap { text($0, "count") }
        finish(names)
        let properties = fields.take("properties").map { optionalColumns($0, "properties") } ?? []
        let references = fields.take("relationships").map { self.references($0) } ?? []
        let lookups = fields.take("lookups").map { self.lookups($0) } ?? []
        guard let found, let digest, let count else { return nil }
        return .node(
            NodeEntry(
                labels: found.always, columnLabels: found.byColumn, key: [],
                keyPosition: Located(true, at: node.position), properties: properties,
                references: references, lookups: lookups, distinct: DistinctEntry(digest: digest, count: count)))
    }

    mutating func join(_ fields: inout Fields) -> TableEntry.Role? {
        let type = required("relationship", &fields).flatMap { text($0, "relationship") }
        refuseCustom(&fields, beside: "relationship")
        let key = fields.take("key").map { columns($0, "key") ?? [] } ?? []
        let from = required("from", &fields).flatMap { end($0, "from") }
        let to = required("to", &fields).flatMap { end($0, "to") }
        let properties = fields.take("properties").map { optionalColumns($0, "properties") } ?? []
        guard let type, let from, let to else { return nil }
        return .join(JoinEntry(type: type, key: key, from: from, to: to, properties: properties))
    }

    private mutating func labels(
        _ fields: inout Fields
    ) -> (always: [Located<String>], byColumn: [ColumnLabelEntry])? {
        let single = fields.take("label")
        let several = fields.take("labels")
        if let single, several != nil {
            fault(.value, single.position, "label and labels stand side by side", "write labels: [first, second]")
        }
        if let several { return labels(several) }
        guard let single else {
            fault(
                .value, fields.node.position, "\(fields.what) has no label",
                "write label: Name; or relationship: TYPE with from and to; or cypher; or skip: true")
            return nil
        }
        return text(single, "label").map { ([$0], []) }
    }

    private mutating func references(_ node: YAMLNode) -> [ReferenceEntry] {
        guard !node.isMissing, let items = list(node, "relationships") else { return [] }
        return items.flatMap { item -> [ReferenceEntry] in
            guard var fields = mapping(item, "a relationship") else { return [] }
            let type = required("type", &fields).flatMap { text($0, "type") }
            let targets = tablesByValue(&fields)
            let end = targets == nil ? end(&fields) : nil
            let columns = targets == nil ? nil : columnsOfEnd(&fields)
            let isReversed = fields.take("reversed").map { flag($0, "reversed") } ?? false
            finish(fields)
            guard let type else { return [] }
            guard let targets else {
                return end.map { [ReferenceEntry(type: type, end: $0, isReversed: isReversed)] } ?? []
            }
            guard let columns else { return [] }
            return targets.map { table, condition in
                let end = EndEntry(columns: columns, references: table, isEnforced: false)
                return ReferenceEntry(type: type, end: end, isReversed: isReversed, condition: condition)
            }
        }
    }

    private mutating func end(_ node: YAMLNode, _ what: String) -> EndEntry? {
        guard var fields = mapping(node, what) else { return nil }
        let end = end(&fields)
        finish(fields)
        return end
    }

    private mutating func lookups(_ node: YAMLNode) -> [LookupEntry] {
        guard !node.isMissing, let items = list(node, "lookups") else { return [] }
        return items.compactMap { item in
            guard var fields = mapping(item, "a lookup") else { return nil }
            let end = end(&fields)
            let properties = fields.take("properties").map { optionalColumns($0, "properties") } ?? []
            let labels = fields.take("labels").map { labelsByColumn($0) } ?? []
            finish(fields)
            if properties.isEmpty, labels.isEmpty {
                fault(
                    .value, item.position, "a lookup gives no property and no label",
                    "write properties: {column: property}, or labels: [{column: kind, values: {value: Label}}]")
            }
            return end.map { LookupEntry(end: $0, properties: properties, labels: labels) }
        }
    }

    private mutating func end(_ fields: inout Fields) -> EndEntry? {
        let columns = columnsOfEnd(&fields)
        let table = required("references", &fields).flatMap { text($0, "references") }.flatMap { tableName($0) }
        let isEnforced = fields.take("enforced").map { flag($0, "enforced") } ?? true
        guard let columns, let table else { return nil }
        return EndEntry(columns: columns, references: table, isEnforced: isEnforced)
    }

    private mutating func columnsOfEnd(_ fields: inout Fields) -> [Located<String>]? {
        guard let node = required("columns", &fields), let columns = names(node, "columns") else { return nil }
        if columns.isEmpty { fault(.value, node.position, "columns is empty") }
        return columns.isEmpty ? nil : columns
    }

    /// `references: {column: kind, values: {Post: public.posts}}`: the tables, each with the values that mean it. Nil where
    /// something else stands there, which stays.
    private mutating func tablesByValue(
        _ fields: inout Fields
    ) -> [(table: Located<QualifiedName>, condition: ReferenceCondition)]? {
        guard let node = fields.take("references"), case .mapping = node.content else { return nil }
        guard var parts = mapping(node, "references") else { return [] }
        let column = required("column", &parts).flatMap { text($0, "column") }
        let values = required("values", &parts).flatMap { mapping($0, "values") }
        finish(parts)
        guard let column, let values else { return [] }
        if values.entries.isEmpty { fault(.value, node.position, "values is empty", "name the table of each value") }
        var found: [(table: Located<QualifiedName>, condition: ReferenceCondition)] = []
        for entry in values.entries {
            guard let table = text(entry.value, "the table of \(entry.key)").flatMap({ tableName($0) }) else {
                continue
            }
            let value = Located(entry.key, at: entry.keyPosition)
            if let index = found.firstIndex(where: { $0.table == table }) {
                found[index].condition.values.append(value)
            } else {
                found.append((table, ReferenceCondition(column: column, values: [value])))
            }
        }
        return found
    }

    mutating func names(_ node: YAMLNode, _ what: String) -> [Located<String>]? {
        guard let items = list(node, what) else { return nil }
        let names = items.compactMap { text($0, "an item of \(what)") }
        for (index, name) in names.enumerated() where names[..<index].contains(name) {
            fault(.clash, name.position, "\(name.value) stands twice in \(what)")
        }
        return names.count == items.count ? names : nil
    }

    private mutating func tableName(_ text: Located<String>) -> Located<QualifiedName>? {
        switch TableNameText(text.value) {
        case .name(let name): return Located(name, at: text.position)
        case .withoutSchema(let name):
            let full = QualifiedName(schema: "public", name: name)
            fault(.value, text.position, "\(text.value) has no schema", "write \(full)")
        case .malformed:
            fault(
                .value, text.position, "\(text.value) is no name of a table",
                "write schema.name, each in double quotes where SQL needs them: public.\"Order Details\"")
        }
        return nil
    }
}
