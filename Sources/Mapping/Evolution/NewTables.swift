// Part of Lockstep. See LICENSE.

public import PostgreSQL

// Tables that come to be beside the mapping.
extension MappingFile {
    /// Tables of the database of which the file says nothing, not even that they are skipped.
    ///
    /// The file is to be that of a ``SchemaEvolution``, with the names of now.
    public func unmentioned(in catalog: Catalog) -> [Catalog.Table] {
        let mentioned = Set(tables.map(\.table.value))
        return catalog.tables.filter { !mentioned.contains($0.name) }
    }

    /// The entry of a table that policy has made one of the mapping, from the text that is remembered; nil where this Lockstep
    /// does not understand it.
    static func adoptedEntry(of table: QualifiedName, _ text: String) -> TableEntry? {
        let lines = "tables:\n" + text
        return (try? tableEntries(Array(lines.utf8), file: adoptedFile(table)))?.first
    }

    /// In the place of a file's name, where such an entry is at fault.
    private static func adoptedFile(_ table: QualifiedName) -> String { "\(table) (tableAdded: apply)" }

    /// Whether a fault lies in such an entry of a table.
    static func isAdopted(_ table: QualifiedName, at position: FilePosition?) -> Bool {
        position?.file == adoptedFile(table)
    }
}

extension SchemaEvolution {
    /// Tables that have become ones of the mapping by policy, just now.
    public var adopting: [Catalog.Table] {
        let names = Set(changes.filter { $0.kind == .tableAdded && $0.policy == .apply }.map(\.table))
        return catalog.tables.filter { names.contains($0.name) }
    }

    /// The labels of those that become nodes.
    public var adoptingLabels: [OID: String] {
        var labels: [OID: String] = [:]
        for table in adopting {
            guard case .node(let node) = file.tables.first(where: { $0.table.value == table.name })?.role else {
                continue
            }
            labels[table.oid] = node.labels[0].value
        }
        return labels
    }

    /// Why tables that are to be adopted cannot be: faults that lie in what is proposed for them, in words.
    public func misfits(_ faults: [MappingFault]) -> [OID: String] {
        var found: [OID: String] = [:]
        for table in adopting {
            let own = faults.first { $0.severity == .error && MappingFile.isAdopted(table.name, at: $0.position) }
            if let own { found[table.oid] = own.message }
        }
        return found
    }

    /// Looks for tables beside the mapping, and makes of them what policy says. Only those count that `lockstep init` would
    /// map: scratch tables without a key come and go.
    ///
    /// - Parameters:
    ///   - known: Those that were there before, or that somebody has been told of.
    ///   - obstacles: Why some of them cannot become a part of the mapping.
    mutating func followNewTables(besides known: Set<OID>, without obstacles: [OID: String]) {
        adoptNewTables(besides: known, without: obstacles)
        followLateForeignKeys(without: obstacles)
    }

    private mutating func adoptNewTables(besides known: Set<OID>, without obstacles: [OID: String]) {
        let before = known.union(remembered.map(\.oid))
        let unmentioned = file.unmentioned(in: catalog)
        let new = Set(unmentioned.map(\.oid)).subtracting(before)
        toldOf = Set(unmentioned.map(\.oid)).intersection(before)
        guard !new.isEmpty else { return }
        let policy = file.schemaChanges[.tableAdded]
        var reasons = policy == .apply ? obstacles.filter { new.contains($0.key) } : [:]
        for table in unmentioned where policy == .apply && new.contains(table.oid) {
            guard let other = memory.first(where: { $0.fileName == table.name }) else { continue }
            reasons[table.oid] = "Lockstep knows \(other.name) by this name"
        }
        // Nothing that is adopted may refer to what stays out.
        let staying = unmentioned.filter { policy == .apply && (before.contains($0.oid) || reasons[$0.oid] != nil) }
        let skipped = staying.map { TableEntry(table: Located($0.name), role: .skip) }
        for proposed in Proposal(for: catalog, beside: file.tables + skipped).tables where proposed.entry.role != .skip
        {
            guard let table = catalog.table(proposed.entry.table.value), new.contains(table.oid) else { continue }
            if policy != .apply {
                leave(table, proposed)
            } else if let entry = MappingFile.adoptedEntry(of: table.name, proposed.text) {
                adopt(table, as: entry, proposed)
            }
        }
        guard !reasons.isEmpty else { return }
        for proposed in Proposal(for: catalog, beside: file.tables).tables where proposed.entry.role != .skip {
            guard let table = catalog.table(proposed.entry.table.value), let reason = reasons[table.oid] else {
                continue
            }
            leave(table, proposed, because: reason)
        }
    }

    /// Looks for foreign keys that tables of the mapping by policy have been given later, as a dump makes them that is read in:
    /// such a table becomes what `lockstep init` would make of it by now.
    private mutating func followLateForeignKeys(without obstacles: [OID: String]) {
        guard file.schemaChanges[.tableAdded] == .apply else { return }
        let new = Set(adopting.map(\.oid))
        let skipped = file.unmentioned(in: catalog).map { TableEntry(table: Located($0.name), role: .skip) }
        for place in memory.indices {
            let known = memory[place]
            guard known.isAsAdopted, !new.contains(known.oid), obstacles[known.oid] == nil,
                let table = catalog.table(known.name), table.oid == known.oid,
                let index = file.tables.firstIndex(where: { $0.table.value == table.name })
            else { continue }
            let entry = file.tables[index]
            // Columns that policy has left out are not to come in this way.
            let mentioned = Set(entry.columnNames + entry.excluded.map(\.value))
            guard table.columns.allSatisfy({ mentioned.contains($0.name) || !catalog.isInStream($0) }),
                !Set(table.foreignKeys.map { EndNames($0) }).isSubset(of: entry.endNames)
            else { continue }
            var others = file.tables
            others.remove(at: index)
            let proposed = Proposal(for: catalog, beside: others + skipped).tables
                .first { $0.entry.table.value == table.name && $0.entry.role != .skip }
            guard let proposed, !proposed.entry.endNames.isSubset(of: entry.endNames),
                let made = MappingFile.adoptedEntry(of: table.name, proposed.text)
            else { continue }
            memory[place].adopted = proposed.text
            file.tables[index] = followForeignKeys(made)
            changes.append(
                SchemaChange(
                    kind: .tableAdded, policy: .apply, table: table.name, what: "the table has new foreign keys",
                    action: "it becomes \(proposed.summary), and is read while the stream goes on",
                    advice: "`lockstep init` writes it into the file"))
        }
    }

    private mutating func adopt(_ table: Catalog.Table, as entry: TableEntry, _ proposed: ProposedTable) {
        var remembered = TableMemory(table)
        remembered.adopted = proposed.text
        memory.append(remembered)
        file.tables.append(followForeignKeys(entry))
        changes.append(
            SchemaChange(
                kind: .tableAdded, policy: .apply, table: table.name, what: "the table is new",
                action: "it becomes a part of the mapping, \(proposed.summary), and is read while the stream goes on",
                advice: "`lockstep init` writes it into the file"))
    }

    private mutating func leave(_ table: Catalog.Table, _ proposed: ProposedTable, because reason: String? = nil) {
        toldOf?.insert(table.oid)
        changes.append(
            SchemaChange(
                kind: .tableAdded, policy: reason == nil ? file.schemaChanges[.tableAdded] : .ignore, table: table.name,
                what: "the table is new", action: "it stays out of the graph" + (reason.map { ": \($0)" } ?? ""),
                advice:
                    "`lockstep init` writes it into the mapping (\(proposed.summary)); `skip: true` leaves it out for good"
            ))
    }
}

/// Which columns name rows of which table.
private struct EndNames: Hashable {
    var columns: Set<String>
    var table: QualifiedName

    init(_ constraint: Catalog.ForeignKey) {
        (columns, table) = (Set(constraint.columns), constraint.referencedTable)
    }

    init(_ end: EndEntry) { (columns, table) = (Set(end.columns.map(\.value)), end.references.value) }
}

extension TableEntry {
    fileprivate var endNames: Set<EndNames> {
        var names: Set<EndNames> = []
        _ = changingEnds { names.insert(EndNames($0)) }
        return names
    }
}

extension TableMemory {
    /// A table of the mapping by policy that is called, and whose columns are called, as when it became one.
    fileprivate var isAsAdopted: Bool {
        adopted != nil && !isDropped && key.isEmpty && fileName == name
            && columns.allSatisfy { $0.fileName == $0.name && !$0.isDropped }
    }
}
