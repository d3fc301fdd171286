// Part of Lockstep. See LICENSE.

public import PostgreSQL

// Conditions that somebody gave, asked of keys that no row has.
extension SnapshotCopy {
    /// Whether a condition is one on these columns alone.
    public func accepts(
        _ condition: String, on table: QualifiedName, columns: [String]
    ) throws(CaptureError) -> Bool {
        do throws(PostgresError) {
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            _ = try connection.query(Self.conditional(condition, table, columns, keys: [], select: "1"))
            return true
        } catch {
            guard error.sqlState?.hasPrefix("42") == true else { throw CaptureError(error, relation: table) }
            return false
        }
    }

    /// Those of the keys that meet a condition on them.
    ///
    /// - Parameter keys: Each as a list of literals in brackets, in the order of `columns`.
    public func keys(
        _ keys: [String], of table: QualifiedName, columns: [String], meeting condition: String
    ) throws(CaptureError) -> Set<String> {
        var found = Set<String>()
        for start in stride(from: 0, to: keys.count, by: 200) {
            let slice = keys[start..<min(start + 200, keys.count)]
            let rows = try capturing({ CaptureError($0, relation: table) }) { () throws(PostgresError) in
                try connection.query(
                    Self.conditional(condition, table, columns, keys: slice, select: "lockstep_number"))
            }
            for row in rows {
                if let number = row[0].flatMap({ Int($0) }) { found.insert(slice[start + number]) }
            }
        }
        return found
    }

    /// The first branch, which has no rows, gives the literals of the others its columns' types.
    private static func conditional(
        _ condition: String, _ table: QualifiedName, _ columns: [String], keys: ArraySlice<String>, select: String
    ) -> String {
        let names = columns.map(QualifiedName.quoted).joined(separator: ", ")
        let branches = keys.enumerated().map { "SELECT \($1.dropFirst().dropLast()), \($0)" }
        let rows =
            ["SELECT \(names), 0 AS lockstep_number FROM \(table.sql) WHERE false"] + branches
        return "SELECT \(select) FROM (\(rows.joined(separator: " UNION ALL "))) AS "
            + "\(QualifiedName.quoted(table.name)) WHERE (\(condition))"
    }
}
