// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// The part of the file that says what each column becomes.
extension MappingFileReader {
    mutating func optionalColumns(_ node: YAMLNode, _ what: String) -> [ColumnEntry] {
        node.isMissing ? [] : columns(node, what) ?? []
    }

    /// `column: property`, or `column: {property: name, as: type, …, parts: {path: property}}`: an entry for each property.
    mutating func columns(_ node: YAMLNode, _ what: String) -> [ColumnEntry]? {
        guard let fields = mapping(node, what) else { return nil }
        var columns: [ColumnEntry] = []
        for entry in fields.entries {
            guard let entries = self.column(entry) else { return nil }
            columns += entries
        }
        return columns
    }

    private mutating func column(_ entry: YAMLNode.Entry) -> [ColumnEntry]? {
        let column = Located(entry.key, at: entry.keyPosition)
        guard case .mapping = entry.value.content else {
            return text(entry.value, "the property of \(entry.key)").map { [ColumnEntry(column: column, property: $0)] }
        }
        guard var fields = mapping(entry.value, entry.key) else { return nil }
        let partsNode = fields.take("parts")
        // A column of which only parts are wanted has no property of its own.
        let hasWhole = partsNode == nil || fields.has("property")
        let whole = hasWhole ? property(column, &fields) : nil
        finish(fields)
        let parts = partsNode.map { self.parts($0, of: column) } ?? []
        guard let parts, whole != nil || !hasWhole else { return nil }
        return (whole.map { [$0] } ?? []) + parts
    }

    private mutating func parts(_ node: YAMLNode, of column: Located<String>) -> [ColumnEntry]? {
        guard let fields = mapping(node, "parts") else { return nil }
        var columns: [ColumnEntry] = []
        for entry in fields.entries {
            let part = Located(entry.key, at: entry.keyPosition)
            var found: ColumnEntry?
            if case .mapping = entry.value.content {
                guard var fields = mapping(entry.value, entry.key) else { return nil }
                found = property(column, &fields)
                finish(fields)
            } else {
                found = text(entry.value, "the property of \(entry.key)").map {
                    ColumnEntry(column: column, property: $0)
                }
            }
            guard var found else { return nil }
            found.part = part
            columns.append(found)
        }
        return columns
    }

    private mutating func property(_ column: Located<String>, _ fields: inout Fields) -> ColumnEntry? {
        let property = required("property", &fields).flatMap { text($0, "property") }
        let graphType = fields.take("as").flatMap { text($0, "as") }
        var policies = PolicyEntries()
        policies.otherwise = fields.take("otherwise").flatMap { choice($0, "otherwise") }
        policies.nulls = fields.take("nulls").flatMap { choice($0, "nulls") }
        policies.dimensions = fields.take("dimensions").flatMap { choice($0, "dimensions") }
        policies.scale = fields.take("scale").flatMap { scale($0) }
        policies.years = fields.take("years").flatMap { years($0) }
        policies.zone = fields.take("zone").flatMap { zone($0) }
        return property.map {
            ColumnEntry(column: column, property: $0, graphType: graphType, policies: policies)
        }
    }

    /// One of the words of a policy. `null` is one of them, although it usually means that nothing is written.
    private mutating func choice<Policy: RawRepresentable<String> & CaseIterable & Sendable>(
        _ node: YAMLNode, _ what: String
    ) -> Located<Policy>? {
        guard case .scalar(let word, _) = node.content, let policy = Policy(rawValue: word) else {
            let words = Policy.allCases.map(\.rawValue)
            fault(
                .value, node.position, "\(what) is one of \(words.joined(separator: ", "))",
                "without it, such a value is an error")
            return nil
        }
        return Located(policy, at: node.position)
    }

    private mutating func scale(_ node: YAMLNode) -> Located<Int>? {
        guard let written = text(node, "scale") else { return nil }
        guard let scale = Int(written.value), (0...18).contains(scale) else {
            fault(.value, node.position, "scale is a number of decimal places, 0 to 18")
            return nil
        }
        return Located(scale, at: node.position)
    }

    private mutating func zone(_ node: YAMLNode) -> Located<ValuePolicy.Zone>? {
        guard let written = text(node, "zone") else { return nil }
        guard let zone = ValuePolicy.Zone(written.value) else {
            fault(
                .value, written.position, "zone is UTC, an offset such as \"+05:30\", or a name such as Europe/Berlin")
            return nil
        }
        return Located(zone, at: written.position)
    }

    private mutating func years(_ node: YAMLNode) -> Located<ClosedRange<Int>>? {
        guard let items = list(node, "years") else { return nil }
        let years = items.compactMap { text($0, "an item of years") }.compactMap { Int($0.value) }
        let all = ValuePolicy.yearsOfPostgreSQL
        guard years.count == 2, years[0] <= years[1], all.contains(years[0]), all.contains(years[1]) else {
            fault(
                .value, node.position,
                "years is the first and the last year that fit, between \(all.lowerBound) and \(all.upperBound)",
                "for instance years: [1, 9999]; the year 0 is 1 BC")
            return nil
        }
        return Located(years[0]...years[1], at: node.position)
    }
}
