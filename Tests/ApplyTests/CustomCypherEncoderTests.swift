// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// When statements of somebody's own are run for rows, and for which.
struct `Cypher of a table's own` {
    private static let mapping: GraphMapping = {
        var mapping = Scene.mapping
        mapping.nodes[0].custom = CustomCypher(upsert: "MERGE (:Up {id: row.id})", delete: "MERGE (:Down {id: row.id})")
        return mapping
    }()
    private static let orders = Set([mapping.nodes[0].table])

    private let scene = Scene()

    private func encoded(_ encoder: BatchEncoder = BatchEncoder(mapping: mapping)) throws -> [String] {
        let node = Self.mapping.nodes[0]
        let own = try #require(node.custom)
        let names = [
            node.customStatement(.upsert, of: own): "own-upsert", node.customStatement(.delete, of: own): "own-delete",
            node.customStatement(.upsert, of: own, skipsGone: true): "own-upsert-unless-gone",
            node.customTruncateStatement(own): "own-truncate", node.truncateStatement(): "truncate",
        ]
        return try scene.encoded(by: encoder).map { text in
            let words = names.first { text.hasPrefix($0.key) }
            return words.map { $0.value + text.dropFirst($0.key.count) } ?? text
        }
    }

    private func pass(_ part: TableProgram.Part) -> BatchEncoder {
        BatchEncoder(mapping: Self.mapping, pass: part, of: TransactionSurvey(mapping: Self.mapping))
    }

    @Test func `is run for rows that went first of all, for those that came last of all`() throws {
        scene.insert(0, 1, "a", "b", 7)
        scene.delete(0, key: 2, nil, nil, nil)
        scene.delete(1, key: 9)
        #expect(
            try encoded() == [
                "own-delete [[2]]", "upsert-back [[1,a,b]]", "reference [[1,7]]", "delete [[2]]",
                "delete-customer [[9]]",
                "own-upsert [[1]]",
            ])
    }

    @Test func `sees the last of a row's states in a batch`() throws {
        scene.insert(0, 1, "a", "b", nil)
        scene.update(0, 1, "c", "b", nil)
        scene.insert(0, 2, "a", "b", nil)
        scene.delete(0, key: 2, nil, nil, nil)
        scene.delete(0, key: 3, nil, nil, nil)
        scene.insert(0, 3, "new", "b", nil)
        let found = try encoded()
        #expect(found.last == "own-upsert [[1],[3]]")
        #expect(!found.contains { $0.hasPrefix("own-delete") }, "\(found)")
    }

    @Test func `sees a changed key as one row that went and one that came`() throws {
        scene.update(0, key: [1, nil, nil, nil], 2, "a", .unchanged, nil)
        let found = try encoded()
        #expect(found.first == "own-delete [[1]]" && found.contains("move [[1,2]]") && found.last == "own-upsert [[2]]")
    }

    @Test func `takes a truncated table's rows before anything is truncated`() throws {
        scene.truncate(1)
        scene.truncate(0)
        scene.insert(0, 1, "a", "b", nil)
        let found = try encoded()
        #expect(found.first == "own-truncate []" && found.last == "own-upsert [[1]]", "\(found)")
        #expect(found.filter { $0.hasPrefix("own-") }.count == 2)
    }

    @Test func `has all of a row, whatever the version of the table carries`() throws {
        let text = """
            version: 1
            pipeline: p
            source: {url: "postgresql://u@h/d"}
            graph: {url: "bolt://h"}
            tables:
              public.notes:
                key: {id: id}
                properties: {body: body}
                cypher: {upsert: "MERGE (:A {id: row.id})", delete: "MATCH (a:A {id: row.id}) DELETE a"}
            """
        let file = try MappingFile.parse(Array(text.utf8), file: "m.yaml", environment: { _ in nil })
        let columns = [("id", 23), ("body", 25)].enumerated().map { index, column in
            var made = Catalog.Column(
                name: column.0, type: OID(rawValue: UInt32(column.1)), formattedType: "", isNotNull: true)
            made.number = Int16(index + 1)
            return made
        }
        let name = QualifiedName(schema: "public", name: "notes")
        let types = [23: "int4", 25: "text"].map { number, name in
            let oid = OID(rawValue: UInt32(number))
            return (oid, Catalog.DataType(oid: oid, schema: "pg_catalog", name: name, kind: .base))
        }
        let catalog = Catalog(
            serverVersion: 150_000, database: "d",
            tables: [
                Catalog.Table(
                    oid: 10, name: name, columns: columns, primaryKey: ["id"], uniqueKeys: [], foreignKeys: [])
            ],
            types: Dictionary(uniqueKeysWithValues: types))
        let evolution = SchemaEvolution(file, memory: [], catalog: catalog)
        let mapping = try evolution.file.resolve(against: catalog, evolution, memory: [], at: nil)
        let older = Relation(
            oid: 10, name: name, replicaIdentity: .default, columns: [Relation.Column(name: "id", type: 23)])
        let program = try #require(try TableProgram.make(for: older, mapping: mapping))
        #expect(program.properties.isEmpty)
        #expect(program.customText(.upsert).contains("WITH {`id`: n.`id`, `body`: n.`body`} AS row"))
    }

    @Test func `goes through a transaction in parts before nodes are written and behind them`() throws {
        func changes() {
            scene.insert(0, 1, "a", "b", 7)
            scene.delete(0, key: 2, nil, nil, nil)
            scene.update(0, key: [3, nil, nil, nil], 4, "c", "d", nil)
            scene.delete(1, key: 9)
        }
        changes()
        #expect(try encoded(pass(.retractions)) == ["own-delete [[2],[3]]"])
        changes()
        #expect(try encoded(pass(.nodes)).allSatisfy { !$0.hasPrefix("own-") })
        changes()
        #expect(try encoded(pass(.relationships)).last == "own-upsert-unless-gone [[1],[4]]")
        changes()
        #expect(try encoded(pass(.departures)).allSatisfy { !$0.hasPrefix("own-") })
    }

    @Test func `is run when all nodes are there, and at once where a load writes what it has not seen`() throws {
        scene.insert(0, 1, "a", "b", 7)
        #expect(try encoded(BatchEncoder(mapping: Self.mapping, part: .nodes)) == ["upsert-back [[1,a,b]]"])
        scene.insert(0, 1, "a", "b", 7)
        #expect(
            try encoded(BatchEncoder(mapping: Self.mapping, part: .relationships)) == [
                "reference [[1,7]]", "own-upsert [[1]]",
            ])
        scene.insert(0, 1, "a", "b", 7)
        #expect(
            try encoded(BatchEncoder(mapping: Self.mapping, part: .nodes, unsettled: Self.orders)) == [
                "upsert-back [[1,a,b]]", "own-upsert [[1]]",
            ])
        scene.delete(0, key: 1, nil, nil, nil)
        #expect(
            try encoded(BatchEncoder(mapping: Self.mapping, unsettled: Self.orders)) == [
                "own-delete [[1]]", "delete [[1]]",
            ])
    }

    @Test func `is named in an error, and the server's words are not`() {
        var error = ApplyError(.refused, code: "Neo.ClientError.Statement.TypeError", "of String(\"secret\")")
        error.concern(.delete)
        #expect(error.message.contains("cypher.delete") && error.message.contains("TypeError"))
        #expect(!error.message.contains("secret"))
        var passing = ApplyError(.graphUnavailable, "away")
        passing.concern(.delete)
        #expect(passing.message == "away")
    }
}
