// Part of Lockstep. See LICENSE.

/// Reads of a query what the catalog says of a view, with no more rights than it takes to ask it.
///
/// The server parses the query as it does before it runs one: that gives its columns, and locks the tables that it is made
/// of, through views too. These locks say which they are; they are let go at once.
enum QueryReader {
    /// - Throws: What is not about the query.
    static func read(
        _ query: String, called name: QualifiedName, _ connection: PostgresConnection
    ) throws(PostgresError) -> Result<Catalog.View, Catalog.Refusal> {
        try connection.execute(
            """
            SAVEPOINT query; SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off; SET LOCAL lock_timeout = '500ms'
            """)
        let answer: Result<Catalog.View, Catalog.Refusal>
        switch try describe(query, connection) {
        case .success(let columns): answer = try view(query, name, columns, connection)
        case .failure(let refusal): answer = .failure(refusal)
        }
        try connection.execute("ROLLBACK TO SAVEPOINT query; RELEASE SAVEPOINT query")
        return answer
    }

    private static func describe(
        _ query: String, _ connection: PostgresConnection
    ) throws(PostgresError) -> Result<[ResultColumn], Catalog.Refusal> {
        let columns: [ResultColumn]
        do throws(PostgresError) {
            // As it stands, for a fault to be told in its own terms; a second command behind it is one.
            columns = try connection.describe(query)
        } catch {
            guard !connection.isClosed else { throw error }
            return .failure(refusal(error, of: query))
        }
        do throws(PostgresError) {
            _ = try connection.describe("SELECT * FROM \(Catalog.View.rowsSQL(of: query)) AS t")
        } catch {
            guard !connection.isClosed else { throw error }
            return .failure(Catalog.Refusal("it is no SELECT that can stand in brackets: \(error.message)"))
        }
        let names = columns.map(\.name)
        if let double = names.indices.first(where: { names[..<$0].contains(names[$0]) }) {
            return .failure(
                Catalog.Refusal("two of its columns are called \(names[double]): give one another name, by AS"))
        }
        return .success(columns)
    }

    private static func view(
        _ query: String, _ name: QualifiedName, _ columns: [ResultColumn], _ connection: PostgresConnection
    ) throws(PostgresError) -> Result<Catalog.View, Catalog.Refusal> {
        var view = Catalog.View(
            table: Catalog.Table(
                oid: 0, name: name, columns: try described(columns, connection), foreignKeys: [],
                replicaIdentity: .nothing), query: query, reads: [])
        let relations = try connection.query(relationsSQL)
        guard relations.allSatisfy({ $0["reading"] == "t" }) else {
            return .failure(Catalog.Refusal("it locks rows: leave FOR UPDATE, or FOR SHARE, out"))
        }
        for row in relations {
            let relation = QualifiedName(schema: row["nspname"] ?? "", name: row["relname"] ?? "")
            if row["view"] == "t" { view.through.append(relation) } else { view.reads.append(relation) }
        }
        view.reads.sort()
        view.through.sort()
        let rules = relations.compactMap { $0["rules"] }.sorted()
        let types = columns.map { "\($0.name) \($0.type) \($0.typeModifier)" }
        view.version = (rules + types + view.reads.map(\.description)).joined(separator: "\n")
        return .success(view)
    }

    private static func described(
        _ columns: [ResultColumn], _ connection: PostgresConnection
    ) throws(PostgresError) -> [Catalog.Column] {
        let types = columns.map { String($0.type.rawValue) }.joined(separator: ",")
        let modifiers = columns.map { String($0.typeModifier) }.joined(separator: ",")
        let names = try connection.query(typeNamesSQL, ["{\(types)}", "{\(modifiers)}"]).map { $0[0] ?? "" }
        return zip(columns, names).map { column, type in
            Catalog.Column(
                name: column.name, type: column.type, typeModifier: column.typeModifier, formattedType: type)
        }
    }

    private static let typeNamesSQL = """
        SELECT pg_catalog.format_type(c.type, c.modifier)
        FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]))
            WITH ORDINALITY AS c (type, modifier, place)
        ORDER BY c.place
        """

    /// One row for each relation that is locked, roots in place of partitions, and for tables that inherit from one. What
    /// the system itself has does not change by the stream.
    private static let relationsSQL = """
        WITH RECURSIVE named (oid, reading) AS (
            SELECT l.relation, l.mode = 'AccessShareLock' FROM pg_catalog.pg_locks l
            WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
            UNION
            SELECT i.inhrelid, r.reading FROM named r JOIN pg_catalog.pg_class c ON c.oid = r.oid
            JOIN pg_catalog.pg_inherits i ON i.inhparent = c.oid WHERE c.relkind = 'r')
        SELECT n.nspname, k.relname, k.relkind = 'v' AS view, pg_catalog.bool_and(r.reading) AS reading, (
                SELECT pg_catalog.string_agg(w.oid || ' ' || w.xmin, ' ' ORDER BY w.oid)
                FROM pg_catalog.pg_rewrite w WHERE w.ev_class = k.oid AND k.relkind = 'v') AS rules
        FROM named r JOIN pg_catalog.pg_class c ON c.oid = r.oid
        JOIN pg_catalog.pg_class k ON k.oid = coalesce(pg_catalog.pg_partition_root(c.oid), c.oid)
        JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
        WHERE k.relkind NOT IN ('i', 'I', 't') AND n.nspname !~ '^pg_'
        GROUP BY n.nspname, k.oid, k.relname, k.relkind
        """

    private static func refusal(_ error: PostgresError, of query: String) -> Catalog.Refusal {
        // A lock that did not come in time, or a failure that any query could have had.
        let isPassing = error.sqlState == "55P03" || error.isTransient
        var words = isPassing ? "a table that it reads is locked: \(error.message)" : error.message
        if let position = error.position, query.contains("\n") {
            let line = query.unicodeScalars.prefix(max(0, position - 1)).count(where: { $0 == "\n" }) + 1
            words = "line \(line): \(words)"
        }
        return Catalog.Refusal(words + (error.hint.map { ". \($0)" } ?? ""), isPassing: isPassing)
    }
}

extension Catalog.View {
    /// What stands behind FROM for the rows of a query, whose text may end with a comment.
    public static func rowsSQL(of query: String) -> String { "(\n\(query)\n)" }
}
