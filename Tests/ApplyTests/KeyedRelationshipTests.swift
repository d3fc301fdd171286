// Part of Lockstep. See LICENSE.

import Testing

@testable import Apply

/// Rows `[id, payer, payee, amount, memo]` that are relationships by their id.
@Suite struct `Relationships with a key of their own` {
    private let scene = Scene()
    private let encoder = BatchEncoder(mapping: Scene.mapping)
    private let table = Scene.payments

    private func encoded() throws -> [String] { try scene.encoded(by: encoder) }

    @Test func `are made by an insert, and several of them between the same nodes`() throws {
        scene.insert(table, 1, 7, 8, 10, "a")
        scene.insert(table, 2, 7, 8, 20, nil)
        #expect(try encoded() == ["link [[1,7,8],[2,7,8]]", "pay [[1,10,a],[2,20,null]]"])
    }

    @Test func `are found by it when they are deleted`() throws {
        scene.delete(table, key: 1, nil, nil, nil, nil)
        #expect(try encoded() == ["unlink [[1]]"])
    }

    @Test func `are looked for elsewhere only where an end may have changed`() throws {
        scene.update(table, 1, 7, 8, 10, "a")
        #expect(try encoded() == ["rehang [[1,1,7,8]]", "link [[1,7,8]]", "pay [[1,10,a]]"])
        scene.update(table, 1, 7, 8, 11, .unchanged)
        #expect(try encoded() == ["pay-amount [[1,11]]"])
        scene.update(table, 1, 7, 9, 11, .unchanged)
        #expect(try encoded() == ["rehang [[1,1,7,9]]", "link [[1,7,9]]", "pay-amount [[1,11]]"])
    }

    @Test func `vanish while an end is NULL`() throws {
        scene.insert(table, 1, 7, nil, 10, "a")
        scene.update(table, 2, nil, 8, 10, "a")
        #expect(try encoded() == ["unlink [[2]]"])
        scene.update(table, 1, 7, 8, 10, "a")
        scene.update(table, 2, nil, 8, 12, "a")
        #expect(try encoded() == ["rehang [[1,1,7,8]]", "link [[1,7,8]]", "pay [[1,10,a]]"])
    }

    @Test func `take along what the stream leaves out when their key changes`() throws {
        scene.update(table, key: [1, nil, nil, nil, nil], 5, 7, 9, 10, .unchanged)
        #expect(try encoded() == ["rehang [[1,5,7,9]]", "link [[5,7,9]]", "pay-amount [[5,10]]"])
    }

    @Test func `are made anew where all of a row comes with its new key`() throws {
        scene.update(table, key: [1, nil, nil, nil, nil], 5, 7, 9, 10, "a")
        #expect(try encoded() == ["unlink [[1]]", "link [[5,7,9]]", "pay [[5,10,a]]"])
    }

    @Test func `give their place to the row that takes their key`() throws {
        scene.delete(table, key: 5, nil, nil, nil, nil)
        scene.update(table, key: [1, nil, nil, nil, nil], 5, 7, 9, 10, .unchanged)
        #expect(try encoded() == ["unlink [[5]]", "rehang [[1,5,7,9]]", "link [[5,7,9]]", "pay-amount [[5,10]]"])
    }

    @Test func `change keys with each other and keep what the stream leaves out`() throws {
        scene.update(table, key: [1, nil, nil, nil, nil], 9, 7, 8, 10, .unchanged)
        scene.update(table, key: [2, nil, nil, nil, nil], 1, 7, 8, 20, .unchanged)
        scene.update(table, key: [9, nil, nil, nil, nil], 2, 7, 8, 10, .unchanged)
        #expect(
            try encoded() == [
                "rehang [[2,1,7,8],[1,2,7,8]]", "link [[1,7,8],[2,7,8]]", "pay-amount [[1,20],[2,10]]",
            ])
    }
}
