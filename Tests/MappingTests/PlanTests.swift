// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import Testing

@testable import Mapping

struct PlanTests {
    private static let catalog = Catalog.of(
        .of(
            "public.countries", "id int4, code text!", key: ["id"],
            unique: [.init(indexName: "u", columns: ["code"])]),
        .of(
            "public.\"City \"\"Ü\"\"\"",
            "id int4, j1_id text, country text, host inet, spans interval[], n numeric, "
                + "ns int4[]", key: ["id"],
            references: [.of(["country"], "public.countries", ["code"])]),
        .of(
            "public.people", "id uuid, born_in int4", key: ["id"],
            references: [.of(["born_in"], "public.\"City \"\"Ü\"\"\"", ["id"])]),
        .of(
            "public.visits", "person uuid, city int4, price numeric.2", key: ["person", "city"],
            references: [
                .of(["person"], "public.people", ["id"]), .of(["city"], "public.\"City \"\"Ü\"\"\"", ["id"]),
            ]),
        version: 180_000)

    private static let text =
        head + #"""
              public.countries: {label: Country, key: {id: countryId}, properties: {code: code}}
              public."City ""Ü""":
                labels: [City, Place]
                key: {id: id}
                properties:
                  host: host
                  spans: spans
                  n: {property: n, as: integer}
                  ns: numbers
                relationships:
                  - {type: IN, columns: [country], references: public.countries}
              public.people:
                label: Person
                key: {id: id}
                relationships:
                  - {type: BIRTHPLACE_OF, columns: [born_in], references: public."City ""Ü""", reversed: true}
              public.visits:
                relationship: VISITED
                from: {columns: [person], references: public.people}
                to: {columns: [city], references: public."City ""Ü"""}
                properties: {price: {property: price, as: float}}
            """#

    private func plan() throws -> Plan {
        let file = try parsed(Self.text)
        return Plan(mapping: try file.resolve(against: Self.catalog), file: file, catalog: Self.catalog)
    }

    private func document() throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(try plan().json.utf8))
        return try #require(value as? [String: Any])
    }

    /// A part of the document as canonical JSON.
    private func canonical(_ value: Any?) throws -> String {
        let data = try JSONSerialization.data(
            withJSONObject: try #require(value), options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    private func expect(_ value: Any?, _ json: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let expected = try JSONSerialization.jsonObject(with: Data(json.utf8))
        #expect(try canonical(value) == canonical(expected), sourceLocation: sourceLocation)
    }

    @Test func `nodes are as the contract says`() throws {
        let nodes = try #require(try document()["nodes"] as? [Any])
        try expect(
            nodes[0],
            #"""
            {"table": "\"public\".\"countries\"", "where": null, "labels": ["Country"],
             "key": [{"column": "id", "property": "countryId", "as": "integer"}],
             "properties": [{"column": "code", "property": "code", "as": "string"}]}
            """#)
        let months = "extract(year FROM v) * 12 + extract(month FROM v)"
        let clock =
            "extract(hour FROM v) * 3600000000 + extract(minute FROM v) * 60000000 + extract(microseconds FROM v)"
        try expect(
            nodes[1],
            #"""
            {"table": "\"public\".\"City \"\"Ü\"\"\"", "where": null, "labels": ["City", "Place"],
             "key": [{"column": "id", "property": "id", "as": "integer"}],
             "properties": [
               {"column": "host", "property": "host", "as": "string",
                "expression": "CASE WHEN t.\"host\" IS NOT NULL THEN format('%s', t.\"host\") END"},
               {"column": "spans", "property": "spans", "as": "list<duration>",
                "expression": "CASE WHEN t.\"spans\" IS NOT NULL THEN ARRAY(SELECT (\#(months))::bigint || '|' || extract(day FROM v)::bigint || '|' || (\#(clock))::bigint FROM unnest(t.\"spans\") WITH ORDINALITY AS e(v, i) ORDER BY i) END"},
               {"column": "n", "property": "n", "as": "integer", "expression": "t.\"n\"::bigint"},
               {"column": "ns", "property": "numbers", "as": "list<integer>"}]}
            """#)
        #expect(nodes.count == 3)
    }

    @Test func `relationships name their ends by the keys of the nodes`() throws {
        let relationships = try #require(try document()["relationships"] as? [Any])
        #expect(relationships.count == 3)
        // By another unique key: joined. A reversed one swaps its ends.
        try expect(
            relationships[0],
            #"""
            {"type": "IN",
             "select": "SELECT s.*, j1.\"id\" AS \"j1_id_\" FROM \"public\".\"City \"\"Ü\"\"\" AS s JOIN \"public\".\"countries\" AS j1 ON j1.\"code\" = s.\"country\"",
             "from": {"label": "City", "key": [{"column": "id", "property": "id", "as": "integer"}]},
             "to": {"label": "Country", "key": [{"column": "j1_id_", "property": "countryId", "as": "integer"}]},
             "properties": []}
            """#)
        try expect(
            relationships[1],
            #"""
            {"type": "BIRTHPLACE_OF", "table": "\"public\".\"people\"", "where": null,
             "from": {"label": "City", "key": [{"column": "born_in", "property": "id", "as": "integer"}]},
             "to": {"label": "Person", "key": [{"column": "id", "property": "id", "as": "string"}]},
             "properties": []}
            """#)
        try expect(
            relationships[2],
            #"""
            {"type": "VISITED", "table": "\"public\".\"visits\"", "where": null,
             "from": {"label": "Person", "key": [{"column": "person", "property": "id", "as": "string"}]},
             "to": {"label": "City", "key": [{"column": "city", "property": "id", "as": "integer"}]},
             "properties": [{"column": "price", "property": "price", "as": "float"}]}
            """#)
    }

    @Test func `what is created and every statement are in it`() throws {
        let document = try document()
        #expect(document["format"] as? Int == 1)
        #expect(document["pipeline"] as? String == "p")
        let plan = try plan()
        let constraints = try #require(document["constraints"] as? [[String: String]])
        #expect(constraints.map { $0["statement"] } == plan.mapping.constraints.map(\.statement))
        let statements = try #require(document["statements"] as? [[String: String]])
        #expect(statements.map { $0["cypher"] } == plan.statements.map(\.cypher))
        // Three nodes with four each, two references with two and one of them, by a unique column, with two more, a join
        // with four; and for transactions that are applied in parts five for each node, but for one without properties, two for
        // the one that is named by a unique column, and one for the join; and for loads one for each node, for what is left
        // over, and one for each reference and the join, for what is there twice.
        #expect(statements.count == 22 + 3 * 5 - 1 + 2 + 1 + 3 + 2 + 1)
        let source = try #require(document["source"] as? [String: Any])
        #expect(source["slot"] as? String == "lockstep_p")
        #expect(source["statements"] as? [String] == [plan.publicationStatement, plan.slotStatement])
    }

    @Test func `the text shows tables, statements and what is created`() throws {
        let text = try plan().text
        #expect(
            text.hasPrefix(
                "Pipeline p: database sample -> bolt://h\n\nIn PostgreSQL:\n  CREATE PUBLICATION \"lockstep_p\""))
        for line in [
            "  SELECT pg_create_logical_replication_slot('lockstep_p', 'pgoutput');",
            "public.\"City \"\"Ü\"\"\" -> (:City:Place)", "  key id (integer) -> id (integer)",
            "  n (numeric) -> n (integer)", "  country: (:City)-[:IN]->(:Country)",
            "  born_in: (:Person)<-[:BIRTHPLACE_OF]-(:City)", "public.visits -> (:Person)-[:VISITED]->(:City)",
            "  (:City) by city", "  upsert relationship:",
        ] {
            #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)")
        }
        for statement in try plan().statements { #expect(text.contains("\n    \(statement.cypher)\n")) }
    }

    @Test func `the publication carries partitions by their root and generated columns where it can`() throws {
        let table = Catalog.Table.of("public.t", "id int4, total int4=", key: ["id"])
        func statement(_ version: Int, _ total: String) throws -> String {
            let catalog = Catalog.of(table, version: version)
            let file = try parsed(head + "  public.t: {label: T, key: {id: id}, \(total)}")
            return Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog).publicationStatement
        }
        #expect(
            try statement(150_000, "exclude: [total]") == """
                CREATE PUBLICATION "lockstep_p" FOR TABLE
                  "public"."t"
                  WITH (publish_via_partition_root = true)
                """)
        #expect(try statement(180_000, "exclude: [total]").hasSuffix("WITH (publish_via_partition_root = true)"))
        #expect(
            try statement(180_000, "properties: {total: total}").hasSuffix(
                "WITH (publish_via_partition_root = true, publish_generated_columns = stored)"))
    }

    @Test func `a parent stands for its own rows only, wherever it is named`() throws {
        var mother = Catalog.Table.of(
            "public.mother", "id int4, code text!", key: ["id"], unique: [.init(indexName: "u", columns: ["code"])])
        mother.hasChildren = true
        let catalog = Catalog.of(
            mother, .of("public.child", "id int4, code text", key: ["id"]),
            .of(
                "public.toy", "id int4, owner text", key: ["id"],
                references: [.of(["owner"], "public.mother", ["code"])]))
        let file = try parsed(
            head + """
                  public.mother: {labels: [Mother, Person, {column: code, label: Coded}], key: {id: id}, properties: {code: code}}
                  public.child: {labels: [Child, Person], key: {id: id}}
                  public.toy:
                    label: Toy
                    key: {id: id}
                    relationships: [{type: OWNER, columns: [owner], references: public.mother}]
                """)
        let plan = Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(plan.json.utf8)) as? [String: Any])
        let nodes = try #require(document["nodes"] as? [[String: Any]])
        let relationships = try #require(document["relationships"] as? [[String: Any]])
        #expect(
            (nodes + relationships).map { $0["select"] as? String ?? $0["table"] as? String } == [
                #"SELECT * FROM ONLY "public"."mother" AS t"#,
                #"SELECT * FROM ONLY "public"."mother" AS t WHERE ("code" IS NOT NULL)"#, #""public"."child""#,
                #""public"."toy""#,
                #"SELECT s.*, j1."id" AS "j1_id" FROM "public"."toy" AS s JOIN ONLY "public"."mother" AS j1 "#
                    + #"ON j1."code" = s."owner""#,
            ])
        // Published alone: what inherits from it may have no key, and its updates would be refused.
        #expect(
            plan.publicationStatement.split(separator: "\n")[1...3] == [
                #"  ONLY "public"."mother","#, #"  "public"."child","#, #"  "public"."toy""#,
            ])
        let name = QualifiedName(schema: "public", name: "mother")
        #expect(
            plan.alterStatement([name], present: [name])
                == #"ALTER PUBLICATION "lockstep_p" DROP TABLE ONLY "public"."mother"; "#
                + #"ALTER PUBLICATION "lockstep_p" ADD TABLE ONLY "public"."mother""#)
    }

    @Test func `JSON text holds any string`() throws {
        let odd = "\u{0}\u{1F}\"\\/\n\t\r\u{7F}ü🚀\u{2028}"
        let text = JSONText.object([
            (odd, .array([.string(odd), .null, .bool(true), .number(-7), .array([]), .object([])]))
        ]).text()
        let value = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [Any]])
        let items = try #require(value[odd])
        #expect(items[0] as? String == odd)
        #expect(items[1] is NSNull)
        #expect(items[3] as? Int == -7)
    }
}
