// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import Testing

@testable import Pipeline

struct `A wanted schema against a graph` {
    private static let vector = SchemaItem(
        kind: .vector, name: "v", labels: ["Chunk"], properties: ["e"],
        options: [
            .init("vector.dimensions", .integer(3)), .init("vector.similarity_function", .string("cosine")),
        ])
    private static let range = SchemaItem(kind: .range, labels: ["A"], properties: ["x", "y"])

    private func entry(_ item: SchemaItem, name: String? = nil, _ configuration: [String: BoltValue] = [:])
        -> GraphSchema.Entry
    {
        GraphSchema.Entry(
            name: name ?? item.name, type: item.kind.rawValue.uppercased(), isOnNodes: item.isOnNodes,
            labels: item.labels, properties: item.properties, configuration: configuration)
    }

    private func live(dimensions: Int64 = 3, name: String? = nil) -> GraphSchema.Entry {
        entry(
            Self.vector, name: name,
            ["vector.dimensions": .integer(dimensions), "vector.similarity_function": "COSINE", "vector.hnsw.m": 16])
    }

    private func steps(
        _ wanted: [SchemaItem], _ indexes: [GraphSchema.Entry] = [], made: [SchemaItem] = [],
        product: GraphFacts.Product = .neo4j, release: [Int] = [5, 26, 31], edition: String? = "community"
    ) -> [SchemaStep] {
        SchemaComparison(
            wanted: wanted, live: GraphSchema(constraints: [], indexes: indexes), made: made.map { SchemaRecord($0) },
            server: .init(product: product, release: release, edition: edition)
        ).steps
    }

    @Test func `makes what is missing, also where only the record is there`() {
        #expect(steps([Self.range]).map(\.action) == [.create])
        #expect(steps([Self.range], made: [Self.range]).map(\.action) == [.create])
    }

    @Test func `keeps what is there, whoever made it`() {
        #expect(steps([Self.range, Self.vector], [entry(Self.range), live()]).map(\.action) == [.keep, .keep])
        #expect(steps([Self.range], [entry(Self.range, name: "theirs")]).map(\.action) == [.keep])
    }

    @Test func `changes its own only`() {
        let changed = steps([Self.vector], [live(dimensions: 4)], made: [Self.vector])
        #expect(changed.map(\.action) == [.change])
        #expect(changed[0].statements.map { String($0.prefix(12)) } == ["DROP INDEX `", "CREATE VECTO"])
        let refused = steps([Self.vector], [live(dimensions: 4)])
        #expect(refused.map(\.action) == [.refuse])
        #expect(refused[0].fix == "give it another name in the mapping, or DROP INDEX `v` IF EXISTS;")
        // Of that name, and made by somebody else in the place of its own.
        let moved = SchemaItem(kind: .vector, name: "v", labels: ["Other"], properties: ["e"])
        #expect(steps([Self.vector], [live(dimensions: 4)], made: [moved]).map(\.action) == [.refuse])
    }

    @Test func `drops what it made and the file names no more, and takes its place`() {
        var renamed = Self.vector
        renamed.name = "w"
        let steps = steps([renamed], [live()], made: [Self.vector])
        #expect(steps.map(\.action) == [.drop, .create])
        #expect(steps.flatMap(\.statements).map { String($0.prefix(11)) } == ["DROP INDEX ", "CREATE VECT"])
    }

    @Test func `refuses a named index that is there by another name`() {
        let refused = steps([Self.vector], [live(name: "theirs")])
        #expect(refused.map(\.action) == [.refuse])
        #expect(refused[0].fix == "say name: theirs in the mapping, or DROP INDEX `theirs` IF EXISTS;")
        #expect(steps([Self.range], [live(name: Self.range.name)]).map(\.action) == [.refuse])
    }

    @Test func `takes a union of types in any order`() {
        let typed = SchemaItem(
            kind: .typed, labels: ["A"], properties: ["x"], propertyType: "ZONED DATETIME | STRING")
        func action(_ type: String) -> SchemaStep.Action? {
            let entry = GraphSchema.Entry(
                name: typed.name, type: "NODE_PROPERTY_TYPE", isOnNodes: true, labels: ["A"], properties: ["x"],
                propertyType: type)
            return SchemaComparison(
                wanted: [typed], live: GraphSchema(constraints: [entry], indexes: []), made: [SchemaRecord(typed)],
                server: .init(product: .neo4j, release: [2026, 9], edition: "enterprise")
            ).steps.first?.action
        }
        #expect(action("STRING | ZONED DATETIME") == .keep)
        #expect(action("STRING") == .change)
        #expect(action("STRING | DATE") == .change)
    }

    @Test func `names what the server lacks`() {
        let exists = SchemaItem(kind: .exists, labels: ["A"], properties: ["x"])
        let community = steps([exists])[0]
        #expect(community.action == .refuse && community.reason?.contains("Community") == true && !community.isLacking)
        #expect(steps([exists], edition: "enterprise").map(\.action) == [.create])
        #expect(steps([Self.vector], release: [5, 12]).map(\.action) == [.refuse])
        #expect(steps([Self.vector], release: [2026, 9, 0]).map(\.action) == [.create])
        let arcade = steps([Self.range], product: .arcadeDB, release: [5, 26])[0]
        #expect(arcade.action == .refuse && arcade.isLacking)
    }
}
