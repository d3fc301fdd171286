// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// What nodes look up in other tables' rows: the encoder for those that have changed, the reach for rows that they name.
@Suite struct LookupEncoderTests {
    /// Orders look up the name of their customer, whose second column is another thing.
    private static func mapping(isEnforced: Bool = true) -> GraphMapping {
        var mapping = Scene.mapping
        let text = ValueConversion(source: .text, target: .string)
        let name = PropertyMapping(column: "name", property: "name", conversion: text, columnType: "text")
        mapping.nodes[1].properties = [name]
        let target = mapping.nodes[0].references[0].target
        mapping.nodes[0].references = []
        mapping.nodes[0].lookups = [
            LookupMapping(
                table: mapping.nodes[1].table, target: target, kept: ["_lockstep_customer"],
                properties: [LookupMapping.Property(property: "customer", source: name)], isEnforced: isEnforced)
        ]
        return mapping
    }

    private let scene = Scene()
    private let customers: UInt32
    private let full: UInt32

    init() {
        (customers, full) = scene.addTable("customers", ["id", "name", "age"])
    }

    private func encoded(_ encoder: BatchEncoder, _ mapping: GraphMapping) throws -> [String] {
        let node = mapping.nodes[0]
        let known = [
            node.lookUpStatement(node.lookups[0]): "look up", node.forgetStatement(node.lookups[0]): "forget",
            node.deleteStatement(): "delete", node.markGoneStatement(): "gone",
        ]
        defer { scene.buffer.removeAll() }
        return try encoder.encode(scene.buffer, 0..<scene.buffer.changes.count).compactMap { statement in
            try known[statement.text].map { "\($0) \(try rows(statement))" }
        }
    }

    private func rows(_ statement: EncodedStatement) throws -> String {
        try [statement].map { statement in
            var reader = PackStreamReader(statement.rows.bytes)
            let rows = try (0..<statement.rowCount).map { _ in try reader.readValue() }
            return rows.map { "[" + ($0.listValue ?? []).map(Self.text).joined(separator: ",") + "]" }.joined()
        }[0]
    }

    private static func text(_ value: BoltValue) -> String {
        value.integerValue.map { String($0) } ?? value.stringValue ?? "null"
    }

    private func reached(
        _ reach: RowReach, believes: Bool = true, unsettled: Set<QualifiedName> = []
    ) throws -> String {
        defer { scene.buffer.removeAll() }
        let rows = try reach.look(
            at: scene.buffer, 0..<scene.buffer.changes.count, committedAt: .zero, believes: believes,
            unsettled: unsettled)
        return try rows.statements(of: reach) { _ in "" }.map { try self.rows($0.statement) }.joined()
    }

    @Test func `a row looks up behind everything else, and again only where its columns change`() throws {
        let mapping = Self.mapping()
        let encoder = BatchEncoder(mapping: mapping)
        scene.insert(0, 1, "a", "b", 7)
        scene.insert(0, 2, "a", "b", nil)
        #expect(try encoded(encoder, mapping) == ["look up [1,7]"])
        scene.update(0, 1, "other", "b", 7)
        #expect(try encoded(encoder, mapping) == [])
        scene.update(0, 1, "other", "b", 8)
        scene.delete(0, key: 2, nil, nil, nil)
        #expect(try encoded(encoder, mapping) == ["delete [2]", "look up [1,8]"])
        scene.update(0, 1, "other", "b", nil)
        #expect(try encoded(encoder, mapping) == ["look up [1,null]"])
        scene.update(0, key: [1, nil, nil, nil], 3, "moved", "b", 9)
        #expect(try encoded(encoder, mapping) == ["look up [3,9]"])
    }

    @Test func `in parts a row that goes leaves nothing to the next one at its place`() throws {
        let mapping = Self.mapping()
        let encoder = BatchEncoder(mapping: mapping, pass: .relationships, of: TransactionSurvey(mapping: mapping))
        scene.delete(0, key: 1, nil, nil, nil)
        #expect(try encoded(encoder, mapping) == ["look up [1,null]"])
    }

    @Test func `a truncated table is forgotten where no constraint empties its holders`() throws {
        for isEnforced in [true, false] {
            let mapping = Self.mapping(isEnforced: isEnforced)
            scene.truncate(customers)
            #expect(try encoded(BatchEncoder(mapping: mapping), mapping) == (isEnforced ? [] : ["forget "]))
        }
    }

    @Test func `a row is reached when its value may have changed, and not when that is known`() throws {
        let reach = RowReach(mapping: Self.mapping())
        scene.update(customers, 7, "Ann", 30)
        #expect(try reached(reach) == "[7]")
        scene.update(customers, 7, "Ann", 31)
        #expect(try reached(reach) == "")
        scene.update(customers, 7, "Ann", 32)
        #expect(try reached(reach, believes: false) == "[7]")
        scene.update(customers, 7, "Ann", 33)
        #expect(try reached(reach, unsettled: [Self.mapping().nodes[1].table]) == "[7]")
        scene.update(customers, 7, "Bea", 33)
        #expect(try reached(reach) == "[7]")
        scene.update(full, full: [8, "Cid", 1], 8, "Cid", 2)
        #expect(try reached(reach) == "")
        scene.update(full, full: [8, "Cid", 2], 8, "Dan", 2)
        #expect(try reached(reach) == "[8]")
    }

    @Test func `a row is reached when it may give another label`() throws {
        var mapping = Self.mapping()
        let test = ColumnTest(
            column: "age", conversion: ValueConversion(source: .int4, target: .integer), values: ["2"],
            columnType: "integer")
        mapping.nodes[0].lookups[0].labels = [LookupMapping.Label(label: "Two", test: test, property: "age")]
        let reach = RowReach(mapping: mapping)
        scene.update(full, full: [8, "Cid", 1], 8, "Cid", 2)
        #expect(try reached(reach) == "[8]")
        scene.update(full, full: [8, "Cid", 2], 8, "Cid", 2)
        #expect(try reached(reach) == "")
    }

    @Test func `what the stream leaves out is as it was, and what came with it is not believed later`() throws {
        let reach = RowReach(mapping: Self.mapping())
        scene.update(customers, 7, .unchanged, 30)
        #expect(try reached(reach) == "")
    }

    @Test func `places that rows leave or take are reached`() throws {
        let reach = RowReach(mapping: Self.mapping())
        // With a constraint nobody names a row before it is there.
        scene.insert(customers, 1, "Ann", 1)
        #expect(try reached(reach) == "")
        scene.delete(customers, key: 1, nil, nil)
        scene.insert(customers, 1, "Bea", 1)
        #expect(try reached(reach) == "[1]")
        scene.update(customers, key: [1, nil, nil], 2, "Bea", 1)
        #expect(try reached(reach) == "[1][2]")
        let loose = RowReach(mapping: Self.mapping(isEnforced: false))
        scene.insert(customers, 1, "Ann", 1)
        #expect(try reached(loose) == "[1]")
    }

    @Test func `a row that counts no more is reached, although its values stay`() throws {
        var mapping = Self.mapping(isEnforced: false)
        mapping.nodes[1].rows.softDelete = ColumnTest(
            column: "age", conversion: ValueConversion(source: .text, target: .string), columnType: "int")
        let reach = RowReach(mapping: mapping)
        scene.update(full, full: [8, "Cid", nil], 8, "Cid", 2)
        #expect(try reached(reach) == "[8]")
    }
}
