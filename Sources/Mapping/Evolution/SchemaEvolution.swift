// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A mapping file laid over a database that has changed since: which names mean what by now, what has happened, and what the
/// graph has to do about it. Pure.
///
/// A name that the database has means what it names there. Only for one that it does not have the memory is asked: the same
/// table (OID) or column (OID and number) may have another name, or be gone.
public struct SchemaEvolution: Sendable {
    /// The file with the names of now, and without what is gone.
    public private(set) var file: MappingFile
    /// What is new since the memory was written.
    public private(set) var changes: [SchemaChange] = []
    /// What is to be remembered from here on.
    public private(set) var memory: [TableMemory] = []
    /// Names in the file that the database does not have any more, and that are known to mean something.
    public private(set) var oldNames: [OldName] = []

    private let old: [TableMemory]
    private let catalog: Catalog
    private let policies: SchemaPolicies
    /// By the file's names: the label of nodes.
    private let labels: [QualifiedName: String]
    private var tableNames: [QualifiedName: QualifiedName] = [:]
    private var goneTables: [QualifiedName] = []
    /// By the file's names: columns that are called otherwise now, and those that are gone.
    private var columnNames: [QualifiedName: [String: String]] = [:]
    private var goneColumns: [(table: QualifiedName, column: String)] = []

    public init(_ file: MappingFile, memory: [TableMemory], catalog: Catalog) {
        self.file = file
        old = memory
        self.catalog = catalog
        policies = file.schemaChanges
        labels = Dictionary(
            file.tables.compactMap { entry in
                guard case .node(let node) = entry.role else { return nil }
                return (entry.table.value, node.labels[0].value)
            }, uniquingKeysWith: { first, _ in first })
        var entries = file.tables.map { follow($0) }
        for (table, names) in columnNames { entries = entries.map { $0.renaming(lookedUp: names, of: table) } }
        for (table, name) in goneColumns { entries = entries.map { $0.leavingOut(lookedUp: name, of: table) } }
        for name in goneTables { entries = entries.compactMap { $0.leavingOut(table: name) } }
        self.file.tables = entries.map { $0.renaming(tables: tableNames) }
    }

    /// What the pipeline has to wait for.
    public var pausing: [SchemaChange] { changes.filter { $0.policy == .pause } }

    // MARK: The file's own changes

    /// Tables that the file has since lately, as they are called now.
    public var added: [QualifiedName] {
        // An older Lockstep remembered none.
        guard !old.isEmpty else { return [] }
        return memory.filter { !$0.isDropped && !Self.has(old, $0) }.map(\.name)
    }

    /// Tables that somebody has taken out of the file.
    public var removed: [TableMemory] { old.filter { !Self.has(memory, $0) } }

    /// Under the same name in the file, or the same table under another.
    private static func has(_ tables: [TableMemory], _ table: TableMemory) -> Bool {
        tables.contains { $0.fileName == table.fileName || $0.oid == table.oid }
    }

    /// What a table of the file is called now; nil where it is gone.
    public func currentName(of table: QualifiedName) -> QualifiedName? {
        memory.first { $0.fileName == table && !$0.isDropped }?.name
    }

    // MARK: Tables

    private mutating func follow(_ entry: TableEntry) -> TableEntry {
        let name = entry.table.value
        // Of views nothing is remembered: they have no stream to go by.
        guard entry.role != .skip, entry.refresh == nil else { return entry }
        let known = old.first { $0.fileName == name }
        if let table = catalog.table(name) {
            // Where it is another table than it was, its columns are others, too.
            return follow(entry, table, known?.oid == table.oid ? known : nil, replaced: known)
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
        oldNames.append(old)
        if known.name != table.name {
            note(
                .tableRenamed, name, "the table is called \(table.name) now", "the mapping goes on with it", old.advice)
        }
        return follow(entry, table, known, replaced: nil)
    }

    private mutating func drop(_ entry: TableEntry, _ known: TableMemory) -> TableEntry {
        let name = entry.table.value
        goneTables.append(name)
        var remembered = known
        remembered.isDropped = true
        memory.append(remembered)
        guard !known.isDropped else { return entry }
        let isRenamed = catalog.tables.contains { $0.oid == known.oid }
        let kind: SchemaChangeKind = isRenamed ? .tableRenamed : .tableDropped
        let policy = policies[kind]
        var change = SchemaChange(
            kind: kind, policy: policy, table: name,
            what: isRenamed ? "the table has another name" : "the table is gone",
            action: policy == .ignore ? "what it has made in the graph stays" : "what it has made leaves the graph",
            advice: "take \(name) out of the mapping, and the relationships that refer to it")
        if policy == .apply { change.sweeps = sweeps(of: entry) + sweeps(ofLookedUp: nil, name) }
        change.runsCustom = entry.customSweep != nil
        changes.append(change)
        return entry
    }

    private func sweeps(of entry: TableEntry) -> [String] {
        switch entry.role {
        case .node(let node): [entry.customSweep ?? Cypher.nodeSweep(node.labels[0].value)]
        case .join(let join):
            // Rows may wait as nodes of their own.
            relationshipSweep(
                labels[join.from.references.value], join.type.value, labels[join.to.references.value])
                + (waitingLabel(join).map { [Cypher.nodeSweep($0)] } ?? [])
        case .skip: []
        }
    }

    private func waitingLabel(_ join: JoinEntry) -> String? {
        guard let from = labels[join.from.references.value], let to = labels[join.to.references.value] else {
            return nil
        }
        return JoinMapping.waitingLabel(from, join.type.value, to)
    }

    private func relationshipSweep(_ from: String?, _ type: String, _ to: String?) -> [String] {
        guard let from, let to else { return [] }
        return [Cypher.relationshipSweep(from: from, type, to: to)]
    }

    // MARK: Columns

    private mutating func follow(
        _ entry: TableEntry, _ table: Catalog.Table, _ known: TableMemory?, replaced: TableMemory?
    ) -> TableEntry {
        let file = entry.table.value
        var result = entry
        var remembered = TableMemory(table)
        remembered.fileName = file
        if known == nil, let replaced {
            note(
                .columnRetyped, file,
                replaced.isDropped ? "the table is there again" : "the table is another one of that name",
                "it is read again", needsReading: true)
        }
        guard let known else {
            memory.append(remembered)
            return result
        }
        var names: [String: String] = [:]
        let used = entry.columnNames
        for name in used + entry.filterNames.subtracting(used).sorted() {
            if let column = table.column(name) {
                compare(column, known.column(name) ?? known.columns.first { $0.number == column.number }, file)
            } else if let before = known.column(name) {
                let column = table.columns.first { $0.number == before.number }
                if let column, policies[.columnRenamed] != .ignore {
                    names[name] = column.name
                    if let place = remembered.columns.firstIndex(where: { $0.number == column.number }) {
                        remembered.columns[place].fileName = name
                    }
                    let old = OldName(
                        of: "column", name, in: file, now: column.name, positions: entry.positions(ofColumn: name))
                    oldNames.append(old)
                    if before.name != column.name {
                        note(
                            .columnRenamed, file, "column \(before.name) is called \(column.name) now",
                            "the mapping goes on with it", old.advice)
                    }
                    compare(column, before, file)
                } else if !entry.indispensableColumns.contains(name) {
                    result = result.leavingOut(column: name)
                    goneColumns.append((file, name))
                    var gone = before
                    gone.fileName = name
                    gone.isDropped = true
                    remembered.columns.append(gone)
                    if !before.isDropped { dropped(name, entry, before.type, isRenamed: column != nil) }
                }
            }
        }
        result = result.renaming(columns: names)
        if !names.isEmpty {
            columnNames[file] = names
            self.file.fileNames[table.name] = Dictionary(
                names.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        }
        adopt(table, known, &remembered, &result)
        memory.append(remembered)
        return result
    }

    /// - Parameter before: What the name meant; nil where the file did not have it.
    private mutating func compare(_ column: Catalog.Column, _ before: TableMemory.Column?, _ file: QualifiedName) {
        guard let before else { return }
        let reading =
            policies[.columnRetyped] == .ignore ? "what is in the graph stays as it was" : "the table is read again"
        if before.number != column.number {
            note(
                .columnRetyped, file, "column \(column.name) is another one of that name", reading, needsReading: true)
        } else if before.type != column.type {
            let isSame = Self.keepsValues(from: before.type, to: column.type)
            note(
                .columnRetyped, file, "column \(column.name) is \(column.formattedType) now",
                isSame ? "its values are the same in the graph" : reading, needsReading: !isSame)
        }
    }

    /// Whole numbers, and texts, are the same in the graph, whatever their width.
    static func keepsValues(from old: OID, to new: OID) -> Bool {
        let families: [[OID]] = [[21, 23, 20], [1043, 25]]
        return families.contains { $0.contains(old) && $0.contains(new) }
    }

    private mutating func dropped(
        _ name: String, _ entry: TableEntry, _ type: OID, isRenamed: Bool, isInFile: Bool = true
    ) {
        let kind: SchemaChangeKind = isRenamed ? .columnRenamed : .columnDropped
        let policy = policies[kind]
        var change = SchemaChange(
            kind: kind, policy: policy, table: entry.table.value,
            what: isRenamed ? "column \(name) has another name" : "column \(name) is gone",
            action: policy == .ignore ? "what it has made in the graph stays" : "what it has made leaves the graph",
            advice: isInFile ? "take \(name) out of \(entry.table.value) in the mapping" : nil)
        if policy == .apply {
            change.sweeps = sweeps(ofColumn: name, entry, type) + sweeps(ofLookedUp: name, entry.table.value)
        }
        change.needsReading = entry.countsRows && policy != .pause
        changes.append(change)
    }

    /// What a table's nodes have by lookups, of one column there, or of any where it says nil.
    private func sweeps(of lookups: [LookupEntry], _ node: NodeEntry, column: String? = nil) -> [String] {
        let label = node.labels[0].value
        return lookups.flatMap { lookup in
            let properties = lookup.properties.filter { column == nil || $0.column.value == column }
            let labels = lookup.labels.filter { column == nil || $0.column.value == column }.flatMap { $0.values ?? [] }
            return properties.map { Cypher.propertySweep(label: label, $0.property.value) }
                + labels.map { Cypher.labelSweep(label: label, $0.label.value) }
        }
    }

    /// What others have looked up in a column, or in any where it says nil.
    private func sweeps(ofLookedUp column: String?, _ table: QualifiedName) -> [String] {
        file.tables.flatMap { entry -> [String] in
            guard case .node(let node) = entry.role else { return [] }
            return sweeps(of: node.lookups.filter { $0.end.references.value == table }, node, column: column)
        }
    }

    private func sweeps(ofColumn name: String, _ entry: TableEntry, _ type: OID?) -> [String] {
        let derived = entry.derived.filter { $0.columns.contains(name) }.map(\.property.value)
        switch entry.role {
        case .node(let node):
            let label = node.labels[0].value
            let own = "\(PropertyMapping.ownPrefix)_\(name)"
            let references = node.references.filter { $0.end.columns.contains { $0.value == name } }
            var properties = node.properties.filter { $0.column.value == name }.map(\.property.value) + derived
            let lookups = node.lookups.filter { $0.end.columns.contains { $0.value == name } }
            if references.contains(where: { !$0.isEnforced }) || !lookups.isEmpty { properties.append(own) }
            return properties.map { Cypher.propertySweep(label: label, $0) }
                + labels(byColumn: name, node, entry, type).map { Cypher.labelSweep(label: label, $0) }
                + sweeps(of: lookups, node)
                + references.flatMap { reference in
                    let other = labels[reference.end.references.value]
                    return reference.isReversed
                        ? relationshipSweep(other, reference.type.value, label)
                        : relationshipSweep(label, reference.type.value, other)
                }
        case .join(let join):
            guard let from = labels[join.from.references.value], let to = labels[join.to.references.value] else {
                return []
            }
            let properties = join.properties.filter { $0.column.value == name }.map(\.property.value) + derived
            return properties.flatMap { property in
                [Cypher.propertySweep(from: from, join.type.value, to: to, property)]
                    + (waitingLabel(join).map { [Cypher.propertySweep(label: $0, property)] } ?? [])
            }
        case .skip: return []
        }
    }

    /// The labels that nodes have by a column.
    private func labels(byColumn name: String, _ node: NodeEntry, _ entry: TableEntry, _ type: OID?) -> [String] {
        let values = type.flatMap { catalog.underlyingType(of: $0) }?.values ?? []
        var labels = node.columnLabels.filter { $0.column.value == name }.flatMap { label in
            label.values?.map(\.label.value) ?? values.map { Naming.pluralLabel($0) }
        }
        if let softDelete = entry.softDelete, softDelete.column.value == name, let label = softDelete.label {
            labels.append(label.value)
        }
        return labels
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
                    "`lockstep init` writes it into the mapping", needsReading: isRead)
            }
            guard let property, let place = remembered.columns.firstIndex(where: { $0.number == column.number }) else {
                continue
            }
            remembered.columns[place].adopted = property
            entry.add(ColumnEntry(column: Located(column.name), property: Located(property)))
        }
        for before in known.columns where !table.columns.contains(where: { $0.number == before.number }) {
            abandon(before, &remembered, entry)
        }
    }

    /// A column that is a property by policy, not by the file, is gone.
    private mutating func abandon(_ before: TableMemory.Column, _ remembered: inout TableMemory, _ entry: TableEntry) {
        guard let property = before.adopted, !before.isDropped else { return }
        var then = entry
        then.add(ColumnEntry(column: Located(before.name), property: Located(property)))
        dropped(before.name, then, before.type, isRenamed: false, isInFile: false)
        // While the pipeline waits for somebody, and where the property stays, it is known whose it was.
        var gone = before
        gone.isDropped = true
        remembered.columns.append(gone)
    }

    private mutating func note(
        _ kind: SchemaChangeKind, _ table: QualifiedName, _ what: String, _ action: String, _ advice: String? = nil,
        needsReading: Bool = false
    ) {
        let policy = policies[kind]
        changes.append(
            SchemaChange(
                kind: kind, policy: policy, table: table, what: what, action: action, advice: advice,
                needsReading: needsReading && policy == .apply))
    }
}

extension TableEntry {
    fileprivate func freeName(_ column: String) -> String {
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
