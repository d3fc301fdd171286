// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// Rows that are as good as deleted, labels by columns, and derived properties: what the encoder makes of tuples.
@Suite struct RowRuleEncoderTests {
    private static let mapping: GraphMapping = {
        var mapping = Scene.mapping
        let text = ValueConversion(source: .text, target: .string)
        // Orders whose note is "gone" do not count.
        mapping.nodes[0].rows.softDelete = ColumnTest(
            column: "note", conversion: text, values: ["gone"], columnType: "text")
        mapping.nodes[0].conditionalLabels = [
            ConditionalLabel(
                label: "Big",
                test: ColumnTest(column: "note", conversion: text, values: ["big", "huge"], columnType: "text"))
        ]
        let note = PropertyMapping(column: "note", property: "", conversion: text, columnType: "text")
        mapping.nodes[0].extra.derived = [
            DerivedProperty(property: "title", parts: [.words("<"), .column(note, otherwise: nil), .words(">")])
        ]
        return mapping
    }()

    /// Kinds of statements by how their text begins behind the match, with their rows.
    private func encoded(_ scene: Scene, _ encoder: BatchEncoder) throws -> [String] {
        let node = Self.mapping.nodes[0]
        let known = [
            node.upsertStatement(properties: [0, 1, 2]): "plain",
            node.upsertStatement(properties: [0, 1, 2], holding: 1): "big",
            node.deleteStatement(): "delete", node.staleStatement(reference: node.references[0]): "stale",
            node.referenceStatement(reference: node.references[0]): "reference",
        ]
        defer { scene.buffer.removeAll() }
        return try encoder.encode(scene.buffer, 0..<scene.buffer.changes.count).map { statement in
            var reader = PackStreamReader(statement.rows.bytes)
            let rows = try (0..<statement.rowCount).map { _ in try reader.readValue() }
            return (known[statement.text] ?? statement.text) + " " + rows.map(text).joined()
        }
    }

    private func text(_ value: BoltValue) -> String {
        switch value {
        case .list(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .string(let string): string
        case .integer(let number): String(number)
        default: "null"
        }
    }

    @Test func `a soft delete is a delete, and what happens to the row then is nothing`() throws {
        let (scene, encoder) = (Scene(), BatchEncoder(mapping: Self.mapping))
        let full = Scene.deferrable
        scene.insert(full, 1, "a", "b", 7)
        scene.insert(full, 2, "gone", "b", 7)
        #expect(try encoded(scene, encoder) == ["plain [1,a,b,<a>]", "reference [1,7]"])
        scene.update(full, full: [1, "a", "b", 7], 1, "gone", "b", 7)
        scene.update(full, full: [2, "gone", "b", 7], 2, "gone", "c", 8)
        #expect(try encoded(scene, encoder) == ["delete [1]"])
        scene.delete(full, full: 2, "gone", "c", 8)
        #expect(try encoded(scene, encoder) == [])
    }

    @Test func `a row that comes back is new, with what the old tuple has of it`() throws {
        let (scene, encoder) = (Scene(), BatchEncoder(mapping: Self.mapping))
        let full = Scene.deferrable
        scene.insert(full, 1, "a", "long", 7)
        _ = try encoded(scene, encoder)
        scene.update(full, full: [1, "a", "long", 7], 1, "gone", .unchanged, 7)
        _ = try encoded(scene, encoder)
        scene.update(full, full: [1, "gone", "long", 7], 1, nil, .unchanged, 7)
        #expect(try encoded(scene, encoder) == ["plain [1,null,long,null]", "reference [1,7]"])
    }

    @Test func `without the old tuple every update writes the relationships as if the row were new`() throws {
        let (scene, encoder) = (Scene(), BatchEncoder(mapping: Self.mapping))
        scene.insert(0, 1, "a", "b", 7)
        _ = try encoded(scene, encoder)
        scene.update(0, 1, "a", "c", 7)
        #expect(try encoded(scene, encoder) == ["plain [1,a,c,<a>]", "stale [1,7]", "reference [1,7]"])
        scene.update(0, 1, "gone", "c", 7)
        #expect(try encoded(scene, encoder) == ["delete [1]"])
        scene.update(0, 1, "a", .unchanged, 7)
        #expect(throws: ApplyError.self) { try encoded(scene, encoder) }
    }

    @Test func `a label follows its column, each set of labels by a statement of its own`() throws {
        let (scene, encoder) = (Scene(), BatchEncoder(mapping: Self.mapping))
        scene.insert(0, 1, "huge", "b", nil)
        scene.insert(0, 2, nil, "b", nil)
        scene.insert(0, 3, "big", "b", nil)
        #expect(
            try encoded(scene, encoder) == ["big [1,huge,b,<huge>][3,big,b,<big>]", "plain [2,null,b,null]"])
    }
}
