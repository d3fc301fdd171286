// Part of Lockstep. See LICENSE.

import Synchronization
import Testing

@testable import Bolt

extension FakeServer {
    var address: BoltAddress { BoltAddress(host: "127.0.0.1", port: port) }

    /// Where nobody listens.
    static func nowhere() throws -> BoltAddress {
        let server = try FakeServer(connections: 0) { _ in }
        try server.finish()
        return server.address
    }
}

extension FakeConnection {
    fileprivate var address: BoltAddress { BoltAddress(host: "127.0.0.1", port: port) }

    /// Is asked for a routing table and gives one.
    @discardableResult
    fileprivate func route(_ answer: [String: BoltValue]) throws -> [BoltValue] {
        let fields = try expect(0x66)
        try success(answer)
        return fields
    }

    /// A query in a transaction of its own that gives one record.
    ///
    /// - Returns: What came with the query.
    @discardableResult
    fileprivate func answerOne(_ value: BoltValue = 1, _ metadata: [String: BoltValue] = [:]) throws -> BoltValue {
        let extra = try expect(0x10)[2]
        try expect(0x3F)
        try success(metadata.merging(["fields": ["x"]]) { $1 })
        try record([value])
        try success()
        return extra
    }

    /// A managed transaction with one query without records.
    fileprivate func answerTransaction() throws {
        try expect(0x11)
        try success()
        try expect(0x10)
        try expect(0x3F)
        try success(["fields": ["x"]])
        try success()
        try expect(0x12)
        try success()
    }

    /// A query that fails, and the reset after it.
    fileprivate func fail(_ code: String) throws {
        try expect(0x10)
        try expect(0x3F)
        try failure(code)
        try ignored()
        try expect(0x0F)
        try success()
    }

    fileprivate func goodbye() throws { try expect(0x02) }
}

@Suite(.timeLimit(.minutes(2))) struct `A driver of a cluster` {
    private func driver(
        _ address: BoltAddress, _ change: (inout BoltDriverSettings) -> Void = { _ in }
    ) -> BoltDriver {
        var configuration = BoltConfiguration(
            host: address.host, port: address.port, user: "neo4j", password: "s3cret", database: "graph")
        configuration.connectTimeout = .seconds(10)
        configuration.readTimeout = .seconds(10)
        configuration.routing = [:]
        var settings = BoltDriverSettings(configuration)
        change(&settings)
        return BoltDriver(settings)
    }

    private func session(_ mode: BoltAccessMode, _ driver: BoltDriver) -> BoltSession {
        var settings = BoltSessionSettings()
        settings.accessMode = mode
        return driver.session(settings)
    }

    private func error<Result>(_ body: () async throws -> Result) async -> BoltError? {
        await #expect(throws: BoltError.self) { () async throws in _ = try await body() }
    }

    @Test func `asks a router, reads from a reader and writes to the leader`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            #expect(try connection.answerOne() == ["mode": "r", "db": "graph"])
            try connection.goodbye()
        }
        let writer = try FakeServer { connection in
            try connection.login()
            try connection.answerTransaction()
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            let context: BoltValue = ["address": .string(connection.address.description), "policy": "near"]
            try connection.handshake()
            #expect(try connection.expect(0x01)[0]["routing"] == context)
            try connection.expect(0x6A)
            try connection.success(["server": "Neo4j/5.26.0"])
            try connection.success()
            let answer = routingAnswer(
                routers: [connection.address], readers: [reader.address], writers: [writer.address])
            #expect(try connection.route(answer) == [context, [], ["db": "graph"]])
            try connection.goodbye()
        }
        let driver = driver(router.address) { $0.connection.routing = ["policy": "near"] }
        #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
        try await session(.read, driver).executeWrite { _ = try await $0.run("CREATE ()").consume() }
        #expect(await driver.routingTable(for: "graph")?.writers == [writer.address])
        await driver.close()
        for server in [reader, writer, router] { try server.finish() }
    }

    @Test func `follows the leader to where it is now`() async throws {
        let old = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            try connection.fail("Neo.ClientError.Cluster.NotALeader")
            try connection.goodbye()
        }
        let new = try FakeServer { connection in
            try connection.login()
            try connection.answerTransaction()
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            for leader in [old, new] {
                try connection.route(
                    routingAnswer(
                        routers: [connection.address], readers: [connection.address], writers: [leader.address]))
            }
            try connection.goodbye()
        }
        let driver = driver(router.address)
        try await driver.session().executeWrite { _ = try await $0.run("CREATE ()").consume() }
        await driver.close()
        for server in [old, new, router] { try server.finish() }
    }

    @Test(arguments: ["Neo.ClientError.Cluster.NotALeader", "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase"])
    func `takes a writer that does not write from one database's writers, and leaves it a reader`(
        code: String
    ) async throws {
        let member = try FakeServer { connection in
            try connection.login()
            try connection.answerOne()
            try connection.fail(code)
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            for database in ["one", "two"] {
                try connection.route(
                    routingAnswer(
                        database, routers: [connection.address], readers: [member.address], writers: [member.address]))
            }
            try connection.goodbye()
        }
        let driver = driver(router.address)
        var settings = BoltSessionSettings()
        settings.database = "one"
        #expect(try await driver.session(settings).run("CREATE ()").single() == [1])
        settings.database = "two"
        let error = await error { try await driver.session(settings).run("CREATE ()") }
        #expect(error?.code == code)
        #expect(error?.isRetryable == true)
        #expect(await driver.routingTable(for: "one")?.writers == [member.address])
        #expect(await driver.routingTable(for: "two")?.writers == [])
        #expect(await driver.routingTable(for: "two")?.readers == [member.address])
        await driver.close()
        for server in [member, router] { try server.finish() }
    }

    @Test func `passes over a reader that is not there, and over a dead router`() async throws {
        let nowhere = try FakeServer.nowhere()
        let reader = try FakeServer { connection in
            try connection.login()
            for _ in 0..<2 { try connection.answerOne() }
            try connection.goodbye()
        }
        // Its tables name another router, which is not there either, and hold for no time.
        let router = try FakeServer(connections: 2) { connection in
            try connection.login()
            try connection.route(routingAnswer(ttl: 0, routers: [nowhere], readers: [nowhere, reader.address]))
            try connection.goodbye()
        }
        let driver = driver(router.address)
        for _ in 0..<2 {
            #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
            #expect(await driver.routingTable(for: "graph")?.readers == [reader.address])
        }
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test func `drops a member whose connection is lost, and says that another may do the work`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            try connection.expect(0x10)
        }
        let router = try FakeServer { connection in
            try connection.login()
            try connection.route(
                routingAnswer(
                    routers: [connection.address], readers: [reader.address, connection.address],
                    writers: [reader.address]))
            try connection.goodbye()
        }
        let driver = driver(router.address)
        let transaction = try await session(.read, driver).beginTransaction()
        let error = await error { try await transaction.run("RETURN 1") }
        #expect(error?.kind == .closed)
        #expect(error?.isMemberLost == true)
        #expect(error?.isRetryable == true)
        let table = try #require(await driver.routingTable(for: "graph"))
        #expect(table.readers == [router.address])
        #expect(table.writers == [])
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test func `asks again when a table has expired, and not before`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            for _ in 0..<4 { try connection.answerOne() }
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            for ttl in [0, 0, 1000] as [Int64] {
                try connection.route(
                    routingAnswer(ttl: ttl, routers: [connection.address], readers: [reader.address]))
            }
            try connection.goodbye()
        }
        let driver = driver(router.address)
        for _ in 0..<4 { #expect(try await session(.read, driver).run("RETURN 1").single() == [1]) }
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test func `reads while nobody writes, and asks for a writer each time`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            try connection.answerOne()
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            for _ in 0..<3 {
                try connection.route(routingAnswer(routers: [connection.address], readers: [reader.address]))
            }
            try connection.goodbye()
        }
        let driver = driver(router.address)
        #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
        for _ in 0..<2 {
            let error = await error { try await driver.session().run("CREATE ()") }
            #expect(error?.kind == .noMember)
            #expect(error?.isRetryable == true)
        }
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test(
        arguments: [
            "Neo.ClientError.Database.DatabaseNotFound", "Neo.ClientError.Transaction.InvalidBookmark",
            "Neo.ClientError.Security.Forbidden",
        ])
    func `asks no other router what the first one would say`(code: String) async throws {
        let router = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x66)
            try connection.failure(code)
            try connection.expect(0x0F)
            try connection.success()
            try connection.goodbye()
        }
        let address = router.address
        let driver = driver(BoltAddress(host: "cluster.example")) { settings in
            settings.resolver = { _ in [address, BoltAddress(host: "never-asked.example")] }
        }
        #expect(await error { try await driver.session().run("CREATE ()") }?.code == code)
        await driver.close()
        try router.finish()
    }

    @Test func `takes the first router that gives a table, of those that the resolver names`() async throws {
        let nowhere = try FakeServer.nowhere()
        let refusing = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x66)
            try connection.failure("Neo.DatabaseError.General.UnknownError")
            try connection.expect(0x0F)
            try connection.success()
            try connection.goodbye()
        }
        let empty = try FakeServer { connection in
            try connection.login()
            try connection.route(routingAnswer())
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            let context = try connection.route(
                routingAnswer(routers: [connection.address], readers: [connection.address]))[0]
            #expect(context == ["address": "cluster.example:7687"])
            try connection.answerOne()
            try connection.goodbye()
        }
        let addresses = [nowhere, refusing.address, empty.address, router.address]
        let asked = Mutex<[BoltAddress]>([])
        let driver = driver(BoltAddress(host: "cluster.example")) { settings in
            settings.resolver = { address in
                asked.withLock { $0.append(address) }
                return addresses
            }
        }
        #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
        #expect(asked.withLock { $0 } == [BoltAddress(host: "cluster.example")])
        await driver.close()
        for server in [refusing, empty, router] { try server.finish() }
    }

    @Test func `says that no router answers`() async throws {
        let nowhere = try FakeServer.nowhere()
        let driver = driver(nowhere)
        let error = await error { try await driver.session().beginTransaction() }
        #expect(error?.kind == .noRouter)
        #expect(error?.message.contains("\(nowhere)") == true)
        #expect(await driver.routingTable(for: "graph") == nil)
        await driver.close()
        #expect(await self.error { try await driver.session().run("RETURN 1") }?.kind == .usage)
    }

    @Test func `looks names up as it is told, and asks a restarted router over a new connection`() async throws {
        let router = try FakeServer(connections: 2) { connection in
            try connection.login()
            // And hangs up.
            try connection.route(
                routingAnswer(
                    routers: [BoltAddress(host: "cluster.example", port: connection.port)],
                    readers: [connection.address]))
        }
        let driver = driver(BoltAddress(host: "cluster.example", port: router.port)) { settings in
            settings.lookUp = { name in name == "cluster.example" ? ["127.0.0.1"] : [name] }
        }
        for _ in 0..<2 {
            #expect(try await driver.updateRoutingTable(for: "graph")?.readers == [router.address])
        }
        await driver.close()
        try router.finish()
    }

    @Test func `spreads connections over members, and has so many for each at most`() async throws {
        let readers = try (0..<2).map { _ in
            try FakeServer { connection in
                try connection.login()
                try connection.expect(0x11)
                try connection.success()
                try connection.expect(0x13)
                try connection.success()
                try connection.goodbye()
            }
        }
        let router = try FakeServer { connection in
            try connection.login()
            try connection.route(
                routingAnswer(routers: [connection.address], readers: readers.map(\.address)))
            try connection.goodbye()
        }
        let driver = driver(router.address) {
            $0.connectionsMax = 1
            $0.acquisitionTimeout = .seconds(3)
        }
        let transactions = [
            try await session(.read, driver).beginTransaction(), try await session(.read, driver).beginTransaction(),
        ]
        for reader in readers { #expect(await driver.connectionCount(to: reader.address) == (1, 0)) }
        #expect(await error { try await session(.read, driver).beginTransaction() }?.kind == .poolTimeout)
        for transaction in transactions { try await transaction.rollback() }
        await driver.close()
        for server in readers + [router] { try server.finish() }
    }

    @Test func `has one task ask for a table, and the others use it`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            for _ in 0..<8 { try connection.answerOne() }
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            try connection.route(routingAnswer(routers: [connection.address], readers: [reader.address]))
            try connection.goodbye()
        }
        let driver = driver(router.address) { $0.connectionsMax = 1 }
        let values = try await withThrowingTaskGroup(of: [BoltValue].self) { group in
            for _ in 0..<8 { group.addTask { try await session(.read, driver).run("RETURN 1").single() } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(values == Array(repeating: 1, count: 8))
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test func `finds the home database once in a session, for the user whose rights count`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            for database in ["home1", "home1", "home2"] as [BoltValue] {
                let extra = try connection.answerOne()
                #expect(extra["db"] == database)
                #expect(extra["imp_user"] == "ann")
            }
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            for home in ["home1", "home2"] {
                let fields = try connection.route(
                    routingAnswer(home, routers: [connection.address], readers: [reader.address]))
                #expect(fields[1...] == [["b:1"], ["imp_user": "ann"]])
            }
            try connection.goodbye()
        }
        let driver = driver(router.address) { $0.connection.database = nil }
        var settings = BoltSessionSettings()
        settings.accessMode = .read
        settings.bookmarks = ["b:1"]
        settings.impersonatedUser = "ann"
        let session = driver.session(settings)
        for _ in 0..<2 { #expect(try await session.run("RETURN 1").single() == [1]) }
        #expect(try await driver.session(settings).run("RETURN 1").single() == [1])
        #expect(await driver.routingTable(for: "home2")?.readers == [reader.address])
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test func `guesses the home database where servers pass transactions on, and is corrected`() async throws {
        let hints: [String: BoltValue] = ["ssr.enabled": true]
        let member = try FakeServer { connection in
            try connection.login(hints: hints)
            // The first session asks.
            try connection.route(routingAnswer("old", routers: [connection.address], readers: [connection.address]))
            #expect(try connection.answerOne()["db"] == "old")
            // The second one guesses.
            #expect(try connection.answerOne(1, ["db": "new"])["db"] == nil)
            try connection.route(routingAnswer("new", routers: [connection.address], readers: [connection.address]))
            #expect(try connection.answerOne()["db"] == "new")
            // The third one guesses better.
            #expect(try connection.answerOne(1, ["db": "new"])["db"] == nil)
            try connection.goodbye()
        }
        let driver = driver(member.address) { $0.connection.database = nil }
        #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
        let second = session(.read, driver)
        for _ in 0..<2 { #expect(try await second.run("RETURN 1").single() == [1]) }
        #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
        await driver.close()
        try member.finish()
    }

    @Test func `routes in Bolt 4_3, where tables do not name their database`() async throws {
        let member = try FakeServer { connection in
            try connection.handshake([0, 0, 3, 4])
            try connection.expect(0x01)
            try connection.success(["server": "Neo4j/4.3.0"])
            let answer = routingAnswer(nil, routers: [connection.address], readers: [connection.address])
            #expect(try connection.route(answer)[1...] == [[], .null])
            #expect(try connection.answerOne()["db"] == nil)
            #expect(try connection.answerOne()["db"] == nil)
            #expect(try connection.route(answer)[1...] == [[], "named"])
            #expect(try connection.answerOne()["db"] == "named")
            try connection.goodbye()
        }
        let driver = driver(member.address) { $0.connection.database = nil }
        let session = session(.read, driver)
        for _ in 0..<2 { #expect(try await session.run("RETURN 1").single() == [1]) }
        var settings = BoltSessionSettings()
        settings.accessMode = .read
        settings.database = "named"
        #expect(try await driver.session(settings).run("RETURN 1").single() == [1])
        await driver.close()
        try member.finish()
    }

    @Test func `verifies that some reader answers`() async throws {
        let nowhere = try FakeServer.nowhere()
        let reader = try FakeServer { connection in
            try connection.login()
            try connection.answerOne()
            // A connection from the pool is tried.
            try connection.expect(0x0F)
            try connection.success()
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            try connection.route(routingAnswer(routers: [connection.address], readers: [nowhere, reader.address]))
            try connection.goodbye()
        }
        let driver = driver(router.address)
        #expect(try await session(.read, driver).run("RETURN 1").single() == [1])
        #expect(try await driver.verifyConnectivity().address == reader.address.description)
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }

    @Test func `runs one query with everything up to the first fetch in one go`() async throws {
        let reader = try FakeServer { connection in
            try connection.login()
            #expect(try connection.expect(0x11)[0]["mode"] == "r")
            try connection.expect(0x10)
            try connection.expect(0x3F)
            // Only now.
            try connection.success()
            try connection.success(["fields": ["x"]])
            try connection.record([1])
            try connection.success(["type": "r"])
            try connection.expect(0x12)
            try connection.success()
            try connection.goodbye()
        }
        let router = try FakeServer { connection in
            try connection.login()
            try connection.route(routingAnswer(routers: [connection.address], readers: [reader.address]))
            try connection.goodbye()
        }
        let driver = driver(router.address)
        var settings = BoltSessionSettings()
        settings.accessMode = .read
        let result = try await driver.executeQuery("RETURN 1 AS x", [:], settings)
        #expect(result.keys == ["x"])
        #expect(result.records == [[1]])
        #expect(result.summary.queryType == "r")
        await driver.close()
        for server in [reader, router] { try server.finish() }
    }
}
