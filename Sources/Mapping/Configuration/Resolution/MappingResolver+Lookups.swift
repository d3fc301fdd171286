// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Properties and labels from the row of another table.
extension MappingResolver {
    /// Without ``LookupMapping/kept``, which come when the references have theirs.
    mutating func lookup(_ entry: LookupEntry, from table: Catalog.Table) -> LookupMapping? {
        let position = entry.end.columns[0].position
        for property in entry.properties {
            checkName(property.property, "property", reserved: PropertyMapping.ownPrefix)
        }
        guard let end = end(entry.end, from: table, isEnforced: entry.end.isEnforced),
            let target = nodes[entry.end.references.value], nodes[table.name]?.distinct == nil
        else { return nil }
        guard Set(end.key.map(\.property)) == Set(target.key.map(\.property)) else {
            let key = target.key.map(\.column).joined(separator: ", ")
            note(
                .reference, position,
                "a lookup names the other row by the key of its node, (\(key)) of \(target.table)",
                "key \(target.table) by the columns that the foreign key refers to")
            return nil
        }
        guard !target.isKeyDeferrable else {
            note(
                .reference, entry.end.references.position,
                "the key of \(target.table) is DEFERRABLE: two of its rows may have the same for a while, and what looks them "
                    + "up would not know which is meant",
                "make the constraint NOT DEFERRABLE, or a relationship in place of the lookup")
            return nil
        }
        let properties = entry.properties.compactMap { property($0, of: target) }
        let labels = entry.labels.compactMap { self.labels($0, of: target) }
        guard properties.count == entry.properties.count, labels.count == entry.labels.count else { return nil }
        return LookupMapping(
            table: target.table, target: end, kept: [], properties: properties, labels: labels.flatMap(\.self),
            isEnforced: entry.end.isEnforced && target.rows.isAlways)
    }

    /// The labels that a column of the other table gives.
    private mutating func labels(_ entry: ColumnLabelEntry, of target: NodeMapping) -> [LookupMapping.Label]? {
        guard entry.values != nil else {
            // Those of a column that is gone have to be known.
            note(
                .value, entry.column.position,
                "which labels \(entry.column.value) of \(target.table) gives is not said",
                "write values: {value: Label}, or label: Name")
            return nil
        }
        let shown = ColumnEntry(column: entry.column, property: entry.column)
        guard let other = catalog.table(target.table), let source = property(shown, of: target)?.source else {
            return nil
        }
        var found: [LookupMapping.Label] = []
        for (label, values) in labels(entry, of: other) {
            guard let test = test(entry.column, values, of: other, isInStream: false) else { return nil }
            // The graph is asked, which has to see what the column says.
            let conversion = source.conversion
            guard values.isEmpty ? conversion.keepsPresence : conversion == test.conversion else {
                note(
                    .conversion, entry.column.position,
                    "labels go by what the nodes of \(target.table) have, and there \(entry.column.value) is "
                        + "\(conversion)",
                    "map it there without as and otherwise")
                return nil
            }
            found.append(LookupMapping.Label(label: label, test: test, property: source.property))
        }
        return found
    }

    /// Only one column decides about a label of a table's nodes.
    mutating func checkLabels(_ lookups: [LookupEntry], of node: NodeMapping) {
        var taken = node.conditionalLabels.map(\.label)
        for entry in lookups.flatMap(\.labels) {
            let labels = (entry.values ?? []).map(\.label)
            for label in labels {
                checkName(label, "label", reserved: "Lockstep")
                guard taken.contains(label.value) else { continue }
                note(
                    .clash, label.position, "label \(label.value) stands for two columns",
                    "give one of them another label")
            }
            taken += labels.map(\.value)
        }
    }

    /// What the other node has of a column.
    private mutating func property(_ entry: ColumnEntry, of target: NodeMapping) -> LookupMapping.Property? {
        guard entry.graphType == nil, entry.part == nil, entry.policies == PolicyEntries() else {
            note(
                .conversion, entry.column.position,
                "what is looked up is as the node of \(target.table) has it",
                "say under \(target.table) what \(entry.column.value) becomes")
            return nil
        }
        guard let other = catalog.table(target.table), column(entry.column, of: other) != nil else { return nil }
        let properties = (target.key + target.properties).filter { $0.conversion.part == nil && !$0.isOwn }
        guard let source = properties.first(where: { $0.column == entry.column.value }) else {
            note(
                .reference, entry.column.position, "\(target.table).\(entry.column.value) is no property there",
                "map \(entry.column.value) in \(target.table)")
            return nil
        }
        return LookupMapping.Property(property: entry.property.value, source: source)
    }
}

extension LookupMapping {
    /// The same, with its columns kept in properties of the holder.
    func kept(by holder: inout NodeMapping, _ fileNames: [String: String]) -> LookupMapping {
        var result = self
        result.kept = target.kept(by: &holder, fileNames)
        return result
    }
}
