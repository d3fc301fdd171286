// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Verify

/// The statements sent to either side.
struct ComparisonTests {
    private static let mapping: GraphMapping = {
        func property(_ column: String, as name: String, isPrinted: Bool = false) -> PropertyMapping {
            PropertyMapping(
                column: column, property: name,
                conversion: ValueConversion(
                    source: isPrinted ? .printed : .int4, target: isPrinted ? .string : .integer),
                columnType: "unused")
        }
        let order = NodeMapping(
            table: QualifiedName(schema: "s", name: "Order \"Details\""), labels: ["Order", "Doc", "Old"],
            key: [property("Region", as: "region"), property("no", as: "n`o")],
            properties: [property("span", as: "span", isPrinted: true)],
            references: [
                ReferenceMapping(
                    type: "OF", target: RelationshipEnd(label: "Party", key: [property("party", as: "code")]),
                    isReversed: true)
            ])
        let party = NodeMapping(
            table: QualifiedName(schema: "s", name: "parties"), labels: ["Party"], key: [property("id", as: "id")],
            properties: [property("code_no", as: "code")], references: [])
        return GraphMapping(pipeline: "p", nodes: [order, party], joins: [])
    }()

    private let comparisons = Comparison.all(of: mapping)

    @Test func `nodes come first, then relationships`() {
        #expect(comparisons.map(\.what) == ["Order", "Party", "(:Party)-[:OF]->(:Order)"])
        #expect(comparisons.map(\.isNode) == [true, true, false])
    }

    @Test func `a node is read by its own rows and its label`() {
        let node = comparisons[0]
        #expect(
            node.copyStatement(partitioned: []) == """
                COPY (SELECT t."Region", t."no", CASE WHEN t."span" IS DISTINCT FROM NULL THEN pg_catalog.concat(t."span") \
                END FROM ONLY "s"."Order \"\"Details\"\"\" AS t) TO STDOUT (FORMAT binary)
                """)
        #expect(
            node.copyStatement(
                withProperties: false, withVersion: true, partitioned: [node.table],
                keys: [["'1'", "'2'"], ["'3'", "'4'"]])
                    == """
                    COPY (SELECT t."Region", t."no", pg_catalog.concat(t.tableoid, ' ', t.ctid, ' ', t.xmin) \
                    FROM "s"."Order \"\"Details\"\"\" AS t WHERE (t."Region", t."no") IN (('1', '2'), ('3', '4'))) \
                    TO STDOUT (FORMAT binary)
                    """)
        #expect(
            node.scanQuery
                == "MATCH (n:`Order`) RETURN n.`region`, n.`n``o`, n.`span`, n:`Doc` AND n:`Old`")
        #expect(
            node.lookupQuery
                == "UNWIND $keys AS k MATCH (n:`Order` {`region`: k[0], `n``o`: k[1]}) "
                + "RETURN properties(n), [n:`Doc` AND n:`Old`]")
    }

    @Test func `a reversed reference is read from the holder's rows whose target is there`() {
        let reference = comparisons[2]
        #expect(reference.lookup == [1, 2], "the holder's key stands behind the target's")
        #expect(
            reference.copyStatement(withProperties: false, partitioned: [], keys: [["'1'", "'2'"]]) == """
                COPY (SELECT t."party", t."Region", t."no" FROM ONLY "s"."Order \"\"Details\"\"\" AS t \
                WHERE t."party" IS NOT NULL AND t."Region" IS NOT NULL AND t."no" IS NOT NULL \
                AND EXISTS (SELECT FROM ONLY "s"."parties" AS o WHERE o."code_no" = t."party") \
                AND (t."Region", t."no") IN (('1', '2'))) TO STDOUT (FORMAT binary)
                """)
        #expect(
            reference.scanQuery
                == "MATCH (a:`Party`)-[r:`OF`]->(b:`Order`) RETURN a.`code`, b.`region`, b.`n``o`")
        #expect(
            reference.lookupQuery
                == "UNWIND $keys AS k MATCH (a:`Party` {`code`: k[0]}) "
                + "MATCH (b:`Order` {`region`: k[1], `n``o`: k[2]}) OPTIONAL MATCH (a)-[r:`OF`]->(b) "
                + "WITH a, b, r WHERE r IS NOT NULL RETURN properties(a), properties(b), properties(r)")
        #expect(reference.printedKey([.integer(1), .integer(2), .integer(3)]) == "code: 1 -> region: 2, n`o: 3")
    }

    @Test func `a label by a row that is looked up is one more flag, and each such row counts in the version once`() {
        var mapping = Self.mapping
        let code = mapping.nodes[1].properties[0]
        let test = ColumnTest(column: "code_no", conversion: code.conversion, values: ["7"], columnType: "integer")
        mapping.nodes[0].lookups = [
            LookupMapping(
                table: mapping.nodes[1].table,
                target: RelationshipEnd(label: "Party", key: [mapping.nodes[1].key[0]]), kept: ["_lockstep_id"],
                properties: [LookupMapping.Property(property: "party", source: code)],
                labels: [LookupMapping.Label(label: "Seven", test: test, property: "code")], isEnforced: false)
        ]
        mapping.nodes[1].rows.filter = "id > 0"
        let node = Comparison.all(of: mapping)[0]
        let statement = node.copyStatement(withVersion: true, partitioned: [])
        #expect(
            statement.contains(
                """
                coalesce((SELECT true FROM (SELECT * FROM ONLY "s"."parties" WHERE (id > 0) AND ("code_no" IN ('7'))) \
                AS l WHERE l."id" = t."id"), false)
                """), "\(statement)")
        #expect(statement.split(separator: "l.xmin").count == 2, "\(statement)")
        #expect(node.scanQuery.hasSuffix("n.`party`, n:`Doc` AND n:`Old`, n:`Seven`"), "\(node.scanQuery)")
    }
}
