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
