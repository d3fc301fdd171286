// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Threading
import Verify

/// A small shop in a database of its own, and in the graph by hand-written Cypher, so that nothing is judged by itself.
struct Shop: Sendable {
    let postgres: PostgresServer
    let database: String
    let graph: GraphServer

    init(_ graph: GraphServer, database: String) async throws {
        postgres = PostgresServer.current
        self.database = database
        self.graph = graph
        try await postgres.createDatabase(database)
        try await postgres.psql(Self.schema, database: database)
        for statement in Self.cypher { try await graph.query(statement, ["photo": .bytes([0x00, 0xFF])]) }
    }

    static let schema = """
        CREATE TABLE customers (
            id integer PRIMARY KEY, name text, score double precision, price numeric(10, 2), joined timestamptz,
            seen timestamp, born date, wakes time, zoned timetz, span interval, tags text[], photo bytea, wide real,
            doc jsonb, address inet, is_new boolean, secret text);
        CREATE TABLE orders (
            region text, no integer, customer_id integer REFERENCES customers, parent_region text, parent_no integer,
            note text, PRIMARY KEY (region, no), FOREIGN KEY (parent_region, parent_no) REFERENCES orders);
        CREATE TABLE products (id uuid PRIMARY KEY, code varchar(10) UNIQUE, title varchar(40));
        CREATE TABLE lines (
            region text, no integer, product text REFERENCES products (code), quantity integer, note text,
            PRIMARY KEY (region, no, product), FOREIGN KEY (region, no) REFERENCES orders);
        INSERT INTO customers
        SELECT i, 'customer ' || i, i + 0.5, i + 0.25, '2024-02-29 12:00:00.000001+00', '1969-12-31 23:59:59.5',
            '1900-03-01', '23:59:59.999999', '12:00:00+05:30', '-1 mon 3 days -0.000001 sec', '{a,"b c",""}', '\\x00ff',
            0.1, '{"a": 1}', '10.0.0.1', true, 'not mapped'
        FROM generate_series(1, 60) AS i;
        INSERT INTO customers (id) VALUES (61);
        INSERT INTO orders
        SELECT region, i, CASE WHEN i % 3 > 0 THEN i END, CASE WHEN i > 1 THEN region END, CASE WHEN i > 1 THEN i - 1 END,
            NULL
        FROM generate_series(1, 30) AS i, (VALUES ('EU'), ('Übersee')) AS r (region);
        INSERT INTO products
        SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 'P' || i, 'product ' || i
        FROM generate_series(1, 10) AS i;
        INSERT INTO lines SELECT region, no, 'P' || p, no * p, NULL FROM orders, generate_series(1, 3) AS p;
        """

    static let cypher = [
        """
        UNWIND range(1, 60) AS i CREATE (:Customer:Party {
            id: i, name: 'customer ' + toString(i), score: i + 0.5, price: toString(i) + '.25',
            joined: datetime('2024-02-29T12:00:00.000001Z'), seen: localdatetime('1969-12-31T23:59:59.5'),
            born: date('1900-03-01'), wakes: localtime('23:59:59.999999'), zoned: time('12:00:00+05:30'),
            span: duration({months: -1, days: 3, seconds: -1, nanoseconds: 999999000}), tags: ['a', 'b c', ''],
            photo: $photo, wide: 0.10000000149011612, doc: '{"a": 1}', address: '10.0.0.1', isNew: true})
        """,
        "CREATE (:Customer:Party {id: 61})",
        "UNWIND ['EU', 'Übersee'] AS region UNWIND range(1, 30) AS i CREATE (:Order {region: region, no: i})",
        """
        UNWIND range(1, 30) AS i MATCH (o:Order {no: i}) WHERE i % 3 > 0
        MATCH (c:Customer {id: i}) CREATE (o)-[:CUSTOMER]->(c)
        """,
        """
        UNWIND range(2, 30) AS i MATCH (o:Order {no: i}) MATCH (p:Order {no: i - 1, region: o.region})
        CREATE (p)-[:PARENT_OF]->(o)
        """,
        """
        UNWIND range(1, 10) AS i
        CREATE (:Product {
            id: '00000000-0000-0000-0000-' + CASE WHEN i < 10 THEN '00000000000' ELSE '0000000000' END + toString(i),
            code: 'P' + toString(i), title: 'product ' + toString(i)})
        """,
        """
        UNWIND range(1, 3) AS p MATCH (o:Order) MATCH (x:Product {code: 'P' + toString(p)})
        CREATE (o)-[:CONTAINS {quantity: o.no * p}]->(x)
        """,
    ]

    static let mapping: GraphMapping = {
        func property(
            _ column: String, _ source: ValueConversion.Source, _ target: ValueConversion.Target, isList: Bool = false,
            as property: String? = nil
        ) -> PropertyMapping {
            PropertyMapping(
                column: column, property: property ?? column,
                conversion: ValueConversion(source: source, target: target, isList: isList), columnType: "unused")
        }
        let customer = NodeMapping(
            table: QualifiedName(schema: "public", name: "customers"), labels: ["Customer", "Party"],
            key: [property("id", .int4, .integer)],
            properties: [
                property("name", .text, .string), property("score", .float8, .float),
                property("price", .numeric, .string),
                property("joined", .timestamptz, .dateTime), property("seen", .timestamp, .localDateTime),
                property("born", .date, .date), property("wakes", .time, .localTime), property("zoned", .timetz, .time),
                property("span", .interval, .duration), property("tags", .text, .string, isList: true),
                property("photo", .bytea, .bytes), property("wide", .float4, .float), property("doc", .jsonb, .string),
                property("address", .inet, .string), property("is_new", .bool, .boolean, as: "isNew"),
            ], references: [])
        let orderKey = [property("region", .text, .string), property("no", .int4, .integer)]
        let order = NodeMapping(
            table: QualifiedName(schema: "public", name: "orders"), labels: ["Order"], key: orderKey,
            properties: [property("note", .text, .string)],
            references: [
                ReferenceMapping(
                    type: "CUSTOMER",
                    target: RelationshipEnd(
                        label: "Customer", key: [property("customer_id", .int4, .integer, as: "id")])),
                ReferenceMapping(
                    type: "PARENT_OF",
                    target: RelationshipEnd(
                        label: "Order",
                        key: [
                            property("parent_region", .text, .string, as: "region"),
                            property("parent_no", .int4, .integer, as: "no"),
                        ]), isReversed: true),
            ])
        let product = NodeMapping(
            table: QualifiedName(schema: "public", name: "products"), labels: ["Product"],
            key: [property("id", .uuid, .string)],
            properties: [property("code", .text, .string), property("title", .text, .string)], references: [])
        let lines = JoinMapping(
            table: QualifiedName(schema: "public", name: "lines"), type: "CONTAINS",
            from: RelationshipEnd(label: "Order", key: orderKey),
            to: RelationshipEnd(label: "Product", key: [property("product", .text, .string, as: "code")]),
            properties: [property("quantity", .int4, .integer), property("note", .text, .string)])
        return GraphMapping(pipeline: "shop", nodes: [customer, order, product], joins: [lines])
    }()

    /// Runs a verification on a thread of its own.
    func verify(
        limits: Verification.Limits = .init(), stop: StopSignal = StopSignal(),
        waitForGraph: @escaping @Sendable (LSN) throws -> Bool = { _ in true }
    ) async throws -> Verification.Report {
        let source = try PostgresConfiguration(postgres.url(database: database))
        var configuration = try BoltConfiguration(url: graph.boltURL)
        configuration.database = GraphServer.database
        let verification = Verification(
            mapping: Self.mapping, source: source, graph: configuration, limits: limits)
        return try await DedicatedThread.run(name: "verify") { () throws(VerifyError) in
            try verification.run(waitForGraph: waitForGraph, stop: stop)
        }
    }
}
