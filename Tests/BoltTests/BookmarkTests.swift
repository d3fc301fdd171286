// Part of Lockstep. See LICENSE.

import Synchronization
import Testing

@testable import Bolt

@Suite(.timeLimit(.minutes(2))) struct `A bookmark manager` {
    @Test func `has a session wait for what another one did`() async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8))
            #expect(try connection.begin()["bookmarks"] == ["first"])
            try connection.commit("b:1")
            #expect(try connection.query(end: ["bookmark": "b:2"])["bookmarks"] == ["b:1"])
            // A session's own bookmarks count until it has one of a transaction.
            #expect(try connection.begin()["bookmarks"] == ["b:2", "own"])
            try connection.commit("b:3")
            #expect(try connection.begin()["bookmarks"] == ["b:3"])
            try connection.commit()
            // Without the manager none of this is seen.
            #expect(try connection.begin()["bookmarks"] == nil)
            try connection.commit("b:4")
            #expect(try connection.query()["bookmarks"] == ["b:3"])
            try connection.expect(0x02)
        }
        let driver = server.driver()
        var settings = BoltSessionSettings()
        settings.bookmarkManager = BoltBookmarks(initial: ["first", "first"])
        try await driver.session(settings).beginTransaction().commit()
        _ = try await driver.session(settings).run("x").consume()
        settings.bookmarks = ["own", "b:2"]
        let session = driver.session(settings)
        for _ in 0..<2 { try await session.beginTransaction().commit() }
        #expect(await session.lastBookmarks == ["b:3"])
        try await driver.session().beginTransaction().commit()
        settings.bookmarks = []
        _ = try await driver.session(settings).run("x").consume()
        await driver.close()
        try server.finish()
    }

    @Test func `adds what it is supplied with, keeps it not, and tells what it keeps`() async throws {
        let count = TestCounter()
        let told = Mutex<[[String]]>([])
        let bookmarks = BoltBookmarks(initial: ["a"]) {
            ["supplied \(count.next())", "a"]
        } consumer: { kept in
            told.withLock { $0.append(kept) }
        }
        #expect(try await bookmarks.bookmarks() == ["a", "supplied 1"])
        // Two transactions side by side: each replaces only what it waited for.
        await bookmarks.replace(["a", "supplied 1"], with: ["b"])
        await bookmarks.replace(["a"], with: ["c"])
        #expect(try await bookmarks.bookmarks() == ["b", "c", "supplied 2", "a"])
        await bookmarks.replace(["b", "c"], with: [])
        #expect(told.withLock { $0 } == [["b"], ["b", "c"]])
    }

    @Test func `that throws keeps a transaction from beginning, and the connection stays`() async throws {
        struct Gone: Error {}
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8))
            try connection.query()
            try connection.expect(0x02)
        }
        let driver = server.driver { $0.connectionsMax = 1 }
        let session = driver.session { $0.bookmarkManager = BoltBookmarks(supplier: { throw Gone() }) }
        let works: [@Sendable () async throws -> Void] = [
            { _ = try await session.beginTransaction() }, { _ = try await session.run("x") },
        ]
        for work in works {
            let error = await #expect(throws: BoltError.self) { try await work() }
            #expect(error?.kind == .callback)
        }
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }
}
