// Part of Lockstep. See LICENSE.

import Apply
import Mapping
import PostgreSQL
import Testing
import Threading

@testable import Pipeline

/// What is known of views' rows, and when they are read.
struct `Views that are read beside the stream` {
    private static let author = QualifiedName(schema: "public", name: "author")

    private static func view(_ name: String, isByClock: Bool = false) -> ComputedMapping {
        let end = RelationshipEnd(label: "Person", key: [])
        let join = JoinMapping(
            table: QualifiedName(schema: "public", name: name), type: name, from: end, to: end, properties: [])
        return ComputedMapping(join: join, interval: .seconds(3600), reads: [author], isByClock: isByClock)
    }

    private static func desk(isByClock: Bool = false, isPending: Bool = false) -> ViewDesk {
        let views = [view("a", isByClock: isByClock)]
        var state = ViewState(unread: views[0].table)
        state.isPending = isPending
        return ViewDesk(views, [state], pipeline: "p")
    }

    /// A reading that has come to its end, as the pump takes it.
    private static func finish(_ desk: ViewDesk, _ work: ViewDesk.Work, failure: String? = nil) -> [EncodedStatement] {
        var outcome = desk.state(of: work.index)
        outcome.failure = failure
        let portion = ViewDesk.Portion(index: work.index, outcome: outcome)
        #expect(desk.hand(portion, stop: StopSignal(), waker: Wakeup()))
        return desk.takePortion()?.statements ?? []
    }

    @Test func `rows are told apart by key, and what nobody has seen is gone`() {
        var rows = ViewRows()
        let isNew =
            (0..<1000).map { rows.insert(Array("k\($0)".utf8), digest: $0) } + [rows.insert([107, 55], digest: 1)]
        #expect(isNew == Array(repeating: true, count: 1000) + [false] && rows.count == 1000)
        let seen = (0..<1000).filter { $0 % 10 > 0 }.map { rows.see(Array("k\($0)".utf8)) == $0 }
        let other = rows.see([107])
        #expect(seen.allSatisfy(\.self) && other == nil && !rows.contains(Array("k1000".utf8)))
        #expect(rows.unseen.map { String(decoding: $0, as: UTF8.self) } == (0..<100).map { "k\($0 * 10)" })
        rows.forgetSeen()
        #expect(rows.unseen.count == 1000)
    }

    @Test func `one that is as new as the graph waits for a change`() throws {
        let desk = Self.desk()
        #expect(desk.next().work == nil)
        #expect(desk.note([QualifiedName(schema: "public", name: "other")], [4]).isEmpty && desk.next().work == nil)
        #expect(desk.note([Self.author], [5, 6]).count == 1)
        // The graph says so already.
        #expect(desk.note([Self.author], [7]).isEmpty)
        let work = try #require(desk.next().work)
        #expect(work.needed == [5, 6, 7] && work.isWhole)
        #expect(desk.next().work == nil)
    }

    @Test func `a change behind the beginning of a reading is still to be read, when its time has come`() throws {
        let desk = Self.desk(isPending: true)
        let first = try #require(desk.next().work)
        #expect(desk.note([Self.author], [8]).isEmpty)
        #expect(Self.finish(desk, first).count == 1 && desk.state(of: 0).isPending)
        let (work, deadline) = desk.next()
        #expect(work == nil && deadline.map { $0 > .after(.seconds(3000)) } == true)
    }

    @Test func `a reading that nothing has overtaken takes the mark back`() throws {
        let desk = Self.desk(isPending: true)
        _ = Self.finish(desk, try #require(desk.next().work))
        #expect(!desk.state(of: 0).isPending && desk.next().deadline == nil)
    }

    @Test func `a failure keeps the mark, and is tried again at the next interval`() throws {
        let desk = Self.desk(isPending: true)
        let work = try #require(desk.next().work)
        desk.retry(work, isWhole: false)
        _ = Self.finish(desk, work, failure: "no")
        #expect(desk.state(of: 0).isPending && desk.state(of: 0).failure == "no")
        #expect(desk.next().work == nil && desk.next().deadline != nil)
        desk.retry(work, isWhole: false, after: .zero)
        #expect(desk.next().work != nil)
    }

    @Test func `nodes that were loaded anew, and requests, void what is known and do not wait`() throws {
        let desk = Self.desk(isPending: true)
        _ = Self.finish(desk, try #require(desk.next().work))
        #expect(desk.forget(["Other"]).isEmpty)
        #expect(desk.next().work == nil)
        // The graph takes it for read until then.
        #expect(desk.forget(["Person"]).count == 1)
        let work = try #require(desk.next().work)
        #expect(work.isWhole)
        _ = Self.finish(desk, work)
        desk.take([TableLoad(LoadRequest(Self.view("a").table, reason: .resync))])
        // Its request is fulfilled with it.
        #expect(Self.finish(desk, try #require(desk.next().work)).count == 2)
    }

    @Test func `one that goes by the clock is read in any case`() throws {
        let desk = Self.desk(isByClock: true)
        _ = Self.finish(desk, try #require(desk.next().work))
        #expect(desk.next().work == nil && desk.next().deadline != nil)
    }
}
