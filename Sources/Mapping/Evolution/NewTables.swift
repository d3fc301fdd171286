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

    /// What there is to say of unmentioned tables that are not among the known ones. Only those count that `lockstep init`
    /// would map: scratch tables without a key come and go.
    public func newTables(in catalog: Catalog, besides known: Set<OID>) -> [SchemaChange] {
        let new = Set(unmentioned(in: catalog).filter { !known.contains($0.oid) }.map(\.name))
        guard !new.isEmpty else { return [] }
        return Proposal(for: catalog, beside: tables).tables.compactMap { proposed in
            guard new.contains(proposed.entry.table.value), proposed.entry.role != .skip else { return nil }
            return SchemaChange(
                kind: .tableAdded, policy: schemaChanges[.tableAdded], table: proposed.entry.table.value,
                what: "the table is new", action: "it stays out of the graph",
                advice:
                    "`lockstep init` writes it into the mapping (\(proposed.summary)); `skip: true` leaves it out for good"
            )
        }
    }
}
