// Part of Lockstep. See LICENSE.

// What the file says of a table's rows, of labels that depend on a column, and of properties that are no column's.
extension MappingFileReader {
    mutating func rules(
        _ fields: inout Fields
    ) -> (Located<String>?, SoftDeleteEntry?, [ConstantEntry], [DerivedEntry]) {
        (
            fields.take("where").flatMap { text($0, "where") }, fields.take("softDelete").flatMap { softDelete($0) },
            fields.take("constants").map { constants($0) } ?? [], fields.take("derived").map { derived($0) } ?? []
        )
    }

    /// `deleted_at`, or `{column: is_deleted, equals: true}`, with `as: label, label: Deleted` or without.
    private mutating func softDelete(_ node: YAMLNode) -> SoftDeleteEntry? {
        guard case .mapping = node.content else {
            return text(node, "softDelete").map { SoftDeleteEntry(column: $0) }
        }
        guard var fields = mapping(node, "softDelete") else { return nil }
        let column = required("column", &fields).flatMap { text($0, "column") }
        let value = fields.take("equals").flatMap { text($0, "equals") }
        let kind = fields.take("as").flatMap { text($0, "as") }
        let label = fields.take("label").flatMap { text($0, "label") }
        finish(fields)
        if let kind, kind.value != "label" {
            fault(.value, kind.position, "softDelete knows no as: \(kind.value)", "write as: label, or leave it out")
        } else if let kind, label == nil {
            fault(.value, kind.position, "as: label needs a label", "for instance label: Deleted")
        } else if let label, kind == nil {
            fault(.value, label.position, "a label stands without as: label", "write as: label beside it")
        }
        return column.map { SoftDeleteEntry(column: $0, value: value, label: label) }
    }

    /// `[First, second, {column: kind, values: {admin: Admin}}]`.
    mutating func labels(_ node: YAMLNode) -> (always: [Located<String>], byColumn: [ColumnLabelEntry])? {
        guard let items = list(node, "labels") else { return nil }
        var always: [Located<String>] = []
        var byColumn: [ColumnLabelEntry] = []
        for item in items {
            if case .mapping = item.content {
                guard let entry = columnLabels(item) else { return nil }
                byColumn.append(entry)
            } else {
                guard let name = text(item, "an item of labels") else { return nil }
                if always.contains(name) { fault(.clash, name.position, "\(name.value) stands twice in labels") }
                always.append(name)
            }
        }
        guard !always.isEmpty else {
            fault(.value, node.position, "labels is empty", "the first label is a name: it carries the key")
            return nil
        }
        return (always, byColumn)
    }

    /// A list of labels by columns and nothing else.
    mutating func labelsByColumn(_ node: YAMLNode) -> [ColumnLabelEntry] {
        (list(node, "labels") ?? []).compactMap { columnLabels($0) }
    }

    /// `{column: kind, values: {admin: Admin}}`, `{column: is_admin, label: Admin}`, or `{column: kind}`.
    private mutating func columnLabels(_ node: YAMLNode) -> ColumnLabelEntry? {
        guard var fields = mapping(node, "an item of labels") else { return nil }
        let column = required("column", &fields).flatMap { text($0, "column") }
        let label = fields.take("label").flatMap { text($0, "label") }
        let valuesNode = fields.take("values")
        finish(fields)
        if let label, valuesNode != nil {
            fault(.value, label.position, "label and values stand side by side", "keep one of them")
        }
        var values = label.map { [ColumnLabelEntry.LabelOfValue(label: $0)] }
        if let valuesNode {
            guard let fields = mapping(valuesNode, "values") else { return nil }
            values = fields.entries.compactMap { entry in
                text(entry.value, "the label of \(entry.key)").map {
                    ColumnLabelEntry.LabelOfValue(value: Located(entry.key, at: entry.keyPosition), label: $0)
                }
            }
            if fields.entries.isEmpty { fault(.value, valuesNode.position, "values is empty") }
        }
        return column.map { ColumnLabelEntry(column: $0, values: values) }
    }

    private mutating func constants(_ node: YAMLNode) -> [ConstantEntry] {
        guard !node.isMissing, let fields = mapping(node, "constants") else { return [] }
        return fields.entries.compactMap { entry in
            guard case .scalar(let text, let isPlain) = entry.value.content, !entry.value.isMissing else {
                fault(.value, entry.value.position, "\(entry.key) is a number, true, false or a text")
                return nil
            }
            return ConstantEntry(
                property: Located(entry.key, at: entry.keyPosition), value: SchemaItem.Value(text, isPlain: isPlain))
        }
    }

    private mutating func derived(_ node: YAMLNode) -> [DerivedEntry] {
        guard !node.isMissing, let fields = mapping(node, "derived") else { return [] }
        return fields.entries.compactMap { entry in
            guard let template = text(entry.value, "the template of \(entry.key)") else { return nil }
            guard let parts = DerivedEntry.parts(of: template.value) else {
                fault(
                    .value, template.position, "the template of \(entry.key) cannot be read",
                    "columns stand as ${name} or ${name:-otherwise}, a dollar sign as $$")
                return nil
            }
            return DerivedEntry(
                property: Located(entry.key, at: entry.keyPosition), position: template.position, parts: parts)
        }
    }
}

extension SchemaItem.Value {
    /// What YAML means by a scalar.
    init(_ text: String, isPlain: Bool) {
        self = .string(text)
        guard isPlain else { return }
        if let flag = Bool(text) {
            self = .boolean(flag)
        } else if let number = Int64(text) {
            self = .integer(number)
        } else if let number = Double(text), number.isFinite {
            self = .float(number)
        }
    }
}

extension DerivedEntry {
    /// `${first_name} ${last_name:-}` in parts; nil where a brace or a dollar sign stands alone.
    static func parts(of template: String) -> [Part]? {
        var parts: [Part] = []
        var words = ""
        var rest = template[...]
        while let character = rest.popFirst() {
            guard character == "$" else {
                words.append(character)
                continue
            }
            guard let next = rest.popFirst() else { return nil }
            if next == "$" {
                words.append("$")
                continue
            }
            guard next == "{", let end = rest.firstIndex(of: "}") else { return nil }
            let inside = rest[..<end]
            rest = rest[rest.index(after: end)...]
            if !words.isEmpty { parts.append(.words(words)) }
            words = ""
            let pieces = inside.split(separator: ":-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = pieces.first, !name.isEmpty else { return nil }
            parts.append(.column(String(name), otherwise: pieces.count > 1 ? String(pieces[1]) : nil))
        }
        if !words.isEmpty { parts.append(.words(words)) }
        return parts
    }
}
