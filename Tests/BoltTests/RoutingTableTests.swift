// Part of Lockstep. See LICENSE.

import Testing
import Threading

@testable import Bolt

/// What a member of a cluster answers to `ROUTE`.
func routingAnswer(
    _ database: String? = "graph", ttl: Int64 = 1000, routers: [BoltAddress] = [], readers: [BoltAddress] = [],
    writers: [BoltAddress] = []
) -> [String: BoltValue] {
    func server(_ role: BoltValue, _ members: [BoltAddress]) -> BoltValue {
        ["role": role, "addresses": .list(members.map { .string($0.description) })]
    }
    var table: [String: BoltValue] = [
        "ttl": .integer(ttl),
        "servers": .list([server("ROUTE", routers), server("READ", readers), server("WRITE", writers)]),
    ]
    if let database { table["db"] = .string(database) }
    return ["rt": .map(table)]
}

@Suite struct `A routing table` {
    private static let a = BoltAddress(host: "a.example", port: 1)
    private static let b = BoltAddress(host: "b.example", port: 2)
    private static let c = BoltAddress(host: "::1", port: 3)
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func table(_ answer: [String: BoltValue], database: String? = nil) throws(BoltError) -> BoltRoutingTable {
        try BoltRoutingTable(answer, database: database, server: Self.a, now: Self.start)
    }

    @Test func `is what a router said`() throws {
        let answer = routingAnswer(routers: [Self.a, Self.b], readers: [Self.b, Self.c, Self.b], writers: [Self.a])
        let table = try table(answer)
        #expect(table.database == "graph")
        #expect(table.timeToLive == .seconds(1000))
        #expect(table.routers == [Self.a, Self.b])
        #expect(table.readers == [Self.b, Self.c])
        #expect(table.writers == [Self.a])
        #expect(table.servers == [Self.a, Self.b, Self.c])
        #expect(!table.cameWithoutWriters)
    }

    @Test(arguments: [nil, "graph"] as [String?])
    func `is for the database asked for, whatever the router calls it`(name: String?) throws {
        let answer = routingAnswer(name, routers: [Self.a], readers: [Self.a])
        #expect(try table(answer, database: "alias").database == "alias")
        #expect(try table(answer).database == name)
    }

    @Test(
        arguments: [
            [:], ["rt": 1], ["rt": ["servers": []]], ["rt": ["ttl": 1, "servers": [7]]],
            ["rt": ["ttl": 1, "servers": [["role": "READ", "addresses": ["nowhere:port"]]]]],
            ["rt": ["ttl": 1, "servers": [["role": "READ", "addresses": [1]]]]],
            routingAnswer(readers: [a], writers: [a]), routingAnswer(routers: [a], writers: [a]),
        ] as [[String: BoltValue]])
    func `is refused when it cannot be read, or names no router or no reader`(answer: [String: BoltValue]) {
        let error = #expect(throws: BoltError.self) { _ = try table(answer) }
        #expect(error?.kind == .protocolViolation)
    }

    @Test func `may have no writers, and then is not fresh for writing`() throws {
        let table = try table(routingAnswer(routers: [Self.a], readers: [Self.a]))
        #expect(table.cameWithoutWriters)
        #expect(table.isFresh(for: .read, now: Self.start))
        #expect(!table.isFresh(for: .write, now: Self.start))
    }

    @Test func `expires, and is forgotten half a minute later`() throws {
        let table = try table(routingAnswer(ttl: 10, routers: [Self.a], readers: [Self.a], writers: [Self.a]))
        func at(_ seconds: Int) -> MonotonicTime { Self.start + .seconds(seconds) }
        #expect(table.isFresh(for: .write, now: at(9)))
        #expect(!table.isFresh(for: .write, now: at(10)))
        #expect(!table.isForgotten(now: at(39)))
        #expect(table.isForgotten(now: at(40)))
    }

    @Test(arguments: [-5, .min, .max] as [Int64])
    func `takes any time to live without a trap`(ttl: Int64) throws {
        let table = try table(routingAnswer(ttl: ttl, routers: [Self.a], readers: [Self.a]))
        #expect(table.isFresh(for: .read, now: Self.start) == (ttl > 0))
    }

    @Test func `loses a member in all roles, or a writer in one`() throws {
        let all = [Self.a, Self.b]
        var table = try table(routingAnswer(routers: all, readers: all, writers: all))
        table.removeWriter(Self.b)
        #expect(table.writers == [Self.a])
        #expect(table.readers == all)
        table.remove(Self.a)
        #expect(table.routers == [Self.b])
        #expect(table.readers == [Self.b])
        #expect(table.writers == [])
        table.remove(Self.b)
        #expect(!table.isFresh(for: .read, now: Self.start))
    }

    @Test func `has the member chosen that has the fewest connections in use, each of equals in turn`() {
        let members = [Self.a, Self.b, Self.c]
        func choice(_ inUse: [BoltAddress: Int], _ turn: Int) -> BoltAddress? {
            BoltRoutingTable.leastConnected(members, inUse: inUse, turn: turn)
        }
        #expect((0..<4).map { choice([:], $0) } == [Self.a, Self.b, Self.c, Self.a])
        #expect((0..<3).map { choice([Self.b: 1], $0) } == [Self.a, Self.c, Self.a])
        #expect(choice([Self.a: 3, Self.b: 2, Self.c: 3], 7) == Self.b)
        #expect(BoltRoutingTable.leastConnected([], inUse: [:], turn: 0) == nil)
    }
}

@Suite(.timeLimit(.minutes(1))) struct `A task lock` {
    private actor Count {
        var inside = 0
        var most = 0
        var done = 0

        func enter() {
            inside += 1
            most = max(most, inside)
        }

        func leave() {
            inside -= 1
            done += 1
        }
    }

    @Test func `lets one task at a time through`() async throws {
        let lock = TaskLock()
        let count = Count()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await lock.lock()
                    await count.enter()
                    await Task.yield()
                    await count.leave()
                    lock.unlock()
                }
            }
            try await group.waitForAll()
        }
        #expect(await count.most == 1)
        #expect(await count.done == 50)
    }

    @Test func `gives up when the task is cancelled, and goes to the next then`() async throws {
        let lock = TaskLock()
        try await lock.lock()
        let cancelled = Task { () -> BoltError.Kind? in
            do throws(BoltError) { try await lock.lock() } catch { return error.kind }
            return nil
        }
        let other = Task { () -> Bool in
            do throws(BoltError) { try await lock.lock() } catch { return false }
            lock.unlock()
            return true
        }
        cancelled.cancel()
        #expect(await cancelled.value == .cancelled)
        lock.unlock()
        #expect(await other.value)
        try await lock.lock()
        lock.unlock()
    }
}
