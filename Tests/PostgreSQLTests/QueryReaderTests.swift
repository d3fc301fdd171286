// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing

/// What the server says of queries, to somebody who may do nothing but connect.
@Suite(.postgres(), .serialized)
struct `Queries that the catalog is asked about` {
    private static let schema = """
        CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
        CREATE TABLE person (id positive PRIMARY KEY, name varchar(40), score numeric(9, 2));
        CREATE TABLE author (paper int, person int, PRIMARY KEY (paper, person));
        CREATE TABLE mother (id int); CREATE TABLE child () INHERITS (mother);
        CREATE TABLE parted (id int) PARTITION BY RANGE (id);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
        CREATE MATERIALIZED VIEW kept AS SELECT id FROM person;
        CREATE VIEW below AS SELECT id FROM mother WHERE EXISTS (SELECT FROM parted WHERE parted.id = mother.id);
        CREATE VIEW above AS SELECT id FROM below WHERE id IN (SELECT id FROM kept);
        REVOKE ALL ON DATABASE queries FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC;
        CREATE ROLE asking LOGIN; GRANT CONNECT ON DATABASE queries TO asking; GRANT USAGE ON SCHEMA public TO asking;
        """

    private static let name = QualifiedName(schema: "", name: "q")

    private static func connect(as user: String = "asking") throws -> PostgresConnection {
        try PostgresConnection(PostgresConfiguration(PostgresServer.current.url(database: "queries", user: user)))
    }

    private static func ask(_ query: String, _ connection: PostgresConnection) throws -> Catalog {
        let catalog = try CatalogReader.read(connection, queries: [name: query])
        #expect(!connection.isInTransaction)
        return catalog
    }

    private static func withServer(_ body: (PostgresConnection) async throws -> Void) async throws {
        let server = PostgresServer.current
        try await server.createDatabase("queries")
        let owner = try PostgresConnection(PostgresConfiguration(server.url(database: "queries")))
        try owner.execute(schema)
        try await body(owner)
        try owner.execute("DROP OWNED BY asking; DROP ROLE asking")
        owner.close()
        try await server.dropDatabase("queries")
    }

    @Test func `a query has columns, and reads tables, as a view does`() async throws {
        try await Self.withServer { owner in
            let connection = try Self.connect()
            defer { connection.close() }
            try checkColumns(connection)
            try checkTables(connection)
            try await checkDefinition(owner, connection)
            for (query, words) in Self.refused {
                let catalog = try Self.ask(query, connection)
                let refusal = try #require(catalog.refusals[Self.name], "\(query)")
                #expect(refusal.message.contains(words) && !refusal.isPassing, "\(query): \(refusal)")
                #expect(catalog.view(Self.name) == nil && catalog.table(.init(schema: "public", name: "person")) != nil)
            }
            try owner.execute("BEGIN; LOCK TABLE author")
            let locked = try Self.ask("SELECT person FROM public.author", connection).refusals[Self.name]
            try owner.execute("ROLLBACK")
            #expect(locked?.isPassing == true && locked?.message.contains("is locked") == true)
        }
    }

    private func checkColumns(_ connection: PostgresConnection) throws {
        let catalog = try Self.ask(
            "SELECT p.id, name, score, ARRAY[1::int8] AS list, 'x' AS kind, count(*) OVER () FROM public.person p -- all",
            connection)
        let view = try #require(catalog.view(Self.name))
        #expect(
            view.table.columns.map { "\($0.name) \($0.formattedType)" } == [
                "id integer", "name character varying(40)", "score numeric(9,2)", "list bigint[]", "kind text",
                "count bigint",
            ])
        #expect(view.table.columns.allSatisfy { catalog.types[$0.type] != nil } && catalog.types[20] != nil)
        let rows = Catalog.View.rowsSQL(of: try #require(view.query))
        #expect(rows.hasPrefix("(\nSELECT p.id") && rows.hasSuffix("-- all\n)"))
        #expect(view.table.name.description == "q" && view.table.name.sql == "\"q\"")
    }

    private func checkTables(_ connection: PostgresConnection) throws {
        func read(_ query: String) throws -> [[String]] {
            let view = try #require(try Self.ask(query, connection).view(Self.name), "\(query)")
            return [view.reads.map(\.name), view.through.map(\.name)]
        }
        #expect(try read("SELECT 1 AS one WHERE false") == [[], []])
        #expect(try read("SELECT relname FROM pg_class") == [[], []])
        // Also what the plan would leave out.
        #expect(try read("SELECT id FROM public.person WHERE false") == [["person"], []])
        #expect(try read("SELECT id FROM public.parted_1") == [["parted"], []])
        #expect(
            try read("WITH a AS (SELECT * FROM public.above) SELECT a.id, (SELECT count(*) FROM public.author) FROM a")
                == [["author", "child", "kept", "mother", "parted"], ["above", "below"]])
    }

    /// Another one when columns or views are, and the same otherwise.
    private func checkDefinition(_ owner: PostgresConnection, _ connection: PostgresConnection) async throws {
        func version() throws -> String? {
            try Self.ask("SELECT id, name FROM public.above JOIN public.person USING (id)", connection)
                .view(Self.name)?.version
        }
        var versions = [try #require(try version())]
        for change in [
            "ALTER TABLE person ALTER COLUMN name TYPE text",
            "CREATE OR REPLACE VIEW below AS SELECT id FROM mother",
        ] {
            try owner.execute(change)
            versions.append(try #require(try version()))
        }
        try owner.execute("INSERT INTO mother VALUES (1); ALTER TABLE person ADD COLUMN more int; ANALYZE person")
        let last = try version()
        #expect(Set(versions).count == 3 && versions.last == last)
    }

    private static let refused = [
        ("SELECT FORM", "column \"form\" does not exist"),
        ("SELECT 'é',\n'\u{1F600}',\nid, nothing\nFROM public.person", "line 3: column \"nothing\" does not exist"),
        ("SELECT id FROM person", "relation \"person\" does not exist"),
        ("SELECT id FROM public.person; DROP TABLE public.person", "cannot insert multiple commands"),
        ("SELECT id FROM public.person;", "stand in brackets: syntax error at or near \";\""),
        ("", "stand in brackets"),
        ("DELETE FROM public.person RETURNING id", "stand in brackets"),
        ("WITH d AS (DELETE FROM public.person RETURNING id) SELECT id FROM d", "data-modifying"),
        ("SELECT id INTO public.other FROM public.person", "stand in brackets: SELECT ... INTO is not allowed here"),
        ("SELECT id FROM public.person FOR UPDATE", "it locks rows"),
        ("SELECT id, id FROM public.person", "two of its columns are called id"),
        ("SELECT 1) AS t, (SELECT 2", "syntax error at or near \")\""),
        ("SELECT 'x'::int AS one", "invalid input syntax for type integer"),
    ]
}
