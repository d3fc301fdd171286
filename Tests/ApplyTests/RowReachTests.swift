// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// Rows that others name though nothing enforces it: which of them may gain or lose relationships.
@Suite struct `Rows that others name freely` {
    /// Orders name customers by their key, or by their code.
    private static func mapping(by property: String, isWaiting: Bool = false) -> GraphMapping {
        var mapping = Scene.mapping
        let text = ValueConversion(source: .text, target: .string)
        mapping.nodes[1].properties = [
            PropertyMapping(column: "code", property: "code", conversion: text, columnType: "text")
        ]
        mapping.nodes[0].references[0].target.key[0].property = property
        if isWaiting {
            mapping.joins[0].waits = true
        } else {
            mapping.nodes[0].references[0].kept = ["_lockstep_customer"]
        }
        return mapping
    }

    private let scene = Scene()
    private let customers: UInt32
    private let full: UInt32

    init() {
        (customers, full) = scene.addTable("customers", ["id", "code", "age"])
    }

    private func reached(
        _ reach: RowReach, believes: Bool = true, unsettled: Set<QualifiedName> = []
    ) throws -> [String] {
        defer { scene.buffer.removeAll() }
        let rows = try reach.look(
            at: scene.buffer, 0..<scene.buffer.changes.count, committedAt: .zero, believes: believes,
            unsettled: unsettled)
        return try rows.statements(of: reach) { _ in "" }.map(\.statement).map { statement in
            var reader = PackStreamReader(statement.rows.bytes)
            let values = try (0..<statement.rowCount).map { _ in try reader.readValue() }
            return Scene.text(.list(values))
        }
    }

    @Test(arguments: [false, true])
    func `are reached by places that rows take or leave, and by nothing else where that is the key`(
        isWaiting: Bool
    ) throws {
        let mapping = Self.mapping(by: "id", isWaiting: isWaiting)
        let reach = RowReach(mapping: mapping)
        scene.insert(customers, 1, "a", 1)
        scene.delete(customers, key: 2, nil, nil)
        scene.update(customers, key: [3, nil, nil], 4, "a", 1)
        #expect(try reached(reach) == ["[[1],[2],[3],[4]]"])
        for believes in [true, false] {
            scene.update(customers, 1, "b", 2)
            #expect(try reached(reach, believes: believes) == [])
        }
        // The graph may lack the row, or have another.
        scene.update(customers, 1, "b", 2)
        #expect(try reached(reach, unsettled: [mapping.nodes[1].table]) == ["[[1]]"])
        // Orders are not named by others, but led to.
        scene.insert(0, 1, "a", "b", 7)
        #expect(try reached(reach) == (isWaiting ? ["[[1]]"] : []))
    }

    @Test func `are reached by another key with the value that they have then`() throws {
        let reach = RowReach(mapping: Self.mapping(by: "code"))
        scene.insert(customers, 1, "a", 1)
        scene.delete(customers, key: 2, nil, nil)
        scene.update(customers, key: [3, nil, nil], 4, "d", 1)
        #expect(try reached(reach) == ["[[1,a],[2,null],[3,null],[4,d]]"])
        // It is known what that was, or shows.
        scene.update(customers, 1, "a", 2)
        scene.update(full, full: [5, "e", 1], 5, "e", 2)
        #expect(try reached(reach) == [])
        scene.update(customers, 1, "b", 2)
        scene.update(full, full: [5, "e", 2], 5, "f", 2)
        #expect(try reached(reach) == ["[[1,b],[5,f]]"])
    }

    @Test func `are counted by those who name them and by what they have, up to a limit`() throws {
        let reach = RowReach(mapping: Self.mapping(by: "code"))
        let use = try #require(reach.uses.first)
        #expect(
            use.countQuery(limit: 9)
                == "UNWIND $rows AS r MATCH (a:`Order` {`_lockstep_customer`: r[1]}) WITH a WHERE a IS NOT NULL WITH a LIMIT 9 RETURN count(a) AS found "
                + "UNION ALL UNWIND $rows AS r MATCH (b:`Customer` {`id`: r[0]}) "
                + "OPTIONAL MATCH (a:`Order`)-[o:`CUSTOMER`]->(b) WITH a WHERE a IS NOT NULL WITH a LIMIT 9 RETURN count(a) AS found"
        )
        let waiting = RowReach(mapping: Self.mapping(by: "id", isWaiting: true))
        let end = try #require(waiting.uses.last)
        #expect(
            end.pagesQuery == nil
                && end.countQuery(limit: 9).contains(
                    "(b:`Customer` {`id`: r[0]}) OPTIONAL MATCH (b)<-[o:`TAG`]-(a:`Order`)")
        )
    }
}
