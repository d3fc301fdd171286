// Part of Lockstep. See LICENSE.

import Mapping
import Testing

@testable import Apply

/// What changes become while the graph may be ahead of them, or lack rows: nothing is believed of what it has.
struct `Of a table that is not settled` {
    private let scene = Scene()

    private func encoded() throws -> [String] {
        try scene.encoded(by: BatchEncoder(mapping: Scene.mapping, unsettled: Set(Scene.mapping.tables)))
    }

    @Test func `a new row takes the place of whatever is there`() throws {
        scene.insert(0, 1, "a", "b", 7)
        #expect(
            try encoded() == [
                "upsert [[1,a,b]]", "stale [[1,7]]", "reference [[1,7]]",
            ])
    }

    @Test func `a row that came and went is deleted`() throws {
        scene.insert(0, 1, "a", "b", nil)
        scene.delete(0, key: 1, nil, nil, nil)
        #expect(try encoded() == ["delete [[1]]"])
    }

    @Test func `a row with another key is written whole, and its old place emptied`() throws {
        scene.update(0, key: [1, nil, nil, nil], 2, "a", "b", 7)
        let found = try encoded()
        #expect(found.contains("upsert [[2,a,b]]"))
        #expect(found.contains("delete [[1]]"))
        #expect(!found.contains { $0.hasPrefix("move") || $0.hasPrefix("carry") }, "\(found)")
    }

    @Test func `an old tuple proves nothing of the relationships`() throws {
        scene.update(Scene.deferrable, full: [1, "a", "b", 7], 1, "c", "b", 7)
        #expect(try encoded().contains("reference [[1,7]]"))
        scene.update(Scene.deferrable, full: [1, "a", "b", 7], 1, "c", "b", 7)
        #expect(try !scene.encoded().contains("reference [[1,7]]"))
    }

    @Test func `a value that is nowhere to be found is left alone`() throws {
        scene.update(0, 1, "a", .unchanged, .unchanged)
        #expect(try encoded() == ["upsert-note [[1,a]]"])
    }

    @Test func `a relationship with a key of its own is looked for wherever it is`() throws {
        scene.insert(Scene.payments, 1, 7, 8, 10, "a")
        #expect(try encoded() == ["rehang [[1,1,7,8]]", "link [[1,7,8]]", "pay [[1,10,a]]"])
        scene.insert(Scene.payments, 1, 7, nil, 10, "a")
        #expect(try encoded() == ["unlink [[1]]"])
        scene.update(Scene.payments, key: [1, nil, nil, nil, nil], 5, 7, 9, 10, "a")
        #expect(try encoded() == ["unlink [[1]]", "rehang [[5,5,7,9]]", "link [[5,7,9]]", "pay [[5,10,a]]"])
    }
}
