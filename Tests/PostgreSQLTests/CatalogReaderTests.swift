// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing

@Suite(.postgres(), .serialized)
struct CatalogReaderTests {
    private static let schema = #"""
        CREATE SCHEMA "Odd Schema";
        CREATE SCHEMA lockstep;
        CREATE TABLE lockstep.ours (id int PRIMARY KEY);
        CREATE TYPE "Odd Schema"."Mood" AS ENUM ('sad', 'ok');
        CREATE DOMAIN public.positive AS integer CHECK (VALUE > 0);
        CREATE DOMAIN public.more_positive AS public.positive CHECK (VALUE > 1);
        CREATE DOMAIN public.places AS public.more_positive[];
        CREATE TYPE public.pair AS (a int, b text);
        CREATE TYPE public.span AS RANGE (subtype = float8);

        CREATE TABLE public.kinds (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone text, mood "Odd Schema"."Mood", positive positive,
            more more_positive, places places, pair pair, span span, moods "Odd Schema"."Mood"[], label varchar(40),
            price numeric(9, 2), twice numeric GENERATED ALWAYS AS (price * 2) STORED, at timestamptz(3) NOT NULL,
            spot point, words int2vector, multi nummultirange);
        ALTER TABLE public.kinds DROP COLUMN gone;
        COMMENT ON TABLE public.kinds IS 'All kinds, "quoted" | and
        on two lines';
        COMMENT ON COLUMN public.kinds.label IS 'Ein Etikett: ü';

        CREATE TABLE "Odd Schema"."Tüte ""7""" (
            "B" int, "a b" text, "ключ" uuid NOT NULL, rest text NOT NULL, UNIQUE ("ключ", rest),
            PRIMARY KEY ("a b", "B"));
        CREATE UNIQUE INDEX "by rest" ON "Odd Schema"."Tüte ""7""" (rest) INCLUDE ("ключ");
        CREATE UNIQUE INDEX by_expression ON "Odd Schema"."Tüte ""7""" (lower(rest));
        CREATE UNIQUE INDEX by_part ON "Odd Schema"."Tüte ""7""" (rest) WHERE "B" > 0;
        CREATE INDEX not_unique ON "Odd Schema"."Tüte ""7""" ("B");
        ALTER TABLE "Odd Schema"."Tüte ""7""" REPLICA IDENTITY USING INDEX "by rest";

        CREATE TABLE public.nodes (
            id int PRIMARY KEY, parent int REFERENCES nodes, other int CONSTRAINT a_other REFERENCES nodes (id),
            text_part text, number_part int,
            CONSTRAINT composite FOREIGN KEY (number_part, text_part)
                REFERENCES "Odd Schema"."Tüte ""7""" ("B", "a b"));
        ALTER TABLE public.nodes ADD CONSTRAINT not_checked FOREIGN KEY (parent) REFERENCES nodes NOT VALID;
        ALTER TABLE public.nodes REPLICA IDENTITY FULL;
        CREATE TABLE public.no_key (v int);
        ALTER TABLE public.no_key REPLICA IDENTITY NOTHING;

        CREATE TABLE public.parted (id int, region text, node int REFERENCES nodes, other int, PRIMARY KEY (id, region))
            PARTITION BY LIST (region);
        CREATE TABLE public.parted_north PARTITION OF parted FOR VALUES IN ('north') PARTITION BY RANGE (id);
        CREATE TABLE public.parted_north_1 PARTITION OF parted_north FOR VALUES FROM (0) TO (10);
        CREATE TABLE public.parted_south PARTITION OF parted FOR VALUES IN ('south');
        ALTER TABLE public.parted_south REPLICA IDENTITY NOTHING;
        ALTER TABLE public.parted_north ADD CONSTRAINT north FOREIGN KEY (other) REFERENCES nodes;
        ALTER TABLE public.parted_south ADD CONSTRAINT south FOREIGN KEY (other) REFERENCES nodes;
        CREATE TABLE public.to_parted (
            id int PRIMARY KEY, parted int, region text, FOREIGN KEY (parted, region) REFERENCES parted);
        CREATE TABLE public.to_leaf (
            id int PRIMARY KEY, leaf int, region text, FOREIGN KEY (leaf, region) REFERENCES parted_south);
        CREATE TABLE public.mother (id int PRIMARY KEY, v text);
        CREATE TABLE public.child (extra int) INHERITS (mother);

        CREATE VIEW public.a_view AS SELECT 1;
        CREATE MATERIALIZED VIEW public.a_matview AS SELECT 1;
        CREATE VIEW public.below AS SELECT l.id, m.v FROM parted_south l JOIN mother m USING (id);
        CREATE VIEW public.above AS SELECT b.id, (SELECT count(*) FROM a_matview) AS n FROM below b
            WHERE EXISTS (SELECT FROM nodes WHERE nodes.id = b.id);
        CREATE MATERIALIZED VIEW public.kept AS SELECT id, label FROM kinds;
        CREATE UNLOGGED TABLE public.unlogged (id int PRIMARY KEY);
        CREATE TABLE public.of_extension (id int PRIMARY KEY);
        ALTER EXTENSION plpgsql ADD TABLE public.of_extension;
        INSERT INTO parted VALUES (1, 'north'), (2, 'north'), (3, 'south');
        INSERT INTO to_parted SELECT n FROM generate_series(1, 1000) n;
        ANALYZE;
        CREATE TABLE public.never_analysed (id int);
        """#

    private static func read() async throws -> Catalog {
        try await PostgresServer.current.createDatabase("catalog")
        let configuration = try PostgresConfiguration(PostgresServer.current.url(database: "catalog"))
        let connection = try PostgresConnection(configuration)
        try connection.execute(schema)
        try connection.execute("CREATE TEMP TABLE temporary (id int PRIMARY KEY)")
        let catalog = try CatalogReader.read(connection)
        #expect(!connection.isInTransaction)
        // Reads the same inside a transaction of the caller.
        try connection.execute("BEGIN")
        #expect(try CatalogReader.read(connection).tables.map(\.name) == catalog.tables.map(\.name))
        #expect(connection.isInTransaction)
        connection.close()
        try await PostgresServer.current.dropDatabase("catalog")
        return catalog
    }

    private func table(_ name: String, schema: String = "public", in catalog: Catalog) throws -> Catalog.Table {
        try #require(catalog.table(QualifiedName(schema: schema, name: name)))
    }

    @Test func `a nasty schema is read as it is`() async throws {
        let catalog = try await Self.read()
        #expect(catalog.database == "catalog")
        #expect(catalog.serverVersion >= 150_000)
        #expect(
            catalog.tables.map(\.name.description) == [
                "\"Odd Schema\".\"Tüte \"\"7\"\"\"", "public.child", "public.kinds", "public.mother",
                "public.never_analysed", "public.no_key", "public.nodes", "public.parted", "public.to_leaf",
                "public.to_parted",
            ])
        try checkColumns(catalog)
        try checkKeys(catalog)
        try checkForeignKeys(catalog)
        try checkTypes(catalog)
        checkViews(catalog)
    }

    /// Through views, to roots in place of partitions and to children; as far as a materialized one.
    private func checkViews(_ catalog: Catalog) {
        #expect(
            catalog.views.map { "\($0.table.name.name) \($0.isMaterialized) \($0.reads.map(\.name))" } == [
                "a_matview true []", "a_view false []",
                "above false [\"a_matview\", \"child\", \"mother\", \"nodes\", \"parted\"]",
                "below false [\"child\", \"mother\", \"parted\"]", "kept true [\"kinds\"]",
            ])
        #expect(catalog.views.last?.table.columns.map(\.formattedType) == ["bigint", "character varying(40)"])
        #expect(Set(catalog.views.map(\.version)).count == 5)
    }

    private func checkColumns(_ catalog: Catalog) throws {
        let kinds = try table("kinds", in: catalog)
        #expect(kinds.comment == "All kinds, \"quoted\" | and\non two lines")
        #expect(
            kinds.columns.map { "\($0.name) \($0.formattedType)" } == [
                "id bigint", "mood \"Odd Schema\".\"Mood\"", "positive public.positive", "more public.more_positive",
                "places public.places", "pair public.pair", "span public.span", "moods \"Odd Schema\".\"Mood\"[]",
                "label character varying(40)", "price numeric(9,2)", "twice numeric",
                "at timestamp(3) with time zone", "spot point", "words int2vector", "multi nummultirange",
            ])
        #expect(kinds.columns.filter(\.isNotNull).map(\.name) == ["id", "at"])
        #expect(kinds.columns.filter(\.isGenerated).map(\.name) == ["twice"])
        #expect(kinds.column("label")?.comment == "Ein Etikett: ü")
        #expect(kinds.column("label")?.typeModifier == 44)
        #expect(kinds.column("id")?.typeModifier == -1)
        #expect(try table("child", in: catalog).columns.map(\.name) == ["id", "v", "extra"])
        let leaves = try table("parted", in: catalog).partitions
        #expect(leaves.map(\.name.name) == ["parted_north_1", "parted_south"])
        #expect(leaves.map(\.replicaIdentity) == [.default, .nothing])
        #expect(leaves.map(\.identityKey) == [["id", "region"], []])
        // Partitions are no children.
        #expect(catalog.tables.filter(\.hasChildren).map(\.name.name) == ["mother"])
        #expect(try table("to_parted", in: catalog).estimatedRows == 1000)
        #expect(try table("parted", in: catalog).estimatedRows == 3)
        #expect(try table("never_analysed", in: catalog).estimatedRows < 0)
        #expect(catalog.tables.filter(\.isPartitioned).map(\.name.name) == ["parted"])
    }

    private func checkKeys(_ catalog: Catalog) throws {
        let odd = try table("Tüte \"7\"", schema: "Odd Schema", in: catalog)
        #expect(odd.primaryKey == ["a b", "B"])
        #expect(odd.replicaIdentity == .index)
        #expect(odd.uniqueKeys.map(\.columns) == [["ключ", "rest"], ["rest"]])
        #expect(odd.uniqueKeys.map(\.isReplicaIdentity) == [false, true])
        #expect(odd.uniqueKeys.last?.indexName == "by rest")
        #expect(try table("parted", in: catalog).primaryKey == ["id", "region"])
        #expect(try table("nodes", in: catalog).replicaIdentity == .full)
        #expect(try table("no_key", in: catalog).replicaIdentity == .nothing)
        #expect(try table("no_key", in: catalog).primaryKey == nil)
        #expect(try table("kinds", in: catalog).replicaIdentity == .default)
        #expect(try table("child", in: catalog).primaryKey == nil)
    }

    private func checkForeignKeys(_ catalog: Catalog) throws {
        func described(_ name: String) throws -> [String] {
            try table(name, in: catalog).foreignKeys.map {
                "\($0.constraintName): \($0.columns) -> \($0.referencedTable.name) \($0.referencedColumns)"
            }
        }
        #expect(
            try described("nodes") == [
                "a_other: [\"other\"] -> nodes [\"id\"]",
                "composite: [\"number_part\", \"text_part\"] -> Tüte \"7\" [\"B\", \"a b\"]",
                "nodes_parent_fkey: [\"parent\"] -> nodes [\"id\"]",
                "not_checked: [\"parent\"] -> nodes [\"id\"]",
            ])
        #expect(
            try table("nodes", in: catalog).foreignKeys.map(\.coverage) == [.allRows, .allRows, .allRows, .newRows])
        #expect(
            try described("parted") == [
                "parted_node_fkey: [\"node\"] -> nodes [\"id\"]", "north: [\"other\"] -> nodes [\"id\"]",
            ])
        #expect(try table("parted", in: catalog).foreignKeys.map(\.coverage) == [.allRows, .somePartitions])
        #expect(
            try described("to_parted") == [
                "to_parted_parted_region_fkey: [\"parted\", \"region\"] -> parted [\"id\", \"region\"]"
            ])
        #expect(
            try described("to_leaf") == [
                "to_leaf_leaf_region_fkey: [\"leaf\", \"region\"] -> parted [\"id\", \"region\"]"
            ])
    }

    @Test func `foreign keys about periods, and those that are not enforced, are told from others`() async throws {
        let database = "catalog_periods"
        try await PostgresServer.current.createDatabase(database)
        let connection = try PostgresConnection(PostgresConfiguration(PostgresServer.current.url(database: database)))
        defer { connection.close() }
        guard connection.serverVersion >= 180_000 else { try Test.cancel("they came with PostgreSQL 18") }
        try connection.execute(
            """
            CREATE TABLE price (
                id int UNIQUE, film int4range, at daterange, PRIMARY KEY (film, at WITHOUT OVERLAPS));
            CREATE TABLE discount (
                film int4range, at daterange, CONSTRAINT covered FOREIGN KEY (film, PERIOD at) REFERENCES price,
                price int CONSTRAINT named REFERENCES price (id),
                other int CONSTRAINT told REFERENCES price (id) NOT ENFORCED);
            """)
        let catalog = try CatalogReader.read(connection)
        #expect(try table("price", in: catalog).primaryKey == ["film", "at"])
        let keys = try table("discount", in: catalog).foreignKeys
        #expect(keys.map(\.constraintName) == ["covered", "named", "told"])
        #expect(keys.map(\.coverage) == [.periods, .allRows, .noRows])
    }

    private func checkTypes(_ catalog: Catalog) throws {
        let kinds = try table("kinds", in: catalog)
        func kind(_ column: String) throws -> Catalog.DataType {
            guard let type = kinds.column(column).flatMap({ catalog.types[$0.type] }) else {
                throw TestServerError("the type of \(column) is not in the catalog")
            }
            return type
        }
        #expect(try kind("id").kind == .base)
        #expect(try kind("mood").kind == .enum)
        #expect(try kind("mood").schema == "Odd Schema")
        #expect(try kind("pair").kind == .composite)
        #expect(try kind("span").kind == .range)
        #expect(try kind("multi").kind == .multirange)
        #expect(try kind("moods").kind == .array(element: kind("mood").oid))
        // Both have an element type; only the second is stored as an array.
        #expect(try kind("spot").kind == .base)
        #expect(try kind("words").kind == .array(element: 21))
        #expect(try kind("positive").kind == .domain(base: 23))
        #expect(try kind("more").kind == .domain(base: kind("positive").oid))
        #expect(catalog.underlyingType(of: try kind("more").oid)?.name == "int4")
        guard case .array(let element)? = catalog.underlyingType(of: try kind("places").oid)?.kind else {
            return #expect(Bool(false), "places is not below an array")
        }
        #expect(element == (try kind("more").oid))
        #expect(catalog.types[21] != nil)
    }
}
