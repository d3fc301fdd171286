// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Synchronization
import TestServers
import TestSupport
import Testing
import Threading
import Verify

/// Verification while both sides move: no false alarm, and no real difference missed.
@Suite(.postgres(), .serialized)
struct MovingSidesTests {
    /// Counts the changes that PostgreSQL has begun to commit, and those that the graph has after it.
    private final class Replication: Sendable {
        let begun = Atomic(0)
        let applied = Atomic(0)

        /// What a pipeline promises: everything that was committed is in the graph.
        func waitForGraph() -> Bool {
            let target = begun.load(ordering: .sequentiallyConsistent)
            let deadline = MonotonicTime.after(.seconds(30))
            while applied.load(ordering: .sequentiallyConsistent) < target {
                guard MonotonicTime.now < deadline else { return false }
                _ = Poll.wait(descriptor: -1, for: [], deadline: .after(.milliseconds(1)))
            }
            return true
        }
    }

    /// A change to both sides, by SQL and by Cypher.
    private struct Change {
        var sql: String
        var cypher: String

        /// Rows that change all the time, come and go, are re-used, and move to other places.
        static func random(using random: inout some RandomNumberGenerator) -> Change {
            let id = Int.random(in: 100..<110, using: &random)
            let value = Int.random(in: 0..<1_000_000, using: &random)
            let order = Int.random(in: 1...30, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                return Change(
                    sql: "INSERT INTO customers (id, name) VALUES (\(id), '\(value)') ON CONFLICT (id) DO UPDATE "
                        + "SET name = excluded.name, score = NULL",
                    cypher: "MERGE (c:Customer {id: \(id)}) SET c:Party, c.name = '\(value)', c.score = null")
            case 1:
                return Change(
                    sql: "DELETE FROM customers WHERE id = \(id)",
                    cypher: "MATCH (c:Customer {id: \(id)}) DETACH DELETE c")
            case 2:
                return Change(
                    sql: "UPDATE customers SET score = \(value) WHERE id = \(value % 20 + 1)",
                    cypher: "MATCH (c:Customer {id: \(value % 20 + 1)}) SET c.score = \(value).0")
            case 3:
                return Change(
                    sql: "UPDATE orders SET customer_id = \(value % 60 + 1) WHERE (region, no) = ('EU', \(order))",
                    cypher: "MATCH (o:Order {region: 'EU', no: \(order)}) OPTIONAL MATCH (o)-[r:CUSTOMER]->() DELETE r "
                        + "WITH DISTINCT o MATCH (c:Customer {id: \(value % 60 + 1)}) CREATE (o)-[:CUSTOMER]->(c)")
            default:
                return Change(
                    sql: "UPDATE lines SET quantity = \(value) WHERE (region, no, product) = ('EU', \(order), 'P1')",
                    cypher: "MATCH (:Order {region: 'EU', no: \(order)})-[r:CONTAINS]->(:Product {code: 'P1'}) "
                        + "SET r.quantity = \(value)")
            }
        }
    }

    private static func replicate(_ shop: Shop, _ replication: Replication, seed: UInt64, until stop: StopSignal) throws
    {
        var random = SeededGenerator(seed: seed)
        let source = try PostgresConnection(
            PostgresConfiguration(shop.postgres.url(database: shop.database)), stop: nil)
        defer { source.close() }
        var configuration = try BoltConfiguration(url: shop.graph.boltURL)
        configuration.database = GraphServer.database
        let graph = try BoltChannel(configuration)
        defer { graph.close() }
        while !stop.isStopped {
            // A batch of the graph is behind PostgreSQL by several transactions.
            let changes = (0..<Int.random(in: 1...6, using: &random)).map { _ in Change.random(using: &random) }
            for change in changes {
                replication.begun.add(1, ordering: .sequentiallyConsistent)
                try source.execute(change.sql)
            }
            for change in changes { try graph.query(change.cypher) }
            replication.applied.add(changes.count, ordering: .sequentiallyConsistent)
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `while changes flow nothing but a real difference is found`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let shop = try await Shop(graph, database: "moving_\(kind.isNeo4j)_\(graph.port)")
            // Without it two MERGEs of the graph could not find their node, nor fast enough.
            try await graph.query("CREATE CONSTRAINT FOR (c:Customer) REQUIRE c.id IS UNIQUE")
            let replication = Replication()
            let stop = StopSignal()
            let seed: UInt64 = 4711
            async let writer: Void = DedicatedThread.run(name: "replicate") {
                try Self.replicate(shop, replication, seed: seed, until: stop)
            }
            defer { stop.stop() }
            try await eventually("changes flow") { replication.applied.load(ordering: .relaxed) > 50 }

            for _ in 0..<4 {
                let report = try await shop.verify { _ in replication.waitForGraph() }
                #expect(report.findings == [], "seed \(seed)")
                #expect(report.isEqual)
            }
            try await graph.query("MATCH (c:Customer {id: 50}) SET c.name = 'damaged'")
            try await graph.query(
                "MATCH (:Order {region: 'Übersee', no: 9})-[r:CONTAINS]->(:Product {code: 'P3'}) DELETE r")
            let report = try await shop.verify { _ in replication.waitForGraph() }
            #expect(
                report.findings.map(\.description) == [
                    "properties differ: Customer {id: 50} of public.customers: name",
                    "missing relationship: (:Order)-[:CONTAINS]->(:Product) {region: 'Übersee', no: 9 -> code: 'P3'} "
                        + "of public.lines",
                ])
            let before = replication.applied.load(ordering: .relaxed)
            try await eventually("changes still flow") { replication.applied.load(ordering: .relaxed) > before }
            stop.stop()
            try await writer
            try await shop.postgres.dropDatabase(shop.database)
        }
    }
}

extension MovingSidesTests {
    private func withShop(_ name: String, _ body: @concurrent (Shop) async throws -> Void) async throws {
        let kind = try #require(GraphServer.available.first ?? GraphServer.kinds.first)
        try await GraphServer.shared(kind) { graph in
            let shop = try await Shop(graph, database: name)
            try await body(shop)
            try await shop.postgres.dropDatabase(name)
        }
    }

    @Test func `a row that changes at every look is unsettled and no difference`() async throws {
        try await withShop("unsettled") { shop in
            let url = shop.postgres.url(database: shop.database)
            var limits = Verification.Limits()
            limits.rounds = 3
            try await shop.postgres.psql("UPDATE customers SET name = 'ahead' WHERE id = 7", database: shop.database)
            let report = try await shop.verify(limits: limits) { _ in
                let connection = try PostgresConnection(PostgresConfiguration(url), stop: nil)
                defer { connection.close() }
                try connection.execute("UPDATE customers SET name = name || '.' WHERE id = 7")
                return true
            }
            #expect(report.findings == [])
            #expect(report.tables.map(\.unsettled) == [1, 0, 0, 0, 0, 0])
            #expect(report.differences == 0)
        }
    }

    @Test func `a graph that is behind at first and catches up has no differences`() async throws {
        try await withShop("behind") { shop in
            try await shop.postgres.psql("UPDATE customers SET name = 'later' WHERE id > 30", database: shop.database)
            let calls = Atomic(0)
            let boltURL = shop.graph.boltURL
            let report = try await shop.verify { _ in
                // The first answer is a lie: what is suspected then has to be cleared by the second look.
                guard calls.add(1, ordering: .relaxed).newValue == 2 else { return true }
                var configuration = try BoltConfiguration(url: boltURL)
                configuration.database = GraphServer.database
                let channel = try BoltChannel(configuration)
                defer { channel.close() }
                try channel.query("MATCH (c:Customer) WHERE c.id > 30 SET c.name = 'later'")
                return true
            }
            #expect(report.findings == [])
            #expect(report.isEqual)
        }
    }

    @Test func `what cannot be verified is an error that says why`() async throws {
        try await withShop("errors") { shop in
            await #expect("the graph does not catch up") {
                _ = try await shop.verify { _ in false }
            } throws: { error in
                guard case .graphBehind? = (error as? VerifyError)?.kind else { return false }
                return "\(error)".contains("lockstep status")
            }
            struct Broken: Error {}
            await #expect("waiting fails") {
                _ = try await shop.verify { _ in throw Broken() }
            } throws: { error in
                if case .waiting? = (error as? VerifyError)?.kind { true } else { false }
            }
            let stop = StopSignal()
            await #expect("the stop signal is given") {
                _ = try await shop.verify(stop: stop) { _ in
                    stop.stop()
                    return false
                }
            } throws: { error in
                if case .stopped? = (error as? VerifyError)?.kind { true } else { false }
            }
            try await shop.postgres.psql("UPDATE customers SET born = 'infinity' WHERE id = 3", database: shop.database)
            await #expect("a value cannot go over") {
                _ = try await shop.verify()
            } throws: { error in
                guard case .value? = (error as? VerifyError)?.kind else { return false }
                return "\(error)".hasPrefix("public.customers, column born: ")
            }
            try await shop.postgres.psql("ALTER TABLE customers DROP COLUMN name", database: shop.database)
            await #expect("a column is gone") {
                _ = try await shop.verify()
            } throws: { error in
                guard case .postgres? = (error as? VerifyError)?.kind else { return false }
                return "\(error)".contains("public.customers")
            }
        }
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
