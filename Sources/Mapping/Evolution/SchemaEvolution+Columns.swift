// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Columns that have come, gone, or become others.
extension SchemaEvolution {
    /// - Parameters:
    ///   - known: What the table was; nil where nothing is known of its columns.
    ///   - replaced: Then what stood there before, under its name.
    mutating func followColumns(
        of entry: TableEntry, _ table: Catalog.Table, _ known: TableMemory?, replaced: TableMemory? = nil
    ) -> TableEntry {
        let file = entry.table.value
        var result = entry
        var remembered = TableMemory(table)
        remembered.fileName = file
        let isAdopted = adopted.contains(file)
        if isAdopted { remembered.adopted = (known ?? replaced)?.adopted }
        if known == nil, let replaced {
            note(
                .columnRetyped, file,
                replaced.isDropped ? "the table is there again" : "the table is another one of that name",
                "it is read again", needsReading: true)
        }
        guard let known else {
            if let replaced { followKey(&result, table, replaced, &remembered) }
            memory.append(remembered)
            return result
        }
        var names: [String: String] = [:]
        let used = entry.columnNames
        for name in used + entry.filterNames.subtracting(used).sorted() {
            if let column = table.column(name) {
                compare(column, known.column(name) ?? known.columns.first { $0.number == column.number }, remembered)
            } else if let before = known.column(name) {
                let column = table.columns.first { $0.number == before.number }
                if let column, policies[.columnRenamed] != .ignore {
                    names[name] = column.name
                    if let place = remembered.columns.firstIndex(where: { $0.number == column.number }) {
                        remembered.columns[place].fileName = name
                    }
                    let old = OldName(
                        of: "column", name, in: file, now: column.name, positions: entry.positions(ofColumn: name))
                    if !isAdopted { oldNames.append(old) }
                    if before.name != column.name {
                        note(
                            .columnRenamed, file, "column \(before.name) is called \(column.name) now",
                            "the mapping goes on with it", isAdopted ? nil : old.advice)
                    }
                    compare(column, before, remembered)
                } else if !isIndispensable(name, entry, known) {
                    result = result.leavingOut(column: name)
                    goneColumns.append((file, name))
                    var gone = before
                    gone.fileName = name
                    gone.isDropped = true
                    remembered.columns.append(gone)
                    // The key that comes in its place is news enough.
                    if !before.isDropped, entry.ownKey?.contains(name) != true {
                        dropped(name, before, of: known, entry, isRenamed: column != nil, isInFile: !isAdopted)
                    }
                }
            }
        }
        result = result.renaming(columns: names)
        if !names.isEmpty {
            columnNames[file] = names
            self.file.fileNames[table.name] = Dictionary(
                names.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }
        followKey(&result, table, known, &remembered)
        adopt(table, known, &remembered, &result)
        memory.append(remembered)
        return result
    }

    /// Whether there is no mapping without a column; another key may come in the place of one that has lost it.
    private func isIndispensable(_ column: String, _ entry: TableEntry, _ known: TableMemory) -> Bool {
        guard entry.indispensableColumns.contains(column) else { return false }
        let mayLoseKey = policies[.keyChanged] == .apply || !known.key.isEmpty
        return !mayLoseKey || entry.indispensableBesideKey.contains(column)
    }

    /// - Parameter before: What the name meant; nil where the file did not have it.
    private mutating func compare(_ column: Catalog.Column, _ before: TableMemory.Column?, _ table: TableMemory) {
        guard let before else { return }
        let file = table.fileName
        let source = TableContent.Part.Source(table.oid, column: column.number)
        let reading =
            policies[.columnRetyped] == .ignore ? "what is in the graph stays as it was" : "the table is read again"
        if before.number != column.number {
            note(
                .columnRetyped, file, "column \(column.name) is another one of that name", reading,
                needsReading: true, source: source)
        } else if before.type != column.type {
            let isSame = Self.keepsValues(from: before.type, to: column.type)
            note(
                .columnRetyped, file, "column \(column.name) is \(column.formattedType) now",
                isSame ? "its values are the same in the graph" : reading, needsReading: !isSame,
                source: isSame ? nil : source)
        }
    }

    /// Whole numbers, and texts, are the same in the graph, whatever their width.
    static func keepsValues(from old: OID, to new: OID) -> Bool {
        let families: [[OID]] = [[21, 23, 20], [1043, 25]]
        return families.contains { $0.contains(old) && $0.contains(new) }
    }

    private mutating func dropped(
        _ name: String, _ before: TableMemory.Column, of table: TableMemory, _ entry: TableEntry, isRenamed: Bool,
        isInFile: Bool = true
    ) {
        let kind: SchemaChangeKind = isRenamed ? .columnRenamed : .columnDropped
        let policy = policies[kind]
        var change = SchemaChange(
            kind: kind, policy: policy, table: entry.table.value,
            what: isRenamed ? "column \(name) has another name" : "column \(name) is gone",
            action: policy == .ignore ? "what it has made in the graph stays" : "what it has made leaves the graph",
            advice: isInFile ? "take \(name) out of \(entry.table.value) in the mapping" : nil)
        change.sources = [TableContent.Part.Source(table.oid, column: before.number)]
        change.needsReading = entry.countsRows && policy != .pause
        changes.append(change)
    }

    // MARK: New columns

    private mutating func adopt(
        _ table: Catalog.Table, _ known: TableMemory, _ remembered: inout TableMemory, _ entry: inout TableEntry
    ) {
        let used = Set(entry.columnNames + entry.excluded.map(\.value))
        let written = entry.propertyColumns.union(entry.excluded.map(\.value))
        for column in table.columns where !written.contains(column.name) {
            let before = known.columns.first { $0.number == column.number && !$0.isDropped }
            var property = before?.adopted
            guard property != nil || !used.contains(column.name) else { continue }
            if before == nil {
                property =
                    policies[.columnAdded] == .apply && catalog.isInStream(column) ? entry.freeName(column.name) : nil
                let isRead = property != nil && (column.mayHaveEarlierValues || entry.countsRows)
                note(
                    .columnAdded, entry.table.value, "column \(column.name) is new",
                    property.map { "it becomes the property \($0)" } ?? "it stays out of the graph",
                    "`lockstep init` writes it into the mapping", needsReading: isRead,
                    source: TableContent.Part.Source(table.oid, column: column.number))
            }
            guard let property, let place = remembered.columns.firstIndex(where: { $0.number == column.number }) else {
                continue
            }
            remembered.columns[place].adopted = property
            entry.add(ColumnEntry(column: Located(column.name), property: Located(property)))
        }
        for before in known.columns where !table.columns.contains(where: { $0.number == before.number }) {
            abandon(before, of: known, &remembered, entry)
        }
    }

    /// A column that is a property by policy, not by the file, is gone.
    private mutating func abandon(
        _ before: TableMemory.Column, of known: TableMemory, _ remembered: inout TableMemory, _ entry: TableEntry
    ) {
        guard before.adopted != nil, !before.isDropped else { return }
        dropped(before.name, before, of: known, entry, isRenamed: false, isInFile: false)
        // While the pipeline waits for somebody, and where the property stays, it is known whose it was.
        var gone = before
        gone.isDropped = true
        remembered.columns.append(gone)
    }
}

extension TableEntry {
    func freeName(_ column: String) -> String {
        let taken: [String] =
            switch role {
            case .node(let node):
                (node.key + node.properties + node.lookups.flatMap(\.properties)).map(\.property.value)
            case .join(let join): join.properties.map(\.property.value)
            case .skip: []
            }
        let name = Naming.property(column)
        let numbered = (2...).lazy.map { "\(name)\($0)" }
        func isFree(_ name: String) -> Bool { !taken.contains { $0.lowercased() == name.lowercased() } }
        return isFree(name) ? name : numbered.first(where: isFree) ?? column
    }

    /// Those of which the file itself makes properties.
    fileprivate var propertyColumns: Set<String> {
        switch role {
        case .node(let node): Set((node.key + node.properties).map(\.column.value))
        case .join(let join): Set((join.key + join.properties).map(\.column.value))
        case .skip: []
        }
    }

    fileprivate mutating func add(_ column: ColumnEntry) {
        switch role {
        case .node(var node):
            node.properties.append(column)
            role = .node(node)
        case .join(var join):
            join.properties.append(column)
            role = .join(join)
        case .skip: break
        }
    }
}
