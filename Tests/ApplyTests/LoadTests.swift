// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Apply

struct `What is done of a table` {
    @Test func `is a few ranges, in whatever order they come`() {
        var done = BlockSet()
        for range in [UInt32(40)..<50, 0..<10, 20..<30, 10..<20, 45..<60, 5..<5] { done.insert(range) }
        #expect(done.ranges == [0..<30, 40..<60])
        #expect(done.count == 50)
    }

    @Test func `leaves pieces that make up the rest exactly`() {
        var done = BlockSet()
        done.insert(10..<25)
        done.insert(40..<41)
        #expect(done.remaining(upTo: 50, size: 10) == [0..<10, 25..<35, 35..<40, 41..<50])
        #expect(done.remaining(upTo: 15, size: 100) == [0..<10])
        #expect(BlockSet().remaining(upTo: 0, size: 1).isEmpty)
        #expect(BlockSet().remaining(upTo: .max, size: 1 << 31) == [0..<1 << 31, 1 << 31..<UInt32.max])
        for piece in done.remaining(upTo: 50, size: 10) { done.insert(piece) }
        #expect(done.ranges == [0..<50])
    }

    @Test func `survives as text, and nothing else passes for it`() {
        var done = BlockSet()
        done.insert(0..<7)
        done.insert(9..<4_000_000_000)
        #expect(done.text == "0-7 9-4000000000")
        #expect(BlockSet(text: done.text) == done)
        #expect(BlockSet(text: "") == BlockSet())
        for text in ["7", "7-7", "9-8", "a-b", "1-2-3", "-1-5", "0-4294967296"] { #expect(BlockSet(text: text) == nil) }
    }
}

struct `A load in the graph` {
    @Test(arguments: [nil, "total > 10"]) func `is read as it was written`(condition: String?) {
        var load = TableLoad(
            LoadRequest(QualifiedName(schema: "s", name: "a:b"), reason: .schemaChanged, condition: condition))
        #expect(TableLoad(row: Array(LoadStore.row(load, "shop").dropFirst())) == load)
        load.pass = .relationships
        load.heaps = [
            .init(oid: 16_384, fileNode: "16390"), .init(oid: 7, fileNode: "9", done: BlockSet(text: "0-5 7-9")!),
        ]
        (load.rows, load.bytes, load.blocks, load.totalBlocks) = (3, 400, 7, 90)
        load.seconds = 1.25
        load.until = LSN("1/AB")!
        load.counted = "3:5:3"
        #expect(TableLoad(row: Array(LoadStore.row(load, "shop").dropFirst())) == load)
    }

    @Test func `takes a name of its own for each request`() {
        let table = QualifiedName(schema: "s", name: "t")
        #expect(LoadRequest(table, reason: .resync).id != LoadRequest(table, reason: .resync).id)
    }
}
