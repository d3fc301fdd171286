// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// What each pass over a transaction that is applied in parts makes of its changes.
@Suite struct PartEncoderTests {
    private static func encoder(
        _ part: TableProgram.Part, _ survey: TransactionSurvey = TransactionSurvey(mapping: Scene.mapping)
    ) -> BatchEncoder {
        BatchEncoder(mapping: Scene.mapping, pass: part, of: survey)
    }

    @Test func `nodes are written, or marked where their rows go, and never moved`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", 7)
        scene.delete(0, key: 2, nil, nil, nil)
        scene.update(0, key: [3, nil, nil, nil], 4, "c", "d", 8)
        scene.delete(1, key: 5)
        scene.insert(2, 1, 7, "w")
        #expect(
            try scene.encoded(by: Self.encoder(.nodes)) == [
                "upsert-back [[1,a,b],[4,c,d]]", "gone [[2],[3]]", "gone-customer [[5]]",
            ])
    }

    @Test func `a row that comes back in a later part loses its mark`() throws {
        let scene = Scene()
        let encoder = Self.encoder(.nodes)
        scene.delete(0, key: 1, nil, nil, nil)
        #expect(try scene.encoded(by: encoder) == ["gone [[1]]"])
        scene.insert(0, 1, "a", "b", 7)
        #expect(try scene.encoded(by: encoder) == ["upsert-back [[1,a,b]]"])
    }

    @Test func `a changed key takes along what the stream leaves out`() throws {
        let scene = Scene()
        scene.update(0, key: [3, nil, nil, nil], 4, "c", .unchanged, 8)
        #expect(
            try scene.encoded(by: Self.encoder(.nodes)) == ["carry [[3,4]]", "upsert-note-back [[4,c]]", "gone [[3]]"])
    }

    @Test func `relationships are made anew behind a delete of an earlier part, and only then`() throws {
        let scene = Scene()
        let encoder = Self.encoder(.relationships)
        scene.insert(0, 1, "a", "b", 7)
        #expect(try scene.encoded(by: encoder) == ["reference [[1,7]]"])
        scene.delete(0, key: 1, nil, nil, nil)
        #expect(try scene.encoded(by: encoder) == ["stale [[1,null]]"])
        scene.insert(0, 1, "a", "b", 7)
        #expect(try scene.encoded(by: encoder) == ["reference [[1,7]]"])
        scene.update(0, 1, "z", "b", 7)
        #expect(try scene.encoded(by: encoder) == [])
        scene.update(0, 1, "z", "b", 8)
        #expect(try scene.encoded(by: encoder) == ["stale [[1,8]]", "reference [[1,8]]"])
    }

    @Test func `a changed key leaves its relationship at the old place and makes it at the new one`() throws {
        let scene = Scene()
        scene.update(0, key: [3, nil, nil, nil], 4, "c", "d", 8)
        #expect(
            try scene.encoded(by: Self.encoder(.relationships)) == ["stale [[3,null],[4,8]]", "reference [[4,8]]"])
    }

    @Test func `join rows come with the relationships`() throws {
        let scene = Scene()
        scene.insert(2, 1, 7, "w")
        scene.delete(2, key: 1, 8, nil)
        scene.update(2, key: [2, 7, nil], 2, 8, .unchanged)
        #expect(
            try scene.encoded(by: Self.encoder(.relationships)) == [
                "untag [[1,8]]", "move-tag [[2,7,2,8]]", "tag [[1,7,w]]", "tag-key [[2,8]]",
            ])
    }

    @Test func `only marked nodes are deleted, at the end`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", 7)
        scene.delete(0, key: 2, nil, nil, nil)
        scene.update(0, key: [3, nil, nil, nil], 4, "c", .unchanged, 8)
        scene.delete(2, key: 1, 8, nil)
        #expect(try scene.encoded(by: Self.encoder(.departures)) == ["delete-gone [[2],[3]]"])
    }

    @Test(arguments: [TableProgram.Part.nodes, .relationships])
    func `what a truncated table was before does not count, in whichever part it came`(
        part: TableProgram.Part
    ) throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", 7)
        scene.truncate(0)
        scene.insert(1, 9)
        scene.insert(0, 2, "c", "d", 8)
        var survey = TransactionSurvey(mapping: Scene.mapping)
        survey.look(at: scene.buffer, 0..<4)
        #expect(survey.truncations == [QualifiedName(schema: "public", name: "orders"): 2])
        #expect(survey.changeCount == 4)
        let encoder = Self.encoder(part, survey)
        // In two parts.
        #expect(try encoder.encode(scene.buffer, 0..<1, position: 0).isEmpty)
        let rest = try encoder.encode(scene.buffer, 1..<4, position: 1)
        #expect(rest.map(\.rowCount) == (part == .nodes ? [1, 1] : [1]))
        #expect(!rest.contains { $0.text.contains("DETACH DELETE") })
    }

    @Test func `a foreign key that the stream leaves out at a changed key is refused`() throws {
        let scene = Scene()
        scene.update(0, key: [3, nil, nil, nil], 4, "c", "d", .unchanged)
        let error = #expect(throws: ApplyError.self) { try scene.encoded(by: Self.encoder(.relationships)) }
        #expect(error?.kind == .protocolViolation)
        #expect(error?.message.contains("REPLICA IDENTITY FULL") == true)
        // Where the node moves, its relationships move with it.
        scene.update(0, key: [3, nil, nil, nil], 4, "c", "d", .unchanged)
        #expect(try scene.encoded() == ["move [[3,4]]", "upsert [[4,c,d]]"])
    }

    @Test func `references that nothing enforces are disowned little by little, with the relationships`() throws {
        var mapping = Scene.mapping
        mapping.nodes[0].references[0].kept = ["_lockstep_customer"]
        let (holder, target) = (mapping.nodes[0], mapping.nodes[1])
        let survey = TransactionSurvey(mapping: mapping)
        let names = [
            target.adoptStatement(holder.references[0], of: holder): "adopt",
            target.disownStatement(holder.references[0], of: holder, sweeps: true): "disown some",
            target.cutStatement(onlyGone: true): "cut some",
        ]
        let scene = Scene()
        scene.insert(1, 7)
        scene.delete(1, key: 8)
        let relationships = try BatchEncoder(mapping: mapping, pass: .relationships, of: survey)
            .encode(scene.buffer, 0..<2)
        #expect(relationships.map { names[$0.text] } == ["disown some"])
        #expect(relationships.map(\.isSweep) == [true])
        let nodes = try BatchEncoder(mapping: mapping, pass: .nodes, of: survey).encode(scene.buffer, 0..<2)
        #expect(!nodes.contains { names[$0.text] != nil })
        let departures = try BatchEncoder(mapping: mapping, pass: .departures, of: survey).encode(scene.buffer, 0..<2)
        #expect(departures.map { names[$0.text] } == ["cut some", nil])
        #expect(departures.map(\.isSweep) == [true, false])
    }

    @Test func `a table of which a part would not tell enough is passed over, and no other`() throws {
        func undecided(_ mapping: GraphMapping, _ make: (Scene) -> Void) -> [String] {
            let scene = Scene()
            make(scene)
            var survey = TransactionSurvey(mapping: mapping)
            survey.look(at: scene.buffer, scene.buffer.changes.indices)
            return survey.undecided.map(\.name).sorted()
        }
        let change: (Scene) -> Void = { $0.update(1, key: [5], 6) }
        let insert: (Scene) -> Void = { $0.insert(1, 5) }
        #expect(undecided(Scene.mapping, change) == [])
        var deferrable = Scene.mapping
        deferrable.nodes[1].isKeyDeferrable = true
        let table = deferrable.nodes[1].table
        #expect(undecided(deferrable, change) == [table.name])
        // Nobody takes a key that another has.
        #expect(undecided(deferrable, insert) == [])
        #expect(undecided(deferrable) { $0.delete(1, key: 5) } == [])
        #expect(undecided(deferrable) { $0.update(1, 5) } == [])
        let both: (Scene) -> Void = {
            $0.insert(1, 5); $0.delete(1, key: 5)
        }
        #expect(undecided(deferrable, both) == [table.name])
        #expect(
            undecided(deferrable) {
                $0.insert(1, 5); $0.delete(0, key: 5, nil, nil, nil)
            } == [])

        let scene = Scene()
        scene.insert(0, 1, "a", "b", 7)
        both(scene)
        var survey = TransactionSurvey(mapping: deferrable)
        survey.look(at: scene.buffer, 0..<3)
        for part in [TableProgram.Part.nodes, .relationships, .departures] {
            let encoder = BatchEncoder(mapping: deferrable, pass: part, of: survey)
            let tables = try encoder.encode(scene.buffer, 0..<3).map(\.table)
            #expect(!tables.contains(table) && (part == .departures || !tables.isEmpty), "\(part): \(tables)")
        }

        deferrable.nodes[0].isKeyDeferrable = true
        let full = Scene.deferrable
        #expect(undecided(deferrable) { $0.update(full, full: [1, "a", "b", 7], 1, "c", .unchanged, nil) } == [])
        #expect(undecided(deferrable) { $0.update(full, full: [1, "a", "b", 7], 2, "a", "b", 7) }.count == 1)
    }
}
