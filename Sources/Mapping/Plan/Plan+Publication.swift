// Part of Lockstep. See LICENSE.

public import PostgreSQL

// What of each table is published.
extension Plan {
    /// A table in a publication's list: with its row filter, and its columns where the file wants lists.
    public func published(_ table: QualifiedName) -> String {
        let filter = mapping.conditions[table]?.filter.map { " WHERE (\($0))" } ?? ""
        let columns = columnList(of: table).map { " (\($0.map(QualifiedName.quoted).joined(separator: ", ")))" } ?? ""
        return (isListedAlone(table) ? "ONLY " : "") + table.sql + columns + filter
    }

    /// The columns that are published, in the table's order; nil for all.
    ///
    /// With the mapped columns goes the replica identity: else PostgreSQL would refuse the user's updates and deletes.
    /// With REPLICA IDENTITY FULL it refuses any list, so there is none.
    public func columnList(of table: QualifiedName) -> [String]? {
        guard file.source.columnLists, let found = catalog.table(table), found.replicaIdentity != .full,
            let mapped = mapping.columnNames[table]
        else { return nil }
        let wanted = mapped.union(found.identityColumns)
        return found.columns.map(\.name).filter(wanted.contains)
    }

    /// SQL that puts tables into a publication as they are to be there; `present` are those of them that are in it
    /// otherwise.
    public func alterStatement(_ tables: [QualifiedName], present: Set<QualifiedName> = []) -> String {
        let publication = "ALTER PUBLICATION \(QualifiedName.quoted(file.source.publication))"
        let dropped = tables.filter(present.contains).map { (isListedAlone($0) ? "ONLY " : "") + $0.sql }
        return (dropped.isEmpty ? "" : "\(publication) DROP TABLE \(dropped.joined(separator: ", ")); ")
            + "\(publication) ADD TABLE \(tables.map(published).joined(separator: ", "))"
    }

    /// Without ONLY the tables that inherit from it are published with it: one that the file does not name, and that has
    /// no key of its own, would refuse the user's updates. A filter or a list would go to them too; where one has any, all
    /// stand alone.
    private func isListedAlone(_ table: QualifiedName) -> Bool {
        guard let found = catalog.table(table), !found.isPartitioned else { return false }
        return found.hasChildren || file.source.columnLists || mapping.conditions.values.contains { $0.filter != nil }
    }
}
