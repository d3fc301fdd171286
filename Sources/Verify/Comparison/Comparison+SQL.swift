// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

extension Comparison {
    /// A COPY of the rows that make something in the graph.
    ///
    /// - Parameters:
    ///   - withProperties: Behind the key the properties, then a flag for each label that depends on the row.
    ///   - withVersion: One more column behind them: text that changes when the row does.
    ///   - partitioned: The tables whose rows are in partitions; of others their own rows only.
    ///   - keys: SQL literals for the columns of `lookup`; nil for all rows.
    func copyStatement(
        withProperties: Bool = true, withVersion: Bool = false, partitioned: Set<QualifiedName>,
        keys: [[String]]? = nil
    ) -> String {
        var selected = key.map { Self.expression($0) }
        if withProperties {
            selected += properties.dropLast(lookedUp.count + expressions.count).map { Self.expression($0) }
            selected += lookedUp.map { value in
                value.sql(Self.expression(value.source, of: "l"), from: Self.rows(of: value.table, partitioned))
            }
            selected += expressions
            selected += labelTests.map { "coalesce(\($0), false)" }
            selected += lookedUpLabels.map { label in
                "coalesce(\(label.sql("true", from: Self.rows(of: label.table, partitioned))), false)"
            }
        }
        if withVersion { selected.append(version(partitioned)) }
        var conditions = rows.sql.map { ["(\($0))"] } ?? []
        if let condition { conditions.append("(\(condition.sql))") }
        if case .relationship = subject {
            // A row with a NULL in a foreign key makes no relationship.
            conditions += key.map { "t.\(QualifiedName.quoted($0.column)) IS NOT NULL" }
        }
        for target in targets {
            let pairs = target.columns.map { "o.\(QualifiedName.quoted($1)) = t.\(QualifiedName.quoted($0))" }
            // A bare name in the condition is the nearest table's.
            let all = pairs + (target.rows.sql.map { ["(\($0))"] } ?? [])
            conditions.append(
                "EXISTS (SELECT FROM \(Self.rows(of: target.table, partitioned)) AS o "
                    + "WHERE \(all.joined(separator: " AND ")))")
        }
        if let keys {
            // Bare literals take the column's type, whatever it is called.
            let names = lookup.map { "t." + QualifiedName.quoted(key[$0].column) }.joined(separator: ", ")
            let rows = keys.map { "(\($0.joined(separator: ", ")))" }
            conditions.append("(\(names)) IN (\(rows.joined(separator: ", ")))")
        }
        let filter = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
        return
            "COPY (SELECT \(selected.joined(separator: ", ")) FROM \(rows(partitioned)) AS t\(filter)) "
            + "TO STDOUT (FORMAT binary)"
    }

    /// Equal rows have nothing else that changes, nor have those of a view. Where others are looked up, their versions count, too.
    private func version(_ partitioned: Set<QualifiedName>) -> String {
        if isComputed { return "ROW(t.*)::text" }
        guard distinct == nil else { return "pg_catalog.concat(t.\(QualifiedName.quoted(DistinctRows.countColumn)))" }
        func version(of row: String) -> String { "\(row).tableoid, ' ', \(row).ctid, ' ', \(row).xmin" }
        var others: [String] = []
        for value in lookedUp + lookedUpLabels {
            // In a row that does not count any more nothing else matters.
            let other = LookupMapping.sql(
                "pg_catalog.concat(\(version(of: "l")))", from: Self.rows(of: value.table, partitioned), where: nil,
                by: value.pairs)
            if !others.contains(other) { others.append(other) }
        }
        return "pg_catalog.concat(\(([version(of: "t")] + others).joined(separator: ", ' ', ")))"
    }

    private func rows(_ partitioned: Set<QualifiedName>) -> String {
        if let computedRows { return computedRows }
        return distinct?.rows(of: table, isPartitioned: partitioned.contains(table))
            ?? Self.rows(of: table, partitioned)
    }

    private static func rows(of table: QualifiedName, _ partitioned: Set<QualifiedName>) -> String {
        partitioned.contains(table) ? table.sql : "ONLY \(table.sql)"
    }

    private static func expression(_ column: PropertyMapping, of table: String = "t") -> String {
        let name = "\(table)." + QualifiedName.quoted(column.column)
        // concat() uses the type's output function, as the stream does; but it has no NULLs.
        let value =
            column.conversion.isBinaryExact
            ? name : "CASE WHEN \(name) IS DISTINCT FROM NULL THEN pg_catalog.concat(\(name)) END"
        // The condition's bare name is a column of the only table there.
        return column.condition.map { "CASE WHEN \($0.sql) THEN \(value) END" } ?? value
    }
}

extension Comparison {
    /// Whether a key's value leads back to the column's value. A `numeric` as a float does not.
    var keyIsExact: Bool {
        lookup.allSatisfy { index in
            let conversion = key[index].conversion
            return conversion.target != .float || conversion.source == .float4 || conversion.source == .float8
        }
    }
}
