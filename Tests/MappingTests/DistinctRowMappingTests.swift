// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Tables without a key, whose nodes count equal rows.
@Suite struct DistinctRowMappingTests {
    private static let catalog = Catalog.of(
        .of("public.people", "id int4", key: ["id"]),
        .of(
            "public.log", "at timestamptz, who int4, what text, secret text",
            references: [.of(["who"], "public.people", ["id"])], identity: .full),
        .of("public.plain", "a text"), .of("public.keyed", "id int4, a text", key: ["id"]),
        .of("public.notes", "id int4, at timestamptz", key: ["id"]))

    private static let head =
        "version: 1\npipeline: p\nsource: {url: \"postgresql://h/d\"}\n"
        + "graph: {url: \"bolt://h\"}\ntables:\n  public.people: {label: Person, key: {id: id}}\n"

    private static func log(_ more: String = "") -> String {
        head + """
              public.log:
                label: Entry
                distinct: {digest: row, count: rows}
                properties: {what: what, at: at}
                relationships: [{type: BY, columns: [who], references: public.people}]
                exclude: [secret]

            """ + more
    }

    private func errors(_ yaml: String) -> [String] {
        let reading = MappingFile.read(Array(yaml.utf8), file: "f.yaml") { _ in nil }
        let faults = reading.file?.examine(against: Self.catalog).faults ?? reading.faults
        return faults.filter { $0.severity == .error }.map { "\($0.message); \($0.remedy ?? "")" }
    }

    private func mapping(_ yaml: String) throws -> Plan {
        let file = try MappingFile.parse(Array(yaml.utf8), file: "f.yaml") { _ in nil }
        return Plan(mapping: try file.resolve(against: Self.catalog), file: file, catalog: Self.catalog)
    }

    @Test func `every mapped column tells rows apart, in the table's order`() throws {
        let node = try #require(try mapping(Self.log()).mapping.nodes.last)
        #expect(node.distinct?.columns == ["at", "who", "what"])
        #expect(node.key.map(\.property) == ["row"])
        #expect(node.properties.map(\.property) == ["what", "at", "rows"])
    }

    @Test func `its statements change a count by a difference`() throws {
        let node = try #require(try mapping(Self.log()).mapping.nodes.last)
        #expect(
            node.countUpStatement() == "UNWIND $rows AS r MERGE (n:`Entry` {`row`: r[0]}) "
                + "SET n.`what` = r[1], n.`at` = r[2], n.`rows` = coalesce(n.`rows`, 0) + r[3]")
        #expect(
            node.countDownStatement(deletes: true) == "UNWIND $rows AS r MATCH (n:`Entry` {`row`: r[0]}) "
                + "SET n.`rows` = n.`rows` + r[1] WITH n WHERE n.`rows` <= 0 DETACH DELETE n")
        #expect(!node.countDownStatement(deletes: false).contains("DELETE"))
    }

    @Test func `the plan reads each distinct row with its digest and its count`() throws {
        let json = try mapping(Self.log()).json
        let digest = #"encode(sha256(convert_to(ROW(t.\"at\", t.\"who\", t.\"what\")::text, 'UTF8')), 'hex')"#
        #expect(json.contains(digest), "\(json)")
        #expect(json.contains(#"{"column": "_lockstep_digest", "property": "row", "as": "string"}"#))
        #expect(json.contains(#"{"column": "_lockstep_count", "property": "rows", "as": "integer"}"#))
        // Its relationships come from the same rows.
        #expect(json.ranges(of: "DISTINCT ON").count == 2)
        #expect(json.contains("count rows up") && !json.contains("drop stale BY"))
    }

    @Test func `its rows can be read by themselves, in parts`() throws {
        let node = try #require(try mapping(Self.log()).mapping.nodes.last)
        let columns = #"t."at", t."who", t."what""#
        let digest = "encode(sha256(convert_to(ROW(\(columns))::text, 'UTF8')), 'hex')"
        #expect(
            node.distinct?.uncountedRows(of: node.table, isPartitioned: false, where: "ctid < '(1,0)'")
                == "(SELECT \(columns), \(digest) AS \"_lockstep_digest\" "
                + "FROM ONLY \"public\".\"log\" AS t WHERE ctid < '(1,0)')")
        #expect(
            node.distinct?.uncountedRows(of: node.table, isPartitioned: true).hasSuffix(
                "FROM \"public\".\"log\" AS t)") == true)
    }

    @Test func `it needs the whole old row, names of its own, and nothing that refers to it`() {
        #expect(
            errors(Self.head + "  public.plain: {label: P, distinct: {digest: d, count: c}, properties: {a: a}}") == [
                "updates and deletes of public.plain do not carry the whole row, by which its nodes are counted; "
                    + "ALTER TABLE public.plain REPLICA IDENTITY FULL;"
            ])
        #expect(
            errors(Self.head + "  public.keyed: {label: K, distinct: {digest: d, count: c}, properties: {a: a}}").first?
                .hasSuffix("it has a key: (id)") == true)
        #expect(
            errors(Self.log().replacing("count: rows", with: "count: what")) == [
                "property what is filled from what and what; "
            ])
        #expect(
            errors(Self.log().replacing("{digest: row, count: rows}", with: "{digest: row}")) == [
                "distinct has no count; "
            ])
        #expect(errors(Self.log().replacing("label: Entry", with: "label: Entry\n    key: {at: at}")).count == 1)
        #expect(
            errors(
                Self.log(
                    "  public.notes: {label: Note, key: {id: id}, relationships: "
                        + "[{type: IN, columns: [at], references: public.log, enforced: false}]}")
            ).first?.hasPrefix("the nodes of public.log count equal rows") == true)
    }
}
