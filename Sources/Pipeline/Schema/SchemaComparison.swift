// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

/// What the mapping file's `schema` means for a graph as it is. Pure; read by ``SchemaWork``.
struct SchemaComparison {
    let wanted: [SchemaItem]
    let live: GraphSchema
    /// What this pipeline made.
    let made: [SchemaRecord]
    let server: ServerAbilities

    /// What the graph server can make.
    struct ServerAbilities: Sendable {
        var product: GraphFacts.Product
        var release: [Int] = []
        /// Nil where the server does not say.
        var edition: String?
    }

    /// Those that the file names, in its order; before them what is to be dropped, whose place one of them may take.
    var steps: [SchemaStep] { drops + wanted.map(step) }

    private var drops: [SchemaStep] {
        made.filter { record in !wanted.contains { $0.name == record.name } }.map { record in
            SchemaStep(.drop, name: record.name, isIndex: record.kind.isIndex, what: record.description)
        }
    }

    private func step(_ item: SchemaItem) -> SchemaStep {
        if let lack = lack(item) { return lack }
        if let entry = entries(like: item).first(where: { $0.name == item.name }) {
            let isSame = entry.isSame(as: item)
            if isSame, entry.hasSettings(of: item) { return SchemaStep(.keep, item) }
            let reason = isSame ? "its settings are others" : "it is on \(GraphSchema.describe(entry))"
            if isOwn(entry) { return SchemaStep(.change, item, reason: reason) }
            return SchemaStep(
                .refuse, item, reason: "\(item.name) is there, \(reason), and Lockstep did not make it",
                fix: "give it another name in the mapping, or \(SchemaItem.dropStatement(item.name, isIndex: true));")
        }
        if let other = (live.indexes + live.constraints).first(where: { $0.name == item.name }) {
            return SchemaStep(
                .refuse, item, reason: "the name \(item.name) is taken by something on \(GraphSchema.describe(other))",
                fix: "give it another name in the mapping")
        }
        guard let other = entries(like: item).first(where: { $0.isSame(as: item) && !isDropped($0) }) else {
            return SchemaStep(.create, item)
        }
        // A query calls a full-text or vector index by its name; the others are found by what they hold.
        if !item.isNamed, other.hasSettings(of: item) { return SchemaStep(.keep, item) }
        return SchemaStep(
            .refuse, item,
            reason: "the \(item.description) is there already, as \(other.name)"
                + (other.hasSettings(of: item) ? "" : " with other settings") + ", and Lockstep did not make it",
            fix: "say name: \(other.name) in the mapping"
                + (other.hasSettings(of: item) ? "" : ", with its settings")
                + ", or \(SchemaItem.dropStatement(other.name, isIndex: item.kind.isIndex));")
    }

    private func entries(like item: SchemaItem) -> [GraphSchema.Entry] {
        item.kind.isIndex ? live.indexes : live.constraints
    }

    /// Made by this pipeline, and still what it made.
    private func isOwn(_ entry: GraphSchema.Entry) -> Bool {
        made.contains { $0.name == entry.name && entry.isSame($0.kind, $0.isOnNodes, $0.labels, $0.properties) }
    }

    private func isDropped(_ entry: GraphSchema.Entry) -> Bool {
        isOwn(entry) && !wanted.contains { $0.name == entry.name }
    }

    /// Why the server does not have this kind.
    private func lack(_ item: SchemaItem) -> SchemaStep? {
        func lacking(_ reason: String, _ fix: String, isLacking: Bool = true) -> SchemaStep {
            SchemaStep(.refuse, item, reason: reason, fix: fix, isLacking: isLacking)
        }
        switch server.product {
        case .arcadeDB:
            return lacking(
                "on ArcadeDB none is made: an index over data that is there fixes the property's type to that of one "
                    + "value, and full-text, point and vector indexes it has by its own SQL only",
                "make it there by ArcadeDB's SQL, or use Neo4j")
        case .other, .neo4j: break
        }
        if !item.kind.isIndex, server.edition == "community" {
            return lacking(
                "Neo4j's Community edition has no existence and no type constraints", "leave it out, or use Enterprise",
                isLacking: false)
        }
        let needed: [Int] =
            switch (item.kind, item.isOnNodes) {
            case (.vector, true): [5, 15]
            case (.vector, false): [5, 18]
            case (.point, _): [5]
            case (.typed, _): [5, 9]
            default: []
            }
        guard !server.release.isEmpty, server.release.lexicographicallyPrecedes(needed) else { return nil }
        return lacking(
            "this Neo4j is too old for it: it needs \(needed.map(String.init).joined(separator: "."))",
            "upgrade, or leave it out", isLacking: false)
    }
}

extension GraphSchema.Entry {
    func isSame(as item: SchemaItem) -> Bool { isSame(item.kind, item.isOnNodes, item.labels, item.properties) }

    func isSame(_ kind: SchemaItem.Kind, _ isOnNodes: Bool, _ labels: [String], _ properties: [String]) -> Bool {
        self.isOnNodes == isOnNodes && isOf(kind) && Set(self.labels) == Set(labels)
            && (kind == .fulltext ? Set(self.properties) == Set(properties) : self.properties == properties)
    }

    private func isOf(_ kind: SchemaItem.Kind) -> Bool {
        switch kind {
        case .range: type == "RANGE" || type == "BTREE"
        case .text, .fulltext, .point, .vector: type == kind.rawValue.uppercased()
        // `NODE_PROPERTY_EXISTENCE`, `RELATIONSHIP_PROPERTY_TYPE`.
        case .exists: type.hasSuffix("PROPERTY_EXISTENCE")
        case .typed: type.hasSuffix("PROPERTY_TYPE")
        }
    }

    /// Whether it has the settings that are asked for; it has others beside them.
    func hasSettings(of item: SchemaItem) -> Bool {
        if let wanted = item.propertyType, Self.types(wanted) != Self.types(propertyType ?? "") { return false }
        return item.options.allSatisfy { option in
            guard let value = configuration[option.name] else { return false }
            switch option.value {
            // The server writes some in upper case.
            case .string(let text): return value.stringValue?.lowercased() == text.lowercased()
            case .integer(let number): return value.integerValue == number || value.floatValue == Double(number)
            case .float(let number): return value.floatValue == number
            case .boolean(let flag): return value.boolValue == flag
            }
        }
    }

    /// Of a union; the server has an order of its own.
    private static func types(_ union: String) -> Set<String> {
        var types: Set<String> = []
        var rest = union[...]
        while let bar = rest.firstRange(of: " | ") {
            types.insert(String(rest[..<bar.lowerBound]))
            rest = rest[bar.upperBound...]
        }
        types.insert(String(rest))
        return types
    }
}
