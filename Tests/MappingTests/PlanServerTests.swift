// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import TestServers
import TestSupport
import Testing

@testable import Mapping

/// The proposal and the plan of a real catalog, and the plan's SQL run by the server that it is for.
@Suite(.postgres(), .serialized) struct PlanServerTests {
    private static let schema = #"""
        CREATE EXTENSION citext;
        CREATE DOMAIN amount AS numeric(10, 2);
        CREATE TYPE mood AS ENUM ('sad', 'glad');
        CREATE SCHEMA "schön";
        CREATE TABLE countries (id int PRIMARY KEY, code varchar(2) NOT NULL UNIQUE, t numeric);
        CREATE TABLE "schön"."City ""Ü""" (
            id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, country varchar(2) REFERENCES countries (code),
            host inet, spans interval[], n amount, ns numeric[], fixed char(5), feeling mood, "Größe: #1" int4range,
            twice int GENERATED ALWAYS AS (2) STORED);
        CREATE TABLE people (
            tenant int, id uuid, born_in int REFERENCES "schön"."City ""Ü""", boss uuid,
            PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, boss) REFERENCES people);
        CREATE TABLE visits (
            tenant int, person uuid, city int REFERENCES "schön"."City ""Ü""", price amount,
            PRIMARY KEY (tenant, city, person), FOREIGN KEY (tenant, person) REFERENCES people (tenant, id));
        CREATE TABLE measures (at date, sensor int, value float8, PRIMARY KEY (sensor, at)) PARTITION BY RANGE (at);
        CREATE TABLE measures_2024 PARTITION OF measures FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE TABLE log (line text);
        CREATE TABLE codes (code citext NOT NULL UNIQUE);
        ALTER TABLE codes REPLICA IDENTITY USING INDEX codes_code_key;
        INSERT INTO countries VALUES (1, 'de', 10.00), (2, 'fr', NULL);
        INSERT INTO "schön"."City ""Ü""" (country, host, spans, n, ns, fixed, feeling)
            VALUES ('de', '10.0.0.1', ARRAY[interval '1 year 2 days 3.5 s', NULL], 7, '{1.00,2}', 'ab', 'glad'),
                (NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('fr', '10.0.0.0/8', '{}', NULL, NULL, NULL, NULL);
        """#

    private func withCatalog(
        _ name: String, _ body: (Catalog, PostgresConnection) throws -> Void
    ) async throws {
        let server = PostgresServer.current
        try await server.createDatabase(name)
        let connection = try PostgresConnection(try PostgresConfiguration(server.url(database: name)))
        defer { connection.close() }
        try connection.execute(Self.schema)
        try body(try CatalogReader.read(connection), connection)
    }

    @Test func `the proposal for a real schema resolves, and its publication is accepted`() async throws {
        try await withCatalog("proposed") { catalog, connection in
            let proposal = Proposal(for: catalog)
            #expect(
                proposal.decisions == [
                    "public.codes -> (:Code) by (code), unique key, carried by the replica identity",
                    "public.countries -> (:Country) by (id), primary key",
                    "public.log: skipped, no primary key, and no unique key without NULLs",
                    "public.measures -> (:Measure) by (sensor, at), primary key",
                    "public.people -> (:Person) by (tenant, id), primary key; with [:BORN_IN], [:BOSS]",
                    "public.visits -> [:VISITS] from public.people to \"schön\".\"City \"\"Ü\"\"\": "
                        + "its primary key is made of the two foreign keys",
                    "\"schön\".\"City \"\"Ü\"\"\" -> (:CityÜ) by (id), primary key; with [:COUNTRY]",
                ])
            let file = try parsed(proposal.render(settings))
            #expect(file.tables == proposal.tables.map(\.entry))
            #expect(file.examine(against: catalog).faults.filter { $0.severity != .note } == [])
            let plan = Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
            try connection.execute(plan.publicationStatement)
            try connection.execute(plan.slotStatement)
            let published = try connection.query("SELECT count(*) FROM pg_publication_tables").first?[0]
            #expect(published == "6")
            _ = try connection.query("SELECT pg_drop_replication_slot($1)", [file.source.slot])
            // Every remedy that is whole SQL does what it says.
            try connection.execute("ALTER TABLE log ADD COLUMN id int NOT NULL UNIQUE")
            let changed = Proposal(for: try CatalogReader.read(connection))
            let remedy = try #require(changed.leftOut.compactMap(\.remedy).first)
            try connection.execute(remedy)
            #expect(Proposal(for: try CatalogReader.read(connection)).leftOut.isEmpty)
        }
    }

    @Test func `the SQL of the plan gives each value as it goes over`() async throws {
        try await withCatalog("planned") { catalog, connection in
            let text = Proposal(for: catalog).render(settings)
                .replacing("\n      \"n\": \"n\" ", with: "\n      n: {property: n, as: integer} ")
                .replacing("\n      ns: ns ", with: "\n      ns: {property: ns, as: list<integer>} ")
                .replacing("\n      t: t ", with: "\n      t: {property: t, as: integer} ")
            let file = try parsed(text)
            let plan = Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
            let document = try JSONSerialization.jsonObject(with: Data(plan.json.utf8)) as? [String: Any]
            let nodes = try #require(document?["nodes"] as? [[String: Any]])
            let relationships = try #require(document?["relationships"] as? [[String: Any]])

            let city = try #require(nodes.first { $0["labels"] as? [String] == ["CityÜ"] })
            let values = try rows(of: city, connection)
            #expect(
                values.map { $0.filter { !["größe1", "twice"].contains($0.key) } } == [
                    [
                        "id": "1", "host": "10.0.0.1", "spans": "{12|2|3500000,NULL}", "n": "7", "ns": "{1,2}",
                        "fixed": "ab", "feeling": "glad",
                    ],
                    ["id": "2", "host": nil, "spans": nil, "n": nil, "ns": nil, "fixed": nil, "feeling": nil],
                    [
                        "id": "3", "host": "10.0.0.0/8", "spans": "{}", "n": nil, "ns": nil, "fixed": nil,
                        "feeling": nil,
                    ],
                ])
            // By the unique key of a country, printed as its own key.
            let located = try #require(relationships.first { $0["type"] as? String == "COUNTRY" })
            let ends = try ["from", "to"].flatMap {
                try #require((located[$0] as? [String: Any])?["key"] as? [[String: Any]])
            }
            let query = try #require(located["select"] as? String)
            let found = try connection.query(
                "SELECT \(ends.map(Self.column).joined(separator: ", ")) FROM (\(query)) AS t ORDER BY 1")
            #expect(found.map { [$0[0], $0[1]] } == [["1", "1"], ["3", "2"]])
            for node in nodes { _ = try rows(of: node, connection) }
        }
    }

    /// As any reader of the contract would read a node's rows.
    private func rows(of node: [String: Any], _ connection: PostgresConnection) throws -> [[String: String?]] {
        let key = try #require(node["key"] as? [[String: Any]])
        let entries = key + (try #require(node["properties"] as? [[String: Any]]))
        let table = try #require(node["table"] as? String)
        let columns = entries.map(Self.column).joined(separator: ", ")
        return try connection.query("SELECT \(columns) FROM \(table) AS t ORDER BY 1").map { row in
            Dictionary(
                uniqueKeysWithValues: entries.enumerated().map { (($1["property"] as? String) ?? "", row[$0]) })
        }
    }

    private static func column(_ entry: [String: Any]) -> String {
        let name = entry["column"] as? String ?? ""
        let source = (entry["expression"] as? String).map { "(\($0))" } ?? "t.\(QualifiedName.quoted(name))"
        let isList = (entry["as"] as? String)?.hasPrefix("list<") == true
        return isList ? "(\(source))::text[]::text" : "(\(source))::text"
    }
}
