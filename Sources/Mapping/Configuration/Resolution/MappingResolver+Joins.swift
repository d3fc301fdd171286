// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// Tables of relationships with a key of their own, and those whose rows wait for their ends.
extension MappingResolver {
    /// A row that comes to have both ends, or to lack one, has to come whole. What the replica identity holds is short.
    mutating func checkWholeWaiting(_ join: JoinEntry, _ mapping: JoinMapping, _ table: Catalog.Table) {
        guard table.replicaIdentity != .full else { return }
        let long = mapping.columns.map(\.column).filter { name in
            !table.identityColumns.contains(name) && table.column(name).map(catalog.mayBeToasted) ?? false
        }
        guard let first = long.first else { return }
        note(
            .key, join.from.columns[0].position,
            "rows of \(table.name) may wait for what they lead to, and the stream leaves out long values that were not "
                + "changed, as of \(first)",
            "\(table.fullIdentitySQL) Or exclude \(Array(Set(long)).sorted().joined(separator: ", "))")
    }

    /// While an end is NULL there is no relationship, and nothing in the graph holds what it had: the stream has to bring
    /// all of the row when the end comes back, also what is stored out of line.
    mutating func checkLooseEnds(_ join: JoinEntry, _ mapping: JoinMapping, _ table: Catalog.Table) {
        guard table.replicaIdentity != .full, !mapping.waits else { return }
        let loose = (join.from.columns + join.to.columns).filter { table.column($0.value)?.isNotNull == false }
        let written = (mapping.properties + mapping.extra.derived.flatMap(\.columns)).map(\.column)
        let long = written.filter { table.column($0).map(catalog.mayBeToasted) ?? false }
        guard let end = loose.first, let property = long.first else { return }
        note(
            .key, end.position,
            "\(end.value) can be NULL, and while it is, nothing in the graph keeps \(property): when the end comes "
                + "back, the stream leaves out long values that were not changed",
            "\(table.fullIdentitySQL) Or ALTER TABLE \(table.name) ALTER COLUMN \(QualifiedName.quoted(end.value)) SET "
                + "NOT NULL; or make the table a node (label, key and relationships)")
    }

    /// A relationship that is found by its own key alone must be the only one of its type that has it.
    mutating func checkKeyedTypes() {
        for entry in tables {
            guard case .join(let join) = entry.role, !join.key.isEmpty,
                let other = relationships.first(where: { $0.type == join.type && $0.table != entry.table.value })
            else { continue }
            note(
                .clash, join.type.position, "\(other.table) makes relationships of the type \(join.type.value), too",
                "give this one a type of its own: its relationships are found by their type and key")
        }
    }
}
