// Part of Lockstep. See LICENSE.

// The part of the file that says which indexes and constraints the graph has beyond those that Lockstep needs.
extension MappingFileReader {
    mutating func schema(_ node: YAMLNode) -> [SchemaEntry] {
        guard !node.isMissing, var fields = mapping(node, "schema") else { return [] }
        let indexes = fields.take("indexes").map { schemaEntries($0, "indexes", SchemaEntry.Kind.indexes) } ?? []
        let constraints =
            fields.take("constraints").map { schemaEntries($0, "constraints", SchemaEntry.Kind.constraints) } ?? []
        finish(fields)
        return indexes + constraints
    }

    private mutating func schemaEntries(
        _ node: YAMLNode, _ what: String, _ kinds: [SchemaEntry.Kind]
    ) -> [SchemaEntry] {
        guard !node.isMissing, let items = list(node, what) else { return [] }
        return items.compactMap { schemaEntry($0, what == "indexes" ? "an index" : "a constraint", kinds) }
    }

    private mutating func schemaEntry(
        _ node: YAMLNode, _ what: String, _ kinds: [SchemaEntry.Kind]
    ) -> SchemaEntry? {
        guard var fields = mapping(node, what) else { return nil }
        let kind = schemaKind(&fields, kinds)
        let name = fields.take("name").flatMap { text($0, "name") }
        let holders = schemaHolders(&fields)
        let properties = required("properties", &fields).flatMap { schemaNames($0, "properties") }
        let dimensions = fields.take("dimensions").flatMap { self.dimensions($0) }
        let similarity = fields.take("similarity").flatMap { self.similarity($0) }
        let analyzer = fields.take("analyzer").flatMap { text($0, "analyzer") }
        let options = fields.take("options").map { self.options($0) } ?? []
        finish(fields)
        guard let kind, let holders, let properties else { return nil }
        return SchemaEntry(
            kind: kind, position: node.position, name: name, isOnNodes: holders.isOnNodes, labels: holders.names,
            properties: properties, dimensions: dimensions, similarity: similarity, analyzer: analyzer,
            options: options)
    }

    private mutating func schemaKind(_ fields: inout Fields, _ kinds: [SchemaEntry.Kind]) -> Located<SchemaEntry.Kind>?
    {
        let words = kinds.map(\.rawValue).joined(separator: ", ")
        guard let node = fields.take("type") else {
            if kinds.contains(.range) { return Located(.range, at: fields.node.position) }
            fault(.value, fields.node.position, "\(fields.what) has no type", "it is one of \(words)")
            return nil
        }
        guard let word = text(node, "type") else { return nil }
        guard let kind = SchemaEntry.Kind(rawValue: word.value), kinds.contains(kind) else {
            fault(.value, word.position, "the type of \(fields.what) is one of \(words)")
            return nil
        }
        return Located(kind, at: word.position)
    }

    /// `label`, `labels`, `relationship` or `relationships`: just one of them.
    private mutating func schemaHolders(_ fields: inout Fields) -> (isOnNodes: Bool, names: [Located<String>])? {
        var found: [(isOnNodes: Bool, names: [Located<String>]?)] = []
        for (key, isOnNodes) in [("label", true), ("relationship", false)] {
            if let node = fields.take(key) { found.append((isOnNodes, text(node, key).map { [$0] })) }
            if let node = fields.take(key + "s") { found.append((isOnNodes, schemaNames(node, key + "s"))) }
        }
        guard found.count == 1 else {
            fault(
                .value, fields.node.position,
                "\(fields.what) has \(found.isEmpty ? "neither" : "more than one of") label, labels, relationship"
                    + (found.isEmpty ? " nor" : " and") + " relationships", "name just what holds the properties")
            return nil
        }
        return found[0].names.map { (found[0].isOnNodes, $0) }
    }

    private mutating func schemaNames(_ node: YAMLNode, _ what: String) -> [Located<String>]? {
        guard let names = names(node, what) else { return nil }
        if names.isEmpty { fault(.value, node.position, "\(what) is empty") }
        return names.isEmpty ? nil : names
    }

    private mutating func dimensions(_ node: YAMLNode) -> Located<Int>? {
        guard let written = text(node, "dimensions") else { return nil }
        guard let number = Int(written.value), (1...4096).contains(number) else {
            fault(.value, written.position, "dimensions is a number from 1 to 4096")
            return nil
        }
        return Located(number, at: written.position)
    }

    private mutating func similarity(_ node: YAMLNode) -> Located<String>? {
        guard let written = text(node, "similarity") else { return nil }
        guard ["cosine", "euclidean"].contains(written.value) else {
            fault(.value, written.position, "similarity is cosine or euclidean")
            return nil
        }
        return written
    }

    /// The server's own settings, by their full names.
    private mutating func options(_ node: YAMLNode) -> [Located<SchemaItem.Option>] {
        guard let fields = mapping(node, "options") else { return [] }
        return fields.entries.compactMap { entry in
            guard case .scalar(let text, let isPlain) = entry.value.content, !entry.value.isMissing else {
                fault(.value, entry.value.position, "\(entry.key) is a number, true, false or a text")
                return nil
            }
            var value = SchemaItem.Value.string(text)
            if isPlain {
                if let flag = Bool(text) {
                    value = .boolean(flag)
                } else if let number = Int64(text) {
                    value = .integer(number)
                } else if let number = Double(text) {
                    value = .float(number)
                }
            }
            return Located(SchemaItem.Option(entry.key, value), at: entry.keyPosition)
        }
    }
}
