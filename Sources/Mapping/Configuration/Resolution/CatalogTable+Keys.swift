// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// What identifies a row, and whether the stream carries it.
extension Catalog.Table {
    /// The columns of an old row that the stream carries with an update or delete; none where it carries nothing.
    var identityColumns: Set<String> {
        switch replicaIdentity {
        case .default: Set(primaryKey ?? [])
        case .index: Set(uniqueKeys.first(where: \.isReplicaIdentity)?.columns ?? [])
        case .full: Set(columns.map(\.name))
        case .nothing: []
        }
    }

    /// The primary key and every unique key without a NULLable column: what can identify a row.
    var rowKeys: [[String]] {
        let unique = uniqueKeys.map(\.columns).filter { $0.allSatisfy { column($0)?.isNotNull == true } }
        return (primaryKey.map { [$0] } ?? []) + unique
    }

    /// Two rows can have the same key of these columns for a while.
    func isDeferrable(_ key: [String]) -> Bool { deferrableKeys.contains { Set($0) == Set(key) } }

    /// A row key that the stream carries: the primary key where it can be.
    var usableKey: [String]? { rowKeys.first { identityColumns.isSuperset(of: $0) } }

    /// The columns identify a row, and the stream carries them, also of each partition.
    func isKey(_ columns: [String]) -> Bool {
        rowKeys.contains { Set($0) == Set(columns) } && identityColumns.isSuperset(of: columns)
            && partitions.allSatisfy { !$0.isForeign && isCarried(columns, by: $0) }
    }

    /// The SQL that gives the table a key that the stream carries; `--` and words where that is the user's choice.
    var keyRemedy: String {
        if primaryKey != nil { return "ALTER TABLE \(name) REPLICA IDENTITY DEFAULT;" }
        if let unique = uniqueKeys.first(where: { rowKeys.contains($0.columns) }) {
            return "ALTER TABLE \(name) REPLICA IDENTITY USING INDEX \(QualifiedName.quoted(unique.indexName));"
        }
        return "ALTER TABLE \(name) ADD PRIMARY KEY (...); or, for a node for each distinct row, "
            + "ALTER TABLE \(name) REPLICA IDENTITY FULL;"
    }

    /// Why the stream does not carry a key, where ``usableKey`` is nil.
    var missingKeyReason: String {
        if rowKeys.isEmpty { return "no primary key, and no unique key without NULLs" }
        switch replicaIdentity {
        case .nothing: return "REPLICA IDENTITY NOTHING: its updates and deletes do not say which row they mean"
        case .default: return "no primary key, and the replica identity does not name the unique key"
        case .index, .full: return "the replica identity does not carry the key"
        }
    }

    /// The foreign key over just these columns, whatever their order; the one to `key` where there are several.
    func foreignKey(over columns: [String], to table: QualifiedName, key: [String]) -> Catalog.ForeignKey? {
        let fitting = foreignKeys.filter { $0.referencedTable == table && Set($0.columns) == Set(columns) }
        return fitting.first { Set($0.referencedColumns) == Set(key) } ?? fitting.first
    }
}

extension Catalog {
    /// What a table's rows are known by where nobody says otherwise: a row key that the stream carries, with all of its values.
    func key(of table: Table) -> [String]? {
        let carried = table.identityColumns
        return table.rowKeys.first { key in
            carried.isSuperset(of: key) && key.allSatisfy { table.column($0).map(isInStream) ?? false }
        }
    }

    /// The stream can carry a column's values: a generated one's since PostgreSQL 18, where it is stored.
    func isInStream(_ column: Column) -> Bool {
        !column.isGenerated || (serverVersion >= 180_000 && !column.isVirtual)
    }

    /// Why the stream does not carry a generated column.
    func reasonNotInStream(_ column: Column) -> String {
        column.isVirtual ? "virtual: not in the stream" : "generated: not in the stream before PostgreSQL 18"
    }
}
