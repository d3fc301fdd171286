// Part of Lockstep. See LICENSE.

/// Reads a ``Catalog`` from `pg_catalog`: one query for each kind of object, whatever the number of tables.
public enum CatalogReader {
    /// Reads the catalog of the connection's database as of one moment.
    ///
    /// Needs no privilege: every role may read `pg_catalog`. Inside a transaction it reads in that one; else in one of
    /// its own. Left out are partitions (their root stands for them), temporary and unlogged tables, which no
    /// publication takes, tables of extensions, and the schemas of the system and of Lockstep.
    ///
    /// - Parameter queries: Asked about as if they were views, by names without a schema. That needs the right to use the
    ///   schemas that they name, and waits half a second at most for a table that somebody has locked.
    public static func read(
        _ connection: PostgresConnection, queries: [QualifiedName: String] = [:]
    ) throws(PostgresError) -> Catalog {
        guard !connection.isInTransaction else { return try readAll(connection, queries) }
        // The path makes `format_type` name every other schema, so that a type's name means the same to everybody.
        try connection.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog")
        do throws(PostgresError) {
            let catalog = try readAll(connection, queries)
            try connection.execute("COMMIT")
            return catalog
        } catch {
            if !connection.isClosed { try connection.execute("ROLLBACK") }
            throw error
        }
    }

    private static func readAll(
        _ connection: PostgresConnection, _ queries: [QualifiedName: String]
    ) throws(PostgresError) -> Catalog {
        // First, while nothing is locked: the look at partitions locks them.
        var asked: [Catalog.View] = []
        var refusals: [QualifiedName: Catalog.Refusal] = [:]
        for (name, query) in queries.sorted(by: { $0.key < $1.key }) {
            switch try QueryReader.read(query, called: name, connection) {
            case .success(let view): asked.append(view)
            case .failure(let refusal): refusals[name] = refusal
            }
        }
        var reading = Reading(server: connection.server)
        try reading.tables(connection.query(tablesSQL))
        if reading.tables.contains(where: \.isPartitioned) { try reading.partitions(connection.query(partitionsSQL)) }
        try reading.columns(connection.query(columnsSQL))
        try reading.keys(connection.query(keysSQL))
        try reading.foreignKeys(connection.query(foreignKeysSQL(connection.serverVersion)))
        let views = try reading.takeViews(connection.query(readsSQL), connection.query(versionsSQL))
        let further = asked.flatMap { $0.table.columns.map { String($0.type.rawValue) } }.joined(separator: ",")
        var types = try reading.types(connection.query(typesSQL, ["{\(further)}"]))
        let composites = types.values.filter { $0.kind == .composite }.map(\.oid.rawValue).sorted()
        if !composites.isEmpty {
            let list = "{\(composites.map(String.init).joined(separator: ","))}"
            try reading.addFields(connection.query(fieldsSQL, [list]), to: &types)
        }
        let enums = types.values.filter { $0.kind == .enum }.map(\.oid.rawValue).sorted()
        if !enums.isEmpty {
            let list = "{\(enums.map(String.init).joined(separator: ","))}"
            try reading.addValues(connection.query(valuesSQL, [list]), to: &types)
        }
        guard let database = try connection.query("SELECT pg_catalog.current_database()").first?[0] else {
            throw reading.unreadable("current_database")
        }
        var catalog = Catalog(
            serverVersion: connection.serverVersion, database: database, tables: reading.tables, types: types)
        catalog.views = asked + views
        catalog.refusals = refusals
        return catalog
    }
}

// MARK: - Queries

extension CatalogReader {
    /// The tables and views that the other queries join.
    private static let captured = """
        WITH captured AS (
            SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident, c.reltuples, c.relhassubclass
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND c.relpersistence = 'p'
                AND n.nspname <> 'information_schema' AND n.nspname <> 'lockstep' AND n.nspname !~ '^pg_'
                AND NOT EXISTS (
                    SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                        AND d.objsubid = 0 AND d.deptype = 'e'))

        """

    /// A root's rows are in its leaves; where none of them was ever analysed, neither was the root.
    private static let tablesSQL =
        captured + """
            SELECT t.oid, t.nspname, t.relname, t.relkind, t.relreplident, t.relkind = 'r' AND t.relhassubclass AS parent,
                pg_catalog.obj_description(t.oid, 'pg_class') AS comment,
                CASE t.relkind WHEN 'r' THEN t.reltuples ELSE (
                    SELECT coalesce(sum(l.reltuples) FILTER (WHERE l.reltuples >= 0), -1)
                    FROM pg_catalog.pg_partition_tree(t.oid) p JOIN pg_catalog.pg_class l ON l.oid = p.relid
                    WHERE p.isleaf) END AS rows
            FROM captured t
            """

    /// One row for each column of the key that a leaf's replica identity names; one without a column where there is none.
    private static let partitionsSQL =
        captured + """
            SELECT t.oid, l.oid AS leaf, n.nspname, l.relname, l.relkind, l.relreplident, k.attname
            FROM captured t CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid) p
            JOIN pg_catalog.pg_class l ON l.oid = p.relid
            JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace
            LEFT JOIN LATERAL (
                SELECT a.attname, u.place FROM pg_catalog.pg_index i
                CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS u (attnum, place)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = l.oid AND a.attnum = u.attnum
                WHERE i.indrelid = l.oid AND i.indisvalid AND i.indimmediate AND u.place <= i.indnkeyatts
                    AND (l.relreplident = 'd' AND i.indisprimary OR l.relreplident = 'i' AND i.indisreplident)
            ) AS k ON true
            WHERE t.relkind = 'p' AND p.isleaf
            ORDER BY t.oid, n.nspname, l.relname, l.oid, k.place
            """

    private static let columnsSQL =
        captured + """
            SELECT t.oid, a.attname, a.attnum, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '' AS generated,
                a.attgenerated = 'v' AS virtual, a.attstorage <> 'p' AS toasted,
                a.atthasmissing OR a.atthasdef OR a.attidentity <> '' AS earlier,
                pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
                pg_catalog.col_description(t.oid, a.attnum) AS comment
            FROM captured t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
            WHERE a.attnum > 0 AND NOT a.attisdropped
            ORDER BY t.oid, a.attnum
            """

    /// One row for each column of a key; no expressions, no predicate, no INCLUDE columns.
    private static let keysSQL =
        captured + """
            SELECT t.oid, i.indexrelid, c.relname AS index, i.indisprimary, i.indisreplident, i.indimmediate, a.attname
            FROM captured t
            JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
            JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
            CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
            WHERE i.indisunique AND i.indisvalid AND i.indexprs IS NULL AND i.indpred IS NULL
                AND k.place <= i.indnkeyatts
            ORDER BY t.oid, c.relname, i.indexrelid, k.place
            """

    /// One row for each column of a foreign key, those first that hold for all rows. Constraints that partitioning derived from
    /// another are left out (`conparentid`); those of a partition alone are its root's, and a reference to a partition is one to
    /// its root, as the stream names them.
    private static func foreignKeysSQL(_ serverVersion: Int) -> String {
        captured + """
            SELECT t.oid, f.oid AS constraint, f.conname, f.convalidated, f.conrelid <> t.oid AS partial,
                \(serverVersion >= 180_000 ? "f.conperiod AS periods, f.conenforced" : "false AS periods, true") AS enforced,
                a.attname, n.nspname AS their_schema, c.relname AS their_table, b.attname AS their_column
            FROM captured t
            JOIN pg_catalog.pg_constraint f ON f.contype = 'f' AND f.conparentid = 0
                AND coalesce(pg_catalog.pg_partition_root(f.conrelid), f.conrelid) = t.oid
            JOIN pg_catalog.pg_class c ON c.oid = coalesce(pg_catalog.pg_partition_root(f.confrelid), f.confrelid)
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey))
                WITH ORDINALITY AS k (ours, theirs, place)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.ours
            JOIN pg_catalog.pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.theirs
            ORDER BY t.oid, partial, NOT f.convalidated, f.conname, f.oid, k.place
            """
    }

    /// Those of the captured columns and of `$1`, closed over element and base types, fields of composites and what ranges are
    /// made of. An array is what the array functions store: of variable length, with an element type (`point` has one too, but
    /// a fixed length).
    private static let typesSQL =
        captured.replacingPrefix("WITH ", by: "WITH RECURSIVE ") + """
            , used (oid) AS (
                SELECT a.atttypid FROM captured t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
                WHERE a.attnum > 0 AND NOT a.attisdropped
                UNION SELECT pg_catalog.unnest($1::pg_catalog.oid[])
                UNION
                SELECT part.oid FROM used u JOIN pg_catalog.pg_type y ON y.oid = u.oid
                CROSS JOIN LATERAL (
                    VALUES (y.typelem), (y.typbasetype)
                    UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                    WHERE y.typtype = 'c' AND a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                    UNION ALL \(rangeElement)
                ) AS part (oid)
                WHERE part.oid <> 0)
            SELECT y.oid, n.nspname, y.typname, y.typtype, y.typbasetype,
                CASE WHEN y.typlen = -1 THEN y.typelem ELSE 0 END AS element,
                coalesce((\(rangeElement)), 0) AS range
            FROM used u JOIN pg_catalog.pg_type y ON y.oid = u.oid
            JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
            """

    /// What the range `y` is a range of, or the range that the multirange `y` is made of; no row for any other type.
    private static let rangeElement = """
        SELECT CASE WHEN y.typtype = 'r' THEN r.rngsubtype ELSE r.rngtypid END FROM pg_catalog.pg_range r
        WHERE y.typtype IN ('r', 'm')
            AND y.oid IN (r.rngtypid, (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid)
        """

    /// One row for each relation that a view is made of. A materialized view on the way is as far as it goes: its rows are
    /// not those of the tables below it.
    private static let reads =
        captured.replacingPrefix("WITH ", by: "WITH RECURSIVE ") + """
            , reads (root, oid) AS (
                SELECT t.oid, t.oid FROM captured t WHERE t.relkind IN ('v', 'm')
                UNION
                SELECT r.root, part.oid FROM reads r JOIN pg_catalog.pg_class c ON c.oid = r.oid
                CROSS JOIN LATERAL (
                    SELECT d.refobjid FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.objid = w.oid
                    WHERE w.ev_class = c.oid AND (c.relkind = 'v' OR r.oid = r.root)
                        AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
                        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                    UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i
                    WHERE i.inhparent = c.oid AND c.relkind = 'r'
                ) AS part (oid))

            """

    private static let readsSQL =
        reads + """
            SELECT DISTINCT r.root AS oid, n.nspname, k.relname
            FROM reads r JOIN pg_catalog.pg_class c ON c.oid = r.oid
            JOIN pg_catalog.pg_class k ON k.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
            JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
            WHERE r.oid <> r.root AND c.relkind <> 'v'
            """

    /// A rule is written anew with its view.
    private static let versionsSQL =
        reads + """
            SELECT r.root AS oid, pg_catalog.string_agg(w.oid || ' ' || w.xmin, ' ' ORDER BY w.oid) AS version
            FROM reads r JOIN pg_catalog.pg_rewrite w ON w.ev_class = r.oid GROUP BY r.root
            """

    private static let valuesSQL = """
        SELECT e.enumtypid AS oid, e.enumlabel FROM pg_catalog.pg_enum e
        WHERE e.enumtypid = ANY ($1::pg_catalog.oid[]) ORDER BY e.enumtypid, e.enumsortorder
        """

    private static let fieldsSQL = """
        SELECT y.oid, a.attname, a.atttypid FROM pg_catalog.pg_type y
        JOIN pg_catalog.pg_attribute a ON a.attrelid = y.typrelid
        WHERE y.typtype = 'c' AND y.oid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY y.oid, a.attnum
        """
}

extension String {
    fileprivate func replacingPrefix(_ prefix: String, by other: String) -> String {
        precondition(hasPrefix(prefix))
        return other + dropFirst(prefix.count)
    }
}

// MARK: - Rows to model

extension CatalogReader {
    /// The tables while their parts are put together.
    private struct Reading {
        let server: String
        private(set) var tables: [Catalog.Table] = []
        private var places: [OID: Int] = [:]
        /// What of them is no table, and whether it is materialized.
        private var views: [OID: Bool] = [:]

        init(server: String) { self.server = server }

        func unreadable(_ what: String) -> PostgresError {
            PostgresError(.protocolViolation, "\(what) of the catalog cannot be read", server: server)
        }

        private func oid(_ row: PostgresRow, _ column: String) throws(PostgresError) -> OID {
            OID(rawValue: try number(row, column))
        }

        private func text(_ row: PostgresRow, _ column: String) throws(PostgresError) -> String {
            guard let text = row[column] else { throw unreadable(column) }
            return text
        }

        private func number<Number: LosslessStringConvertible>(
            _ row: PostgresRow, _ column: String
        ) throws(PostgresError) -> Number {
            guard let value = row[column].flatMap({ Number($0) }) else { throw unreadable(column) }
            return value
        }

        /// Where the table of a row is; nil for one that was made after the tables were read, which cannot be within
        /// one snapshot but can where the caller's transaction has none.
        private func place(_ row: PostgresRow) throws(PostgresError) -> Int? { places[try oid(row, "oid")] }

        /// Sorted here: the database's collation may order otherwise.
        mutating func tables(_ rows: [PostgresRow]) throws(PostgresError) {
            for row in rows {
                var table = Catalog.Table(
                    oid: try oid(row, "oid"),
                    name: QualifiedName(schema: try text(row, "nspname"), name: try text(row, "relname")),
                    isPartitioned: row["relkind"] == "p", columns: [],
                    replicaIdentity: Catalog.ReplicaIdentity(rawValue: try text(row, "relreplident")) ?? .nothing,
                    comment: row["comment"], estimatedRows: try number(row, "rows"))
                table.hasChildren = row["parent"] == "t"
                if let kind = row["relkind"], ["v", "m"].contains(kind) { views[table.oid] = kind == "m" }
                tables.append(table)
            }
            tables.sort { $0.name < $1.name }
            for (place, table) in tables.enumerated() { places[table.oid] = place }
        }

        mutating func partitions(_ rows: [PostgresRow]) throws(PostgresError) {
            for run in rows.runs(by: "leaf") {
                guard let first = run.first, let place = try place(first) else { continue }
                tables[place].partitions.append(
                    Catalog.Partition(
                        name: QualifiedName(schema: try text(first, "nspname"), name: try text(first, "relname")),
                        replicaIdentity: Catalog.ReplicaIdentity(rawValue: try text(first, "relreplident")) ?? .nothing,
                        identityKey: run.compactMap { $0["attname"] }, isForeign: first["relkind"] == "f"))
            }
        }

        mutating func columns(_ rows: [PostgresRow]) throws(PostgresError) {
            for row in rows {
                guard let place = try place(row) else { continue }
                var column = Catalog.Column(
                    name: try text(row, "attname"), type: try oid(row, "atttypid"),
                    typeModifier: try number(row, "atttypmod"), formattedType: try text(row, "type"),
                    isNotNull: row["attnotnull"] == "t", isGenerated: row["generated"] == "t",
                    isVirtual: row["virtual"] == "t", comment: row["comment"])
                column.number = try number(row, "attnum")
                column.mayHaveEarlierValues = row["earlier"] == "t"
                column.mayBeToasted = row["toasted"] == "t"
                tables[place].columns.append(column)
            }
        }

        mutating func keys(_ rows: [PostgresRow]) throws(PostgresError) {
            for run in rows.runs(by: "indexrelid") {
                guard let first = run.first, let place = try place(first) else { continue }
                var columns: [String] = []
                for row in run { columns.append(try text(row, "attname")) }
                if first["indimmediate"] == "f" { tables[place].deferrableKeys.append(columns) }
                if first["indisprimary"] == "t" {
                    tables[place].primaryKey = columns
                } else {
                    tables[place].uniqueKeys.append(
                        Catalog.UniqueKey(
                            indexName: try text(first, "index"), columns: columns,
                            isReplicaIdentity: first["indisreplident"] == "t"))
                }
            }
        }

        mutating func foreignKeys(_ rows: [PostgresRow]) throws(PostgresError) {
            for run in rows.runs(by: "constraint") {
                guard let first = run.first, let place = try place(first) else { continue }
                let target = QualifiedName(
                    schema: try text(first, "their_schema"), name: try text(first, "their_table"))
                var key = Catalog.ForeignKey(
                    constraintName: try text(first, "conname"), columns: [], referencedTable: target,
                    referencedColumns: [], coverage: coverage(first))
                for row in run {
                    key.columns.append(try text(row, "attname"))
                    key.referencedColumns.append(try text(row, "their_column"))
                }
                // Partitions often have the same one each, and those that partitioning did not derive may be the root's again.
                let isKnown =
                    first["partial"] == "t"
                    && tables[place].foreignKeys.contains {
                        $0.columns == key.columns && $0.referencedTable == target
                            && $0.referencedColumns == key.referencedColumns
                    }
                if !isKnown { tables[place].foreignKeys.append(key) }
            }
        }

        private func coverage(_ row: PostgresRow) -> Catalog.ForeignKey.Coverage {
            if row["periods"] == "t" { return .periods }
            if row["enforced"] != "t" { return .noRows }
            if row["partial"] == "t" { return .somePartitions }
            return row["convalidated"] == "t" ? .allRows : .newRows
        }

        /// What is no table, with what it is made of.
        mutating func takeViews(
            _ rows: [PostgresRow], _ versions: [PostgresRow]
        ) throws(PostgresError) -> [Catalog.View] {
            var reads: [OID: [QualifiedName]] = [:]
            for row in rows {
                reads[try oid(row, "oid"), default: []].append(
                    QualifiedName(schema: try text(row, "nspname"), name: try text(row, "relname")))
            }
            var versionOf: [OID: String] = [:]
            for row in versions { versionOf[try oid(row, "oid")] = try text(row, "version") }
            let found = tables.compactMap { table in
                views[table.oid].map {
                    Catalog.View(
                        table: table, isMaterialized: $0, reads: (reads[table.oid] ?? []).sorted(),
                        version: versionOf[table.oid] ?? "")
                }
            }
            tables.removeAll { views[$0.oid] != nil }
            places = [:]
            return found
        }

        func types(_ rows: [PostgresRow]) throws(PostgresError) -> [OID: Catalog.DataType] {
            var types: [OID: Catalog.DataType] = [:]
            for row in rows {
                let oid = try oid(row, "oid")
                let range = try self.oid(row, "range")
                types[oid] = Catalog.DataType(
                    oid: oid, schema: try text(row, "nspname"), name: try text(row, "typname"), kind: try kind(row),
                    rangeElement: range == 0 ? nil : range)
            }
            return types
        }

        func addFields(_ rows: [PostgresRow], to types: inout [OID: Catalog.DataType]) throws(PostgresError) {
            for row in rows {
                let field = Catalog.DataType.Field(name: try text(row, "attname"), type: try oid(row, "atttypid"))
                types[try oid(row, "oid")]?.fields.append(field)
            }
        }

        func addValues(_ rows: [PostgresRow], to types: inout [OID: Catalog.DataType]) throws(PostgresError) {
            for row in rows { types[try oid(row, "oid")]?.values.append(try text(row, "enumlabel")) }
        }

        private func kind(_ row: PostgresRow) throws(PostgresError) -> Catalog.DataType.Kind {
            let element = try oid(row, "element")
            switch try text(row, "typtype") {
            case "b": return element == 0 ? .base : .array(element: element)
            case "e": return .enum
            case "d": return .domain(base: try oid(row, "typbasetype"))
            case "c": return .composite
            case "r": return .range
            case "m": return .multirange
            default: return .pseudo
            }
        }
    }
}

extension [PostgresRow] {
    /// Neighbouring rows with the same value in a column, together.
    fileprivate func runs(by column: String) -> [ArraySlice<PostgresRow>] {
        var runs: [ArraySlice<PostgresRow>] = []
        var start = startIndex
        for index in indices where index > start && self[index][column] != self[start][column] {
            runs.append(self[start..<index])
            start = index
        }
        if start < endIndex { runs.append(self[start...]) }
        return runs
    }
}
