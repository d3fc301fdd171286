// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A mapping file laid over a database that has changed since: which names mean what by now, what has happened, and what the
/// graph has to do about it. Pure.
///
/// A name that the database has means what it names there. Only for one that it does not have the memory is asked: the same
/// table (OID) or column (OID and number) may have another name, or be gone.
public struct SchemaEvolution: Sendable {
    /// The file with the names of now, and without what is gone.
    public internal(set) var file: MappingFile
    /// What is new since the memory was written.
    public internal(set) var changes: [SchemaChange] = []
    /// What is to be remembered from here on.
    public internal(set) var memory: [TableMemory] = []
    /// Names in the file that the database does not have any more, and that are known to mean something.
    public private(set) var oldNames: [OldName] = []

    /// Tables beside the mapping that somebody has been told of, or that were there before; nil where nobody has looked.
    public internal(set) var toldOf: Set<OID>?

    /// Tables whose key is not the file's, and that key; by the names of now.
    var rekeyed: [QualifiedName: [String]] = [:]
    /// Tables that are left out because they are without their key; what they have made stays.
    public private(set) var keyless: Set<OID> = []

    /// What was remembered.
    let remembered: [TableMemory]
    let catalog: Catalog
    let policies: SchemaPolicies
    /// Tables of the mapping by policy, as it calls them.
    private var adopted: Set<QualifiedName> = []
    /// Those that are gone.
    private var forgotten: Set<OID> = []
    private var tableNames: [QualifiedName: QualifiedName] = [:]
    private var goneTables: [QualifiedName] = []
    /// By the file's names: columns that are called otherwise now, and those that are gone.
    private var columnNames: [QualifiedName: [String: String]] = [:]
    private var goneColumns: [(table: QualifiedName, column: String)] = []

    /// - Parameters:
    ///   - known: Tables beside the mapping that are not new; nil where nobody asks for new ones.
    ///   - obstacles: Why some of these cannot become a part of the mapping.
    public init(
        _ file: MappingFile, memory: [TableMemory], catalog: Catalog, besides known: Set<OID>? = nil,
        without obstacles: [OID: String] = [:]
    ) {
        self.file = file
        remembered = memory
        self.catalog = catalog
        policies = file.schemaChanges
        self.file.tables += adoptedEntries()
        var entries = self.file.tables.map { follow($0) }
        for (table, names) in columnNames { entries = entries.map { $0.renaming(lookedUp: names, of: table) } }
        for (table, name) in goneColumns { entries = entries.map { $0.leavingOut(lookedUp: name, of: table) } }
        for name in goneTables { entries = entries.compactMap { $0.leavingOut(table: name) } }
        self.file.tables = entries.map { followReferences($0.renaming(tables: tableNames)) }
        if let known { followNewTables(besides: known, without: obstacles) }
    }

    /// Entries that policy has made, of tables that the file does not mention.
    private mutating func adoptedEntries() -> [TableEntry] {
        let mentioned = file.tables.map(\.table.value)
        let tables = Set(mentioned.compactMap { catalog.table($0)?.oid })
        return remembered.compactMap { memory in
            guard let text = memory.adopted, !mentioned.contains(memory.fileName), !tables.contains(memory.oid) else {
                return nil
            }
            guard let entry = MappingFile.adoptedEntry(of: memory.fileName, text) else { return nil }
            adopted.insert(memory.fileName)
            return entry
        }
    }

    /// What the pipeline has to wait for.
    public var pausing: [SchemaChange] { changes.filter { $0.policy == .pause } }

    // MARK: The file's own changes

    /// Tables that the file has since lately, as they are called now.
    public var added: [QualifiedName] {
        // An older Lockstep remembered none.
        guard !remembered.isEmpty else { return [] }
        let old = remembered.filter { !forgotten.contains($0.oid) }
        return memory.filter { !$0.isDropped && !Self.has(old, $0) }.map(\.name)
    }

    /// Tables that somebody has taken out of the file.
    public var removed: [TableMemory] {
        remembered.filter { !Self.has(memory, $0) && !forgotten.contains($0.oid) }
    }

    /// Under the same name in the file, or the same table under another.
    private static func has(_ tables: [TableMemory], _ table: TableMemory) -> Bool {
        tables.contains { $0.fileName == table.fileName || $0.oid == table.oid }
    }

    /// What a table of the file is called now; nil where it is gone.
    public func currentName(of table: QualifiedName) -> QualifiedName? {
        memory.first { $0.fileName == table && !$0.isDropped }?.name
    }

    /// What the file calls a table of the mapping.
    public func fileName(of table: QualifiedName) -> QualifiedName {
        memory.first { $0.name == table && !$0.isDropped }?.fileName ?? table
    }

    /// Whether a part of what a table makes came, changed or went because of what has happened to tables, and not because of
    /// what the file says.
    public func explains(_ part: TableContent.Part) -> Bool {
        changes.contains { !$0.sources.isDisjoint(with: part.sources) }
    }

    // MARK: Tables

    private mutating func follow(_ entry: TableEntry) -> TableEntry {
        let name = entry.table.value
        // Of views nothing is remembered: they have no stream to go by.
        guard entry.role != .skip, entry.refresh == nil else { return entry }
        let known = remembered.first { $0.fileName == name }
        let isAdopted = adopted.contains(name)
        if let table = catalog.table(name), !isAdopted || table.oid == known?.oid {
            return follow(entry, table, known)
        }
        guard let known else { return entry }
        guard let table = catalog.tables.first(where: { $0.oid == known.oid }), policies[.tableRenamed] != .ignore
        else {
            return drop(entry, known)
        }
        tableNames[name] = table.name
        let old = OldName(
            of: "table", name.description, in: name, now: table.name.description,
            positions: file.tables.flatMap { $0.positions(ofTable: name) })
        if !isAdopted { oldNames.append(old) }
        if known.name != table.name {
            note(
                .tableRenamed, name, "the table is called \(table.name) now", "the mapping goes on with it",
                isAdopted ? nil : old.advice)
        }
        return follow(entry, table, known)
    }

    private mutating func follow(_ entry: TableEntry, _ table: Catalog.Table, _ known: TableMemory?) -> TableEntry {
        guard let known else { return follow(entry, table, nil, replaced: nil) }
        // Where it is another table than it was, its columns are others, too.
        guard known.oid == table.oid else { return follow(entry, table, nil, replaced: known) }
        if isWithoutKey(entry, table, known) {
            keyless.insert(table.oid)
            return drop(entry, known, for: .keyChanged)
        }
        return known.isDropped
            ? follow(entry, table, nil, replaced: known) : follow(entry, table, known, replaced: nil)
    }

    /// - Parameter kind: What has happened to it; nil where it is gone, at least by that name.
    private mutating func drop(
        _ entry: TableEntry, _ known: TableMemory, for kind: SchemaChangeKind? = nil
    ) -> TableEntry {
        let name = entry.table.value
        let isAdopted = adopted.contains(name)
        goneTables.append(name)
        if isAdopted, kind == nil {
            forgotten.insert(known.oid)
        } else {
            var remembered = known
            remembered.isDropped = true
            memory.append(remembered)
        }
        guard !known.isDropped else { return entry }
        let isThere = catalog.tables.contains { $0.oid == known.oid }
        let kind = kind ?? (isThere ? .tableRenamed : .tableDropped)
        let policy = policies[kind]
        let what =
            switch kind {
            case .keyChanged: "its key is no key any more"
            case .tableRenamed: "the table has another name"
            default: "the table is gone"
            }
        let advice =
            kind == .keyChanged
            ? "give it another key, there or in the mapping, and it is read again"
            : "take \(name) out of the mapping, and the relationships that refer to it"
        var change = SchemaChange(
            kind: kind, policy: policy, table: name, what: what,
            action: policy == .ignore ? "what it has made in the graph stays" : "what it has made leaves the graph",
            advice: isAdopted ? nil : advice)
        change.sources = [TableContent.Part.Source(known.oid)]
        changes.append(change)
        return entry
    }

    // MARK: Columns

    private mutating func follow(
        _ entry: TableEntry, _ table: Catalog.Table, _ known: TableMemory?, replaced: TableMemory?
    ) -> TableEntry {
        let file = entry.table.value
        var result = entry
        var remembered = TableMemory(table)
        remembered.fileName = file
        let isAdopted = adopted.contains(file)
        if isAdopted { remembered.adopted = known?.adopted }
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

    private mutating func note(
        _ kind: SchemaChangeKind, _ table: QualifiedName, _ what: String, _ action: String, _ advice: String? = nil,
        needsReading: Bool = false, source: TableContent.Part.Source? = nil
    ) {
        let policy = policies[kind]
        var change = SchemaChange(
            kind: kind, policy: policy, table: table, what: what, action: action, advice: advice,
            needsReading: needsReading && policy == .apply)
        if let source { change.sources = [source] }
        changes.append(change)
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
