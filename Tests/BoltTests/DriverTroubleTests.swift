// Part of Lockstep. See LICENSE.

import Synchronization
import Testing
import Threading

@testable import Bolt

/// Where in an explicit transaction the server goes away: after it has read so many requests and answered those before.
private enum Step: Int, CaseIterable {
    case hello, logon, begin, run, pull, commit

    var isInLogin: Bool { self == .hello || self == .logon }
}

@Suite(.timeLimit(.minutes(2))) struct `A driver in trouble` {
    /// Plays a transaction up to the step at which the server goes away.
    private static func play(_ connection: FakeConnection, until last: Step) throws {
        try connection.handshake()
        let answers: [(tag: UInt8, answer: () throws -> Void)] = [
            (0x01, { try connection.success(["server": "Neo4j/5.26.0"]) }), (0x6A, { try connection.success() }),
            (0x11, { try connection.success() }), (0x10, { try connection.success(["fields": ["x"]]) }),
            (0x3F, { try connection.record([1]) }),
        ]
        for step in Step.allCases {
            if step == .commit {
                try connection.success(["type": "r"])
                try connection.expect(0x12)
                return
            }
            try connection.expect(answers[step.rawValue].tag)
            if step == last { return }
            try answers[step.rawValue].answer()
        }
    }

    @Test(arguments: Step.allCases)
    fileprivate func `loses the server at any step, and goes on with a new connection`(step: Step) async throws {
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            if count.next() == 1 { return try Self.play(connection, until: step) }
            try connection.login(BoltVersion(5, 8))
            try connection.query()
            try connection.expect(0x02)
        }
        let driver = server.driver()
        let error = await #expect(throws: BoltError.self) {
            let transaction = try await driver.session().beginTransaction()
            let cursor = try await transaction.run("x")
            while try await cursor.next() != nil {}
            try await transaction.commit()
        }
        #expect(error?.kind == .closed)
        #expect(error?.isOutcomeUnknown == (step == .commit))
        #expect(error?.isRetryable == (step != .commit))
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [Step.hello, .begin, .run, .pull])
    fileprivate func `tries a managed transaction again when the connection was lost`(step: Step) async throws {
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            if count.next() == 1 { return try Self.play(connection, until: step) }
            try connection.login(BoltVersion(5, 8))
            _ = try connection.begin()
            try connection.query()
            try connection.commit()
            try connection.expect(0x02)
        }
        let driver = server.driver()
        let value = try await driver.session().executeWrite { try await $0.run("x").single() }
        #expect(value == [1])
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [
        ("Neo.TransientError.General.DatabaseUnavailable", true), ("Neo.ClientError.Cluster.NotALeader", true),
        ("Neo.TransientError.Transaction.Terminated", false), ("Neo.ClientError.Statement.SyntaxError", false),
        ("Neo.DatabaseError.General.UnknownError", false),
    ])
    func `tries again what the server says may succeed then`(code: String, isTriedAgain: Bool) async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8))
            _ = try connection.begin()
            try connection.failQuery(code)
            if isTriedAgain {
                // This time the commit fails.
                _ = try connection.begin()
                try connection.query()
                try connection.expect(0x12)
                try connection.failure(code)
                try connection.expect(0x0F)
                try connection.success()
                _ = try connection.begin()
                try connection.query()
                try connection.commit()
            }
            try connection.expect(0x02)
        }
        let driver = server.driver()
        let tries = TestCounter()
        let work = { @Sendable (transaction: BoltTransaction) async throws -> [BoltValue] in
            tries.next()
            return try await transaction.run("x").single()
        }
        if isTriedAgain {
            let value = try await driver.session().executeRead { try await work($0) }
            #expect(value == [1])
            #expect(tries.count == 3)
        } else {
            let error = await #expect(throws: BoltError.self) {
                try await driver.session().executeRead { try await work($0) }
            }
            #expect(error?.code == code)
            #expect(tries.count == 1)
        }
        await driver.close()
        try server.finish()
    }

    @Test func `gives up when the time for tries is over`() async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8))
            _ = try connection.begin()
            try connection.failQuery("Neo.TransientError.General.OutOfMemory")
            try connection.expect(0x02)
        }
        let driver = server.driver { $0.retryTimeMax = .zero }
        let error = await #expect(throws: BoltError.self) {
            try await driver.session().executeWrite { _ = try await $0.run("x").consume() }
        }
        #expect(error?.isTransient == true)
        await driver.close()
        try server.finish()
    }

    @Test func `has a login done within the time for getting a connection`() async throws {
        let server = try FakeServer { connection in
            _ = try connection.read(20)
            // Silent until the client gives up.
            #expect(throws: FakeServer.ScriptError.self) { _ = try connection.read(1) }
        }
        let driver = server.driver { $0.acquisitionTimeout = .milliseconds(100) }
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("x") }
        #expect(error?.kind == .timeout)
        await driver.close()
        try server.finish()
    }

    @Test func `gives a login longer than it gives the way to the server`() async throws {
        let server = try FakeServer { connection in
            _ = try connection.read(20)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [], deadline: .after(.milliseconds(100)))
            try connection.send([0, 0, 0, 5])
            try connection.expect(0x01)
            try connection.success(["server": "Neo4j/5.0.0"])
            try connection.query()
            try connection.expect(0x02)
        }
        let driver = server.driver { $0.connection.connectTimeout = .milliseconds(50) }
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test func `believes the silence that the server promises not to keep`() async throws {
        let silent = Wakeup()
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8), more: ["hints": ["connection.recv_timeout_seconds": 1]])
            try connection.expect(0x10)
            try connection.expect(0x3F)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [silent], deadline: .after(.seconds(10)))
        }
        let driver = server.driver { $0.connection.readTimeout = .seconds(600) }
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("x") }
        #expect(error?.kind == .timeout)
        silent.wake()
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [
        ("Neo4j/5.26.0", true), ("Neo4j/Funky!", true), ("Neo4j/5.26.0 compatible (ArcadeDB 26.1)", true),
        ("neo4j/5.26.0", false), ("Neo4j5.26.0", false), ("Other/5.26.0", false), ("", false),
    ])
    func `talks only to servers that say they are Neo4j, or like it`(agent: String, isTaken: Bool) async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8), agent: agent)
            if isTaken { try connection.query() }
            try connection.expect(0x02)
        }
        let driver = server.driver()
        if isTaken {
            #expect(try await driver.session().run("x").single() == [1])
        } else {
            let error = await #expect(throws: BoltError.self) { try await driver.session().run("x") }
            #expect(error?.kind == .connect)
            #expect(error?.isRetryable == false)
        }
        await driver.close()
        try server.finish()
    }
}

@Suite(.timeLimit(.minutes(2))) struct `The age of a connection` {
    @Test func `decides whether it is tried before it is used, and whether it is used`() async throws {
        let time = StandingClock()
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            try connection.login(BoltVersion(5, 8))
            try connection.query()
            if count.next() == 2 {
                try connection.expect(0x02)
                return
            }
            try connection.query()
            // Idle for long enough.
            try connection.expect(0x0F)
            try connection.success()
            try connection.query()
            // Old enough to be closed.
            try connection.expect(0x02)
        }
        let driver = server.driver {
            $0.clock = time.clock
            $0.livenessCheckAfter = .seconds(10)
            $0.connectionLifetimeMax = .seconds(60)
        }
        for pause in [0, 9, 10, 41] {
            time.advance(.seconds(pause))
            #expect(try await driver.session().run("x").single() == [1])
        }
        await driver.close()
        try server.finish()
    }
}

@Suite(.timeLimit(.minutes(2))) struct `Telemetry` {
    private static let wanted: [String: BoltValue] = ["hints": ["telemetry.enabled": true]]

    @Test func `says which kind of transaction is used, together with its beginning`() async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 4), more: Self.wanted)
            for kind in [0, 0, 1] as [Int64] {
                #expect(try connection.expect(0x54)[0] == .integer(kind))
                try connection.expect(0x11)
                try connection.success()
                try connection.success()
                try connection.commit()
            }
            #expect(try connection.expect(0x54)[0] == 2)
            try connection.expect(0x10)
            try connection.expect(0x3F)
            for _ in 0..<3 { try connection.success(["fields": []]) }
            try connection.expect(0x02)
        }
        let driver = server.driver()
        try await driver.session().executeRead { _ in }
        try await driver.session().executeWrite { _ in }
        try await driver.session().beginTransaction().commit()
        _ = try await driver.session().run("x").consume()
        await driver.close()
        try server.finish()
    }

    @Test func `is said again only where it did not arrive`() async throws {
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            try connection.login(BoltVersion(5, 4), more: Self.wanted)
            try connection.expect(0x54)
            try connection.expect(0x11)
            if count.next() == 1 { return }
            try connection.success()
            try connection.failure("Neo.TransientError.General.OutOfMemory")
            try connection.expect(0x0F)
            try connection.success()
            _ = try connection.begin()
            try connection.commit()
            try connection.expect(0x02)
        }
        let driver = server.driver()
        try await driver.session().executeWrite { _ in }
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [true, false])
    func `is not sent where one of both does not want it`(serverWants: Bool) async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 4), more: serverWants ? Self.wanted : [:])
            _ = try connection.begin()
            try connection.commit()
            try connection.expect(0x02)
        }
        let driver = server.driver { $0.sendsTelemetry = !serverWants }
        try await driver.session().executeWrite { _ in }
        await driver.close()
        try server.finish()
    }
}
