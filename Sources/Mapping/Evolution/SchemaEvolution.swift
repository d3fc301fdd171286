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
    public internal(set) var oldNames: [OldName] = []

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
    var adopted: Set<QualifiedName> = []
    /// Those that are gone.
    private var forgotten: Set<OID> = []
    private var tableNames: [QualifiedName: QualifiedName] = [:]
    private var goneTables: [QualifiedName] = []
    /// By the file's names: columns that are called otherwise now, and those that are gone.
    var columnNames: [QualifiedName: [String: String]] = [:]
    var goneColumns: [(table: QualifiedName, column: String)] = []

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
        for index in self.file.tables.indices {
            self.file.tables[index] = followForeignKeys(self.file.tables[index])
        }
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

    /// What has happened to a table just now that the graph follows, of one kind.
    public func followed(_ kind: SchemaChangeKind, of table: QualifiedName) -> SchemaChange? {
        changes.first { $0.kind == kind && $0.policy == .apply && $0.table == fileName(of: table) }
    }

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
        guard let known else { return followColumns(of: entry, table, nil) }
        // Where it is another table than it was, its columns are others, too.
        guard known.oid == table.oid else { return followColumns(of: entry, table, nil, replaced: known) }
        if isWithoutKey(entry, table, known) {
            keyless.insert(table.oid)
            return drop(entry, known, for: .keyChanged)
        }
        return known.isDropped
            ? followColumns(of: entry, table, nil, replaced: known) : followColumns(of: entry, table, known)
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

    mutating func note(
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
