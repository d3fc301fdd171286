// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing

@testable import Pipeline

@Suite(.postgres(), .serialized) struct `A new table that the role has no rights on` {
    private static let setup = """
        CREATE ROLE follower LOGIN; CREATE ROLE maker;
        GRANT CREATE, USAGE ON SCHEMA public TO follower, maker; GRANT CREATE ON DATABASE adoption TO follower, maker;
        CREATE SCHEMA closed; GRANT USAGE, CREATE ON SCHEMA closed TO maker;
        SET ROLE maker;
        CREATE TABLE unread (id int PRIMARY KEY); CREATE TABLE unpublished (id int PRIMARY KEY);
        CREATE TABLE published (id int PRIMARY KEY); CREATE TABLE veiled (id int PRIMARY KEY);
        CREATE TABLE closed.inside (id int PRIMARY KEY);
        GRANT SELECT ON unpublished, published, veiled, closed.inside TO follower;
        ALTER TABLE veiled ENABLE ROW LEVEL SECURITY;
        CREATE PUBLICATION made FOR TABLE published, veiled;
        SET ROLE follower;
        CREATE TABLE own (id int PRIMARY KEY);
        CREATE PUBLICATION followed FOR TABLE own;
        RESET ROLE;
        CREATE PUBLICATION everything FOR ALL TABLES;
        """

    /// The first words of what stands in the way of each.
    private func obstacles(_ publication: String, of connection: PostgresConnection) throws -> [String: String] {
        let tables = try CatalogReader.read(connection).tables
        let found = try AdoptionObstacles.find(tables, publication: publication, connection)
        return Dictionary(
            uniqueKeysWithValues: tables.compactMap { table in
                found[table.oid].map { (table.name.name, String($0.prefix { $0 != "(" })) }
            })
    }

    @Test func `stays out, and the reason says what to do`() async throws {
        let server = PostgresServer.current
        try await server.createDatabase("adoption")
        try PostgresConnection(PostgresConfiguration(server.url(database: "adoption"))).execute(Self.setup)
        let connection = try PostgresConnection(
            PostgresConfiguration(server.url(database: "adoption", user: "follower")))
        defer { connection.close() }
        let unread = ["unread": "the role may not read it ", "inside": "the role may not read it "]
        let veiled = ["veiled": "row security hides rows of it from the role"]
        let foreign = "only its owner can publish it "
        let always = unread.merging(veiled) { $1 }
        #expect(try obstacles("everything", of: connection) == always)
        #expect(
            try obstacles("followed", of: connection)
                == always.merging(["unpublished": foreign, "published": foreign]) { $1 })
        // What it holds already is no matter of rights; nor is a publication that is still to be made, for one's own tables.
        #expect(
            try obstacles("made", of: connection) == always.merging(["unpublished": foreign, "own": foreign]) { $1 })
        #expect(
            try obstacles("none", of: connection)
                == always.merging(["unpublished": foreign, "published": foreign]) { $1 })
    }
}
