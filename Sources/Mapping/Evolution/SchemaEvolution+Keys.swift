// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Tables whose rows are known by something else than the file says: its key is no key any more, or the stream does not carry
// it.
extension SchemaEvolution {
    /// Whether a table of the file has to stay out of the mapping until it has its key again.
    func isWithoutKey(_ entry: TableEntry, _ table: Catalog.Table, _ known: TableMemory) -> Bool {
        guard policies[.keyChanged] == .ignore, let key = entry.ownKey else { return false }
        let now = key.map { name in Self.currentName(of: name, table, known) ?? name }
        return !table.isKey(now) && keptKey(table, known) == nil
    }

    /// What a column of the file is called now; nil where it is gone.
    private static func currentName(of name: String, _ table: Catalog.Table, _ known: TableMemory) -> String? {
        if table.column(name) != nil { return name }
        guard let number = known.column(name)?.number else { return nil }
        return table.columns.first { $0.number == number }?.name
    }

    /// The key that policy has chosen before, as long as it is one.
    private func keptKey(_ table: Catalog.Table, _ known: TableMemory) -> [String]? {
        let names = known.key.compactMap { number in table.columns.first { $0.number == number }?.name }
        return !names.isEmpty && names.count == known.key.count && table.isKey(names) ? names : nil
    }

    /// Whether a part of what a table makes is another one because rows that it refers to have another key now.
    public func isOfChangedKey(_ part: TableContent.Part) -> Bool {
        rekeyed.keys.contains { name in
            guard let table = catalog.table(name), followed(.keyChanged, of: name) != nil else { return false }
            return part.sources.contains(TableContent.Part.Source(table.oid))
        }
    }

    /// Puts another key in the place of one that is none any more.
    ///
    /// - Parameter entry: With the names of now.
    mutating func followKey(
        _ entry: inout TableEntry, _ table: Catalog.Table, _ known: TableMemory, _ remembered: inout TableMemory
    ) {
        guard let former = entry.ownKey, !table.isKey(former) else { return }
        let kept = keptKey(table, known)
        // Where there is no other one, what is wrong is for the resolver to say.
        guard let key = kept ?? (policies[.keyChanged] == .apply ? catalog.key(of: table) : nil) else { return }
        entry.setKey(key, in: table)
        remembered.key = key.compactMap { table.column($0)?.number }
        rekeyed[table.name] = key
        guard kept == nil else { return }
        let list = entry.keyEntries.map { "\($0.column.value): \($0.property.value)" }.joined(separator: ", ")
        changes.append(
            SchemaChange(
                kind: .keyChanged, policy: .apply, table: remembered.fileName,
                what: "(\(former.joined(separator: ", "))) is no key any more",
                action:
                    "its rows are known by (\(key.joined(separator: ", "))): what it has made leaves the graph, and it is "
                    + "read while the stream goes on",
                advice: remembered.adopted == nil
                    ? "write key: {\(list)} under \(remembered.fileName) in the mapping" : nil
            ))
    }

    /// Foreign keys go where the key goes: a reference by (id) is one by (tenant_id, id) now.
    func followReferences(_ entry: TableEntry) -> TableEntry {
        guard !rekeyed.isEmpty, let table = catalog.table(entry.table.value) else { return entry }
        return entry.changingEnds { end in
            let target = end.references.value
            guard let key = rekeyed[target] else { return }
            let columns = end.columns.map(\.value)
            guard table.foreignKey(over: columns, to: target, key: key) == nil else { return }
            let wider = table.foreignKeys.filter {
                $0.referencedTable == target && Set($0.columns).isSuperset(of: columns)
            }
            if wider.count == 1 { end.columns = wider[0].pairs(inOrderOf: key).map { Located($0.column) } }
        }
    }
}

extension TableEntry {
    /// The columns of the key that the entry gives the table's rows; nil where something else tells them apart.
    var ownKey: [String]? {
        switch role {
        case .node(let node): node.distinct == nil ? node.key.map(\.column.value) : nil
        case .join(let join): join.identifyingColumns
        case .skip: nil
        }
    }

    /// Empty where the ends of a relationship are the key.
    fileprivate var keyEntries: [ColumnEntry] {
        switch role {
        case .node(let node): node.key
        case .join(let join): join.key
        case .skip: []
        }
    }

    /// What was the key stays as properties.
    fileprivate mutating func setKey(_ key: [String], in table: Catalog.Table) {
        func swapping(_ old: [ColumnEntry], _ properties: [ColumnEntry]) -> ([ColumnEntry], [ColumnEntry]) {
            let all = (old + properties).filter { table.column($0.column.value) != nil }
            func isWhole(_ entry: ColumnEntry, _ name: String) -> Bool {
                entry.column.value == name && entry.part == nil
            }
            let new = key.map { name in
                all.first { isWhole($0, name) } ?? ColumnEntry(column: Located(name), property: Located(freeName(name)))
            }
            return (new, all.filter { entry in !key.contains { isWhole(entry, $0) } })
        }
        excluded.removeAll { key.contains($0.value) }
        switch role {
        case .node(var node):
            (node.key, node.properties) = swapping(node.key, node.properties)
            role = .node(node)
        case .join(var join):
            (join.key, join.properties) = swapping(join.key, join.properties)
            role = .join(join)
        case .skip: break
        }
    }
}
