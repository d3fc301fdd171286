// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import TestServers
import TestSupport
import Testing

/// Indexes and constraints that the mapping file asks for.
@Suite(.oneAtATime, .postgres())
struct `The graph's schema as the file says` {
    private static let schema = """
        CREATE TABLE product (id int PRIMARY KEY, name text NOT NULL, about text, price int, spot point);
        CREATE TABLE category (id int PRIMARY KEY, name text, about text);
        CREATE TABLE chunk (id int PRIMARY KEY, embedding real[]);
        CREATE TABLE product_category (
            product int REFERENCES product, category int REFERENCES category, rank int, PRIMARY KEY (product, category));
        INSERT INTO product SELECT i, 'p' || i, 'about running ' || i, i % 10, point(i, 1) FROM generate_series(1, 300) i;
        INSERT INTO category SELECT i, 'c' || i, 'run' FROM generate_series(1, 5) i;
        INSERT INTO chunk SELECT i, ARRAY[i, 1, 2.5] FROM generate_series(1, 50) i;
        INSERT INTO product_category SELECT i, i % 5 + 1, i FROM generate_series(1, 300) i;
        """

    private static let first = """
        schema:
          indexes:
            - {label: Product, properties: [price]}
            - {type: text, label: Product, properties: [name]}
            - {type: fulltext, name: everything, labels: [Product, Category], properties: [name, about], analyzer: english}
            - {type: point, label: Product, properties: [spot]}
            - {type: vector, name: embeddings, label: Chunk, properties: [embedding], dimensions: 3}
            - {relationship: PRODUCT_CATEGORY, properties: [rank]}

        """

    /// One less, one with other settings, one that somebody else has, one more.
    private static let second = """
        schema:
          indexes:
            - {label: Product, properties: [price, name]}
            - {type: fulltext, name: everything, labels: [Product, Category], properties: [name, about], analyzer: german}
            - {type: point, label: Product, properties: [spot]}
            - {type: vector, name: embeddings, label: Chunk, properties: [embedding], dimensions: 3, similarity: euclidean}
            - {relationship: PRODUCT_CATEGORY, properties: [rank]}
            - {label: Category, properties: [about]}

        """

    private func edit(_ project: Project, _ schema: String) throws {
        try project.edit { text in
            let head = text.range(of: "\nschema:")?.lowerBound ?? text.endIndex
            text = text[..<head] + "\n" + schema
            text.replace("spot: spot ", with: "spot: {property: spot, as: point} ")
        }
    }

    /// Names and kinds of what no constraint owns.
    private func indexes(_ project: Project) async throws -> [String] {
        try await project.graph.query("SHOW INDEXES YIELD name, type, state, owningConstraint").rows.compactMap { row in
            guard row[3].isNull, row[1].stringValue != "LOOKUP", let name = row[0].stringValue,
                !name.hasPrefix("lockstep_key"), let type = row[1].stringValue, let state = row[2].stringValue
            else { return nil }
            return "\(name) \(type) \(state)"
        }.sorted()
    }

    @Test(arguments: GraphServer.kinds.filter { $0.isNeo4j })
    func `is made behind the first read, changed and dropped, and leaves alone what others made`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "schema", schema: Self.schema) { project in
            try await project.propose()
            try edit(project, Self.first)
            #expect(try await project.succeed("setup").contains("6 entries are made by `lockstep run`"))
            #expect(try await indexes(project).isEmpty)
            try await project.whileRunning { running in
                try await project.settle()
                try await eventually("all are there") {
                    try await indexes(project) == [
                        "embeddings VECTOR ONLINE", "everything FULLTEXT ONLINE",
                        "lockstep_point_Product_spot POINT ONLINE",
                        "lockstep_range_PRODUCT_CATEGORY_rank RANGE ONLINE",
                        "lockstep_range_Product_price RANGE ONLINE",
                        "lockstep_text_Product_name TEXT ONLINE",
                    ]
                }
                #expect(
                    try await project.cypher(
                        "CALL db.index.fulltext.queryNodes('everything', 'run') YIELD node RETURN count(node)") == "305"
                )
                #expect(
                    try await project.cypher(
                        "CALL db.index.vector.queryNodes('embeddings', 50, [7.0, 1.0, 2.5]) YIELD node RETURN count(node)"
                    )
                        == "50")
                try await project.sql("UPDATE product SET price = price + 1, name = name || 'x'")
                // Too long for the range index that comes later.
                try await project.sql("UPDATE product SET about = repeat('x', 9000) WHERE id = 7")
                try await project.settle()
                try await project.expectEqual("with indexes")
            }
            #expect(try await project.succeed("plan").contains("nothing: all 6 are there"))

            _ = try await project.graph.query("CREATE INDEX mine FOR (n:Category) ON (n.about)")
            _ = try await project.graph.query("CREATE INDEX other FOR (n:Category) ON (n.name)")
            try edit(project, Self.second)
            let plan = try await project.succeed("plan")
            for line in [
                "drop index on (:Product) {price} (lockstep_range_Product_price)",
                "drop text index on (:Product) {name} (lockstep_text_Product_name)",
                "create index on (:Product) {price, name} (lockstep_range_Product_price_name)",
                "change full-text index on (:Product|Category) {name, about} (everything): its settings are others",
                "change vector index on (:Chunk) {embedding} (embeddings): its settings are others",
            ] {
                #expect(plan.contains(line), "\(plan)")
            }
            #expect(!plan.contains("(:Category) {about}"))
            let check = try await project.lockstep("check").output
            #expect(check.contains("dropped and made anew"), "\(check)")
            try await project.succeed("setup")
            #expect(
                try await indexes(project) == [
                    "embeddings VECTOR ONLINE", "everything FULLTEXT ONLINE",
                    "lockstep_point_Product_spot POINT ONLINE",
                    "lockstep_range_PRODUCT_CATEGORY_rank RANGE ONLINE",
                    "lockstep_range_Product_price_name RANGE ONLINE", "mine RANGE ONLINE", "other RANGE ONLINE",
                ])
            #expect(try await project.succeed("plan").contains("nothing: all 6 are there"))

            try await expectRefusal(project)
            try await expectFailure(project)
            try await project.succeed("teardown", "--data")
            #expect(try await indexes(project) == ["mine RANGE ONLINE", "other RANGE ONLINE"])
            #expect(try await project.cypher("MATCH (n) RETURN count(n)") == "0")
        }
    }

    /// Community has no existence constraints: an error of `check`, and no obstacle to the rest.
    private func expectRefusal(_ project: Project) async throws {
        let more =
            "    - {label: Category, properties: [name]}\n  constraints: [{type: exists, label: Product, properties: [name]}]\n"
        try edit(project, Self.second + more)
        let check = try await project.lockstep("check")
        #expect(check.exit == .code(1) && check.output.contains("Community edition has no existence"), "\(check)")
        let setup = try await project.lockstep("setup")
        #expect(setup.exit == .code(1) && setup.errors.contains("the existence constraint"), "\(setup)")
        #expect(!setup.output.contains("made index"), "the index `other` serves: \(setup)")
    }

    /// A value that is too long for a range index, which then fails; the stream goes on.
    private func expectFailure(_ project: Project) async throws {
        try edit(project, Self.second + "    - {label: Product, properties: [about]}\n")
        try await project.whileRunning { running in
            try await running.says("lockstep_range_Product_about failed")
            try await project.sql("UPDATE product SET price = 77 WHERE id = 7")
            try await project.settle()
            try await project.expectEqual("beside a failed index")
        }
        let setup = try await project.lockstep("setup")
        #expect(setup.exit == .code(3) && setup.errors.contains("too large to index"), "\(setup)")
        let check = try await project.lockstep("check").output
        #expect(check.contains("the index lockstep_range_Product_about failed"), "\(check)")
    }

    @Test func `is named as lacking where the server has none of it`() async throws {
        try await Project.on(.arcadeDB, "schema", schema: Self.schema) { project in
            try await project.propose()
            try edit(project, Self.first)
            let check = try await project.lockstep("check")
            #expect(check.exit == .code(0) && check.output.contains("on ArcadeDB none is made"), "\(check)")
            try await project.whileRunning { running in
                try await project.settle()
                try await running.says("the vector index on (:Chunk) {embedding} cannot be made")
                try await project.expectEqual("without indexes")
            }
            #expect(try await project.succeed("setup").contains("on ArcadeDB none is made"))
            #expect(try await indexes(project).isEmpty)
        }
    }
}
