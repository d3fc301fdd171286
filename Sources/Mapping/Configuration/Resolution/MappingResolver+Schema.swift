// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// The indexes and constraints that the file asks for, held against what the tables become.
extension MappingResolver {
    /// A property that an entry names, in one of the tables that make it.
    fileprivate struct Indexed {
        var table: QualifiedName
        var mapping: PropertyMapping
        var column: Catalog.Column?
    }

    mutating func items(of entries: [SchemaEntry], in mapping: GraphMapping) -> [SchemaItem] {
        var items: [SchemaItem] = []
        for entry in entries {
            guard let item = item(entry, in: mapping) else { continue }
            if items.contains(where: { $0.name == item.name }) {
                note(
                    .clash, entry.name?.position ?? entry.position, "\(item.name) stands here twice",
                    "give one of the two another name")
            } else if let other = items.first(where: { $0.isSame(as: item) }) {
                note(
                    .clash, entry.position, "\(other.name) is the \(other.description) already", "one of the two can go"
                )
            } else {
                items.append(item)
            }
        }
        return items
    }

    private mutating func item(_ entry: SchemaEntry, in mapping: GraphMapping) -> SchemaItem? {
        checkShape(entry)
        if let name = entry.name { checkName(name, "name of an index", reserved: "lockstep") }
        let found = entry.properties.map { indexed($0, entry, mapping) }
        guard found.allSatisfy({ $0 != nil }) else { return nil }
        let properties = found.compactMap(\.self)
        let (labels, names) = (entry.labels.map(\.value), entry.properties.map(\.value))
        func item(_ kind: SchemaItem.Kind, type: String? = nil, more: [SchemaItem.Option] = []) -> SchemaItem {
            SchemaItem(
                kind: kind, name: entry.name?.value, isOnNodes: entry.isOnNodes, labels: labels, properties: names,
                options: entry.options.map(\.value) + more, propertyType: type)
        }
        switch entry.kind.value {
        case .range: return checkRange(entry, properties, mapping) ? item(.range) : nil
        case .text:
            let isFine = check(entry, properties, "a text index takes strings") { $0.target == .string && !$0.isList }
            return isFine ? item(.text) : nil
        case .fulltext:
            guard
                check(
                    entry, properties, "a full-text index takes strings and lists of strings", { $0.target == .string })
            else { return nil }
            let analyzer = entry.analyzer.map { SchemaItem.Option("fulltext.analyzer", .string($0.value)) }
            return item(.fulltext, more: analyzer.map { [$0] } ?? [])
        case .point:
            let isFine = check(entry, properties, "a point index takes points") { $0.target == .point && !$0.isList }
            return isFine ? item(.point) : nil
        case .vector:
            guard check(entry, properties, "a vector index takes lists of floats", { $0.isVectorial }),
                let dimensions = dimensions(entry, properties)
            else { return nil }
            let similarity = SchemaItem.Option(
                "vector.similarity_function", .string(entry.similarity?.value ?? "cosine"))
            return item(
                .vector, more: [SchemaItem.Option("vector.dimensions", .integer(Int64(dimensions))), similarity])
        case .unique, .key: return refuseUniqueness(entry, mapping)
        case .exists: return checkExistence(entry, properties, mapping) ? item(.exists) : nil
        case .typed: return propertyType(entry, properties).map { item(.typed, type: $0) }
        }
    }

    /// What goes with which kind.
    private mutating func checkShape(_ entry: SchemaEntry) {
        let kind = entry.kind.value
        func refuse(_ position: FilePosition?, _ message: String, _ remedy: String? = nil) {
            note(.value, position, message, remedy)
        }
        if entry.labels.count > 1, kind != .fulltext {
            refuse(entry.labels[1].position, "only a full-text index spans several labels or types")
        }
        if entry.properties.count > 1, [.text, .point, .vector, .exists, .typed].contains(kind) {
            refuse(entry.properties[1].position, "a \(kind.rawValue) index or constraint is of one property")
        }
        if let dimensions = entry.dimensions, kind != .vector {
            refuse(dimensions.position, "only a vector index has dimensions")
        }
        if let similarity = entry.similarity, kind != .vector {
            refuse(similarity.position, "only a vector index has a similarity")
        }
        if let analyzer = entry.analyzer, kind != .fulltext {
            refuse(analyzer.position, "only a full-text index has an analyzer")
        }
        let prefix = [.fulltext: "fulltext.", .vector: "vector.", .point: "spatial."][kind]
        for option in entry.options {
            guard let prefix, option.value.name.hasPrefix(prefix) else {
                refuse(
                    option.position, "\(option.value.name) is no setting of a \(kind.rawValue) index or constraint",
                    prefix.map { "its settings begin with \($0)" })
                continue
            }
            let own = ["fulltext.analyzer": "analyzer", "vector.dimensions": "dimensions"]
            if let word = own[option.value.name]
                ?? (option.value.name.hasSuffix("similarity_function") ? "similarity" : nil)
            {
                refuse(option.position, "\(option.value.name) is written \(word)")
            }
        }
    }

    /// The property in every table that makes it; nil where none does, or an error in the tables hides it.
    private mutating func indexed(
        _ property: Located<String>, _ entry: SchemaEntry, _ mapping: GraphMapping
    ) -> [Indexed]? {
        var found: [Indexed] = []
        var known: [String] = []
        for label in entry.labels {
            guard let properties = properties(of: label, entry, mapping) else { return nil }
            known += properties.map(\.mapping.property)
            found += properties.filter { $0.mapping.property == property.value }
        }
        guard found.isEmpty else { return found }
        if !faults.hasErrors || !known.isEmpty {
            let holders = SchemaItem.pattern(entry.labels.map(\.value), [property.value], isOnNodes: entry.isOnNodes)
            note(
                .unknownName, property.position, "nothing makes a property \(holders)",
                Suggestion.remedy(for: property.value, among: known)
                    ?? "properties there are \(known.joined(separator: ", "))")
        }
        return nil
    }

    private mutating func properties(
        of label: Located<String>, _ entry: SchemaEntry, _ mapping: GraphMapping
    ) -> [Indexed]? {
        func indexed(_ table: QualifiedName, _ properties: [PropertyMapping]) -> [Indexed] {
            properties.filter { !$0.isOwn }.map {
                Indexed(
                    table: table, mapping: $0,
                    column: (catalog.table(table) ?? catalog.view(table)?.table)?.column($0.column))
            }
        }
        if entry.isOnNodes {
            let makers = mapping.nodes.filter { $0.labels.contains(label.value) }
            if !makers.isEmpty { return makers.flatMap { indexed($0.table, $0.key + $0.properties) } }
        } else {
            let makers = mapping.allJoins.filter { $0.type == label.value }
            if !makers.isEmpty { return makers.flatMap { indexed($0.table, $0.ownKey + $0.properties) } }
            if mapping.nodes.contains(where: { $0.references.contains { $0.type == label.value } }) { return [] }
        }
        let names = schemaHolders(isOnNodes: entry.isOnNodes)
        // A table with an error of its own is not in the mapping, and says so itself.
        guard !names.contains(label.value) else { return nil }
        note(
            .unknownName, label.position,
            "no table makes \(entry.isOnNodes ? "nodes with the label" : "relationships of the type") \(label.value)",
            Suggestion.remedy(for: label.value, among: names))
        return nil
    }

    /// The labels or the types that the file names.
    private func schemaHolders(isOnNodes: Bool) -> [String] {
        tables.flatMap { table -> [String] in
            switch table.role {
            case .node(let node):
                isOnNodes ? node.labels.map(\.value) : node.references.map(\.type.value)
            case .join(let join): isOnNodes ? [] : [join.type.value]
            default: []
            }
        }
    }
}

// What each kind takes.
extension MappingResolver {
    private mutating func check(
        _ entry: SchemaEntry, _ properties: [[Indexed]], _ rule: String, _ fits: (ValueConversion) -> Bool
    ) -> Bool {
        var isFine = true
        for (name, found) in zip(entry.properties, properties) {
            for indexed in found where !fits(indexed.mapping.conversion) {
                note(
                    .conversion, name.position,
                    "\(rule), and \(name.value) of \(indexed.table) is \(indexed.mapping.conversion.name)")
                isFine = false
            }
        }
        return isFine
    }

    private mutating func checkRange(
        _ entry: SchemaEntry, _ properties: [[Indexed]], _ mapping: GraphMapping
    ) -> Bool {
        let names = entry.properties.map(\.value)
        let label = entry.labels[0].value
        if let own = mapping.constraints.first(where: {
            $0.isOnNodes == entry.isOnNodes && $0.label == label && $0.properties == names
        }) {
            note(.clash, entry.position, "\(own.name) is such an index already", "leave it out", severity: .warning)
            return false
        }
        for (name, found) in zip(entry.properties, properties) {
            guard found.contains(where: isUnboundedText) else { continue }
            note(
                .value, name.position,
                "a row whose \(name.value) is longer than about 8,100 bytes would stop the pipeline: the graph's range "
                    + "index holds no longer ones", "type: text finds strings too, and holds 32,766 bytes",
                severity: .note)
        }
        return true
    }

    /// A text whose length nothing limits to what a range index holds.
    private func isUnboundedText(_ indexed: Indexed) -> Bool {
        let conversion = indexed.mapping.conversion
        guard conversion.target == .string, !conversion.isList, let column = indexed.column else { return false }
        switch conversion.source {
        case .text where catalog.underlyingType(of: column.type)?.kind == .enum: return false
        // A modifier is the number of characters and four; a character has four bytes at the most.
        case .text, .bpchar: return column.type != TypeOID.name && !(5...2_024).contains(column.typeModifier)
        case .jsonb, .hstore, .printed, .geometry, .bytea: return true
        default: return false
        }
    }

    /// What the file says, or else what the column's type says.
    private mutating func dimensions(_ entry: SchemaEntry, _ properties: [[Indexed]]) -> Int? {
        let known = properties[0].compactMap(\.vectorDimensions)
        guard let wanted = entry.dimensions?.value ?? known.first else {
            note(
                .value, entry.position, "the column's type does not say how many dimensions its vectors have",
                "write dimensions: and the number")
            return nil
        }
        if let other = known.first(where: { $0 != wanted }) {
            note(
                .value, entry.dimensions?.position ?? entry.position,
                "the index is of \(wanted) dimensions, and \(entry.properties[0].value) has \(other)")
            return nil
        }
        guard wanted <= 4096 else {
            note(.value, entry.position, "vectors of \(wanted) dimensions: the graph's indexes take 4096 at the most")
            return nil
        }
        return wanted
    }

    private mutating func checkExistence(
        _ entry: SchemaEntry, _ properties: [[Indexed]], _ mapping: GraphMapping
    ) -> Bool {
        let (name, label) = (entry.properties[0], entry.labels[0].value)
        let makers =
            entry.isOnNodes
            ? mapping.nodes.filter { $0.labels.contains(label) }.map(\.table)
            : mapping.allJoins.filter { $0.type == label }.map(\.table)
                + mapping.nodes.filter { $0.references.contains { $0.type == label } }.map(\.table)
        for table in makers {
            let found = properties[0].first { $0.table == table }
            if let found, found.column?.isNotNull == true, found.mapping.conversion.keepsPresence { continue }
            let reason = found == nil ? "makes \(label) without it" : "may have no value for it"
            note(
                .value, name.position,
                "\(table) \(reason), which an existence constraint on \(name.value) would refuse",
                found.map {
                    "ALTER TABLE \(table) ALTER COLUMN \(QualifiedName.quoted($0.mapping.column)) SET NOT NULL;"
                })
            return false
        }
        return true
    }

    private mutating func propertyType(_ entry: SchemaEntry, _ properties: [[Indexed]]) -> String? {
        var types: [String] = []
        for indexed in properties[0] {
            guard let names = indexed.mapping.conversion.cypherTypes else {
                note(
                    .conversion, entry.properties[0].position,
                    "\(indexed.mapping.conversion.name) has no type that a constraint could ask for")
                return nil
            }
            for name in names where !types.contains(name) { types.append(name) }
        }
        return types.joined(separator: " | ")
    }

    private mutating func refuseUniqueness(_ entry: SchemaEntry, _ mapping: GraphMapping) -> SchemaItem? {
        let names = Set(entry.properties.map(\.value))
        let isKey =
            entry.isOnNodes
            && mapping.nodes.contains { $0.label == entry.labels[0].value && Set($0.key.map(\.property)) == names }
        if isKey {
            note(
                .value, entry.position, "the key of \(entry.labels[0].value) is unique in the graph already",
                entry.kind.value == .key
                    ? "type: exists for each of its properties makes it what the graph calls a key" : "leave it out",
                severity: entry.kind.value == .key ? .error : .warning)
        } else {
            // A value passes from row to row within a transaction, and within a batch; the graph checks each write.
            note(
                .value, entry.position,
                "only the key can be unique in the graph: rows of one batch are not written in the order in which "
                    + "they gave up and took a value",
                "PostgreSQL guarantees it already; an index finds the nodes as fast: "
                    + "indexes: [{label: \(entry.labels[0].value), properties: "
                    + "[\(entry.properties.map(\.value).joined(separator: ", "))]}]")
        }
        return nil
    }
}

extension MappingResolver.Indexed {
    /// pgvector's type modifier is the number of dimensions.
    fileprivate var vectorDimensions: Int? {
        guard let column, column.typeModifier > 0, [.vector, .halfvec].contains(mapping.conversion.source) else {
            return nil
        }
        return Int(column.typeModifier)
    }
}

extension ValueConversion {
    /// What a vector index takes.
    fileprivate var isVectorial: Bool { isList && (target == .float || target == .integer) }

    /// Every value that is there is there in the graph.
    var keepsPresence: Bool { part == nil && policy.otherwise != .null }

    /// The names of the property's types in Cypher.
    fileprivate var cypherTypes: [String]? {
        let name: String? =
            switch target {
            case .string: "STRING"
            case .integer: "INTEGER"
            case .float: "FLOAT"
            case .boolean: "BOOLEAN"
            case .bytes: nil
            case .date: "DATE"
            case .localTime: "LOCAL TIME"
            case .time: "ZONED TIME"
            case .localDateTime: "LOCAL DATETIME"
            case .dateTime: "ZONED DATETIME"
            case .duration: "DURATION"
            case .point: "POINT"
            }
        guard let name else { return nil }
        let whole = isList ? "LIST<\(name) NOT NULL>" : name
        return policy.otherwise == .string && whole != "STRING" ? [whole, "STRING"] : [whole]
    }
}

extension SchemaItem {
    /// Of the same kind, on the same: the graph has one such at the most.
    func isSame(as other: SchemaItem) -> Bool {
        kind == other.kind && isOnNodes == other.isOnNodes && Set(labels) == Set(other.labels)
            && (kind == .fulltext ? Set(properties) == Set(other.properties) : properties == other.properties)
    }
}
