// Part of Lockstep. See LICENSE.

import Apply
import Bolt
import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

@testable import Pipeline

/// A bolt URL where nobody listens.
private func silentGraph() throws -> String { "bolt://127.0.0.1:\(try FreePort.take())" }

extension GraphServer {
    /// For the `graph` of a mapping; the password goes beside it.
    fileprivate var mappingURL: String {
        credentials.map { "bolt://\($0.user)@127.0.0.1:\(port)" } ?? address
    }
}

extension PreflightReport {
    fileprivate var errors: [String] { findings.filter { $0.severity == .error }.map(\.what) }
}

@Suite(.postgres(), .serialized)
struct `Preflight of a PostgreSQL server` {
    private let server = PostgresServer.current

    /// Runs `body` with a fresh database that holds the shop.
    private func withShop(_ name: String, _ body: (String) async throws -> Void) async throws {
        try await server.createDatabase(name)
        try await server.psql(Shop.schema, database: name)
        try await body(name)
        try await server.psql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
        try await server.dropDatabase(name)
    }

    private func check(
        _ database: String, as user: String = PostgresServer.user, more: String = ""
    ) async throws -> PreflightReport {
        let reading = Shop.reading(
            source: server.url(database: database, user: user), graph: try silentGraph(), more: more)
        return await Preflight.run(reading, file: "shop.yaml")
    }

    @Test func `a superuser has all it needs, whatever the graph does`() async throws {
        try await withShop("sound") { database in
            let report = try await check(database)
            #expect(report.findings.contains(.error, "the graph is not available"))
            #expect(report.findings.fix("the graph is not available")?.contains("graph.url") == true)
            #expect(report.errors.count == 1)
            #expect(report.findings.contains(.note, "publication \"lockstep_shop\" is not there yet"))
            #expect(report.findings.contains(.warning, "max_slot_wal_keep_size"))
            #expect(report.source?.contains("/sound as postgres, PostgreSQL ") == true)
        }
    }

    @Test func `a role without rights is told of all of them, and each fix mends its fault`() async throws {
        try await withShop("bare") { database in
            try await server.psql(
                """
                CREATE ROLE bare LOGIN; REVOKE ALL ON SCHEMA public FROM PUBLIC;
                ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
                """, database: database)
            let before = try await check(database, as: "bare").findings.filter { $0.area == .source }
            let faults = before.filter { $0.severity == .error }
            #expect(faults.count == 5)
            for part in [
                "may not replicate", "may not use the schema", "may not read", "row security", "does not exist",
            ] {
                #expect(before.contains(.error, part), "\(part)")
            }
            for fault in faults {
                let fix = try #require(fault.fix)
                // What stands before the SQL names who has to run it.
                let sql = fix.drop { $0 != "\n" }
                try await server.psql(sql.isEmpty ? fix : String(sql), database: database)
            }
            let after = try await check(database, as: "bare").findings.filter { $0.area == .source }
            #expect(!after.contains { $0.severity == .error }, "\(after)")
        }
    }

    @Test func `faults of tables are all named with their place`() async throws {
        try await withShop("tables") { database in
            try await server.psql(
                """
                CREATE UNLOGGED TABLE carts (id int PRIMARY KEY); CREATE VIEW names AS SELECT name FROM customers;
                ALTER TABLE customers REPLICA IDENTITY NOTHING; CREATE TABLE other (id int);
                CREATE PUBLICATION lockstep_shop FOR TABLE orders (id, customer_id) WITH (publish = 'insert, delete');
                """, database: database)
            let more = """
                  public.carts: {label: Cart, key: {id: id}}
                  public.names: {label: Name, key: {name: name}}
                  public.gone: {label: Gone, key: {id: id}}

                """
            let found = try await check(database, more: more).findings
            #expect(found.fix("public.carts is unlogged") == "ALTER TABLE public.carts SET LOGGED;")
            #expect(found.contains(.error, "public.names is a view"))
            #expect(found.contains(.error, "no table public.gone"))
            #expect(
                found.fix("public.customers do not say") == "ALTER TABLE public.customers REPLICA IDENTITY DEFAULT;")
            #expect(found.contains(.note, "table public.other is not in the mapping"))
            #expect(found.contains(.error, "leaves out updates, truncates"))
            #expect(found.contains(.error, "leaves out columns of public.orders: address"))
            #expect(found.filter { $0.what.contains("public.carts") }.count == 1)
            let view = try #require(found.first { $0.what.contains("is a view") })
            #expect(view.position.map { "\($0)" } == "shop.yaml:17:3")
        }
    }

    @Test func `a slot of somebody else and a broken mapping do not hide each other`() async throws {
        try await withShop("foreign") { database in
            try await server.psql("SELECT pg_create_physical_replication_slot('lockstep_shop')", database: database)
            let report = try await check(database, more: "  public.orders: {lable: Order}\n")
            #expect(report.isMappingUnreadable)
            #expect(report.findings.contains(.error, "a physical one"))
            #expect(report.findings.contains { $0.area == .mapping && $0.severity == .error })
        }
    }

    @Test func `what cannot be reached does not keep the rest from being said`() async throws {
        let nowhere = try await check("nowhere")
        #expect(nowhere.findings.contains(.error, "the PostgreSQL database does not exist"))
        #expect(nowhere.findings.contains(.error, "the graph is not available"))
        let stranger = try await check("postgres", as: "stranger")
        #expect(stranger.findings.contains(.error, "PostgreSQL refused the login"))
    }
}

struct `Preflight of a server of another kind` {
    @Test func `a server that was not made ready is told of all settings`() async throws {
        let server = try await PostgresServer(settings: [
            "wal_level": "replica", "max_replication_slots": "1", "max_slot_wal_keep_size": "1GB",
            "wal_sender_timeout": "0",
        ])
        try await server.psql(Shop.schema)
        try await server.psql("SELECT pg_create_physical_replication_slot('taken')")
        let reading = Shop.reading(source: server.url(), graph: try silentGraph())
        let found = await Preflight.run(reading, file: "shop.yaml").findings
        #expect(found.contains(.error, "wal_level is replica"))
        #expect(found.contains(.error, "1 of max_replication_slots = 1 are taken"))
        #expect(found.contains(.note, "wal_sender_timeout is 0"))
        #expect(!found.contains { $0.what.contains("max_slot_wal_keep_size") })
        try await server.stop(.immediate)
        let stopped = await Preflight.run(reading, file: "shop.yaml").findings
        #expect(stopped.contains(.error, "PostgreSQL is not available"))
        #expect(stopped.contains(.error, "the graph is not available"))
    }
}

@Suite(.postgres(settings: ["max_slot_wal_keep_size": "10GB"]), .serialized)
struct `Preflight of both servers` {
    private let server = PostgresServer.current

    private func check(_ graph: GraphServer, as user: String = PostgresServer.user) async throws -> PreflightReport {
        await Preflight.run(try reading(graph, as: user), file: "shop.yaml")
    }

    private func reading(_ graph: GraphServer, as user: String = PostgresServer.user) throws -> MappingReading {
        Shop.reading(
            source: server.url(database: "shop", user: user), graph: graph.mappingURL,
            password: graph.credentials?.password ?? "")
    }

    private func withShop(
        on kind: GraphServer.Kind, _ body: @escaping @Sendable (GraphServer) async throws -> Void
    ) async throws {
        try await server.createDatabase("shop")
        try await server.psql(Shop.schema, database: "shop")
        try await GraphServer.shared(kind) { graph in try await body(graph) }
        try await server.psql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
        try await server.dropDatabase("shop")
    }

    @Test(arguments: GraphServer.kinds)
    func `the role that setup prints passes, and suffices for a whole run`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        try await server.psql("DROP ROLE IF EXISTS lockstep")
        let server = server
        try await withShop(on: kind) { graph in
            try await server.psql(
                "REVOKE ALL ON SCHEMA public FROM PUBLIC; ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
                database: "shop")
            let owner = try #require(try reading(graph).file)
            let script = try await PipelineSetup(settings: PipelineSettings(owner), file: owner).sql()
            try await server.psql(script, database: "shop")

            let report = try await check(graph, as: "lockstep")
            #expect(report.errors == [])
            #expect(report.findings.allSatisfy { $0.severity == .note }, "\(report.text())")

            let file = try #require(try reading(graph, as: "lockstep").file)
            let settings = try PipelineSettings(file)
            let stop = StopSignal()
            let run = Task {
                await result { () async throws(PipelineError) in
                    try await PipelineRun(settings: settings, file: file, report: { _ in })
                        .run(stop: stop, abandon: StopSignal())
                }
            }
            try await server.psql("INSERT INTO customers VALUES (3, 'Cleo')", database: "shop")
            try await eventually("the graph has every row", within: .seconds(60)) {
                let counted = try await graph.query("MATCH (c:Customer) RETURN count(c)").rows.first?.first
                let related = try await graph.query("MATCH (:Order)-[r:PLACED_BY]->(:Customer) RETURN count(r)")
                return counted == 3 && related.rows.first?.first == 2
            }
            // While it runs, and after it.
            try await eventually("the slot is read") {
                try await server.psql("SELECT active FROM pg_replication_slots") == "t"
            }
            let during = try await check(graph, as: "lockstep")
            #expect(during.errors == [])
            #expect(during.findings.contains(.note, "the pipeline seems to be running"))
            stop.stop()
            try await run.value.get()
            let after = try await check(graph, as: "lockstep")
            #expect(after.errors == [])
            #expect(after.findings.contains(.note, "\"shop\" stands at"))
            #expect(!after.findings.contains { $0.what.contains("constraints and indexes are not there yet") })

            try await server.psql("SELECT pg_drop_replication_slot('lockstep_shop')")
            #expect(try await check(graph, as: "lockstep").findings.contains(.error, "the replication slot is gone"))
        }
        try await server.psql("DROP ROLE lockstep")
    }

    @Test(arguments: GraphServer.kinds)
    func `a graph with things in the way is told of, and each fix mends its fault`(
        kind: GraphServer.Kind
    ) async throws {
        try kind.requireAvailable()
        try await withShop(on: kind) { graph in
            try await graph.query("CREATE CONSTRAINT lockstep_key_Customer FOR (n:Elsewhere) REQUIRE n.x IS UNIQUE")
            if kind.isNeo4j { try await graph.query("CREATE INDEX mine FOR (n:Order) ON (n.orderId)") }
            let obstructed = try await check(graph).findings.filter { $0.area == .graph && $0.severity == .error }
            #expect(obstructed.count == (kind.isNeo4j ? 2 : 1), "\(obstructed)")
            // `run` refuses what `check` reports.
            let file = try #require(try reading(graph).file)
            let refusal = await result { () async throws(PipelineError) in
                try await PipelineRun(settings: try PipelineSettings(file), file: file, report: { _ in })
                    .run(stop: StopSignal(), abandon: StopSignal())
            }
            #expect(throws: PipelineError.self) { try refusal.get() }
            for fault in obstructed { try await graph.query(String(try #require(fault.fix).dropLast())) }
            #expect(try await check(graph).errors == [])

            try await graph.query("CREATE (:Customer {customerId: 7}), (:Customer {customerId: 7})")
            let foreign = try await check(graph)
            #expect(foreign.findings.contains(.error, "it has nodes labelled \"Customer\""))
            #expect(foreign.findings.contains(.error, "several nodes have the same key (:Customer) {customerId}"))
            #expect(foreign.errors.count == 2)
            try await graph.query("MATCH (n:Customer) DELETE n")
            #expect(try await check(graph).errors == [])
        }
    }

    @Test func `a name that ArcadeDB has for something else is an error there`() async throws {
        try GraphServer.Kind.arcadeDB.requireAvailable()
        try await withShop(on: .arcadeDB) { graph in
            try await graph.query("CREATE (:Thing)-[:Customer]->(:Thing)")
            #expect(try await check(graph).findings.contains(.error, "Customer is a label and a relationship type"))
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `a check changes nothing`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        let server = server
        try await withShop(on: kind) { graph in
            _ = try await check(graph)
            #expect(try await graph.query("MATCH (n) RETURN count(n)").rows == [[0]])
            let constraints = try await graph.query("SHOW CONSTRAINTS").rows
            #expect(constraints.isEmpty)
            #expect(try await server.psql("SELECT count(*) FROM pg_publication", database: "shop") == "0")
            #expect(try await server.psql("SELECT count(*) FROM pg_replication_slots") == "0")
        }
    }
}

/// A typed-throwing body as a value.
private func result<Value: Sendable>(
    _ body: () async throws(PipelineError) -> Value
) async -> Result<Value, PipelineError> {
    do throws(PipelineError) { return .success(try await body()) } catch { return .failure(error) }
}
