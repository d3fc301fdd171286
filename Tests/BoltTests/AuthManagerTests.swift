// Part of Lockstep. See LICENSE.

import Synchronization
import Testing

@testable import Bolt

private func password(_ number: Int) -> BoltAuth { .basic(user: "neo4j", password: BoltSecret("pass\(number)")) }

private func isPassword(_ number: Int, _ said: [String: BoltValue]) -> Bool {
    said["credentials"] == .string("pass\(number)")
}

/// Gives what it is told to, and notes what it hears.
private final class Manager: BoltAuthManager {
    struct Heard: Hashable {
        let code: String
        let auth: BoltAuth
    }

    let answers: Bool
    let heard = Mutex<[Heard]>([])
    let current: Mutex<BoltAuth>

    init(_ auth: BoltAuth, answers: Bool) {
        current = Mutex(auth)
        self.answers = answers
    }

    func auth() -> BoltAuth { current.withLock { $0 } }

    func handle(_ failure: BoltFailure, of auth: BoltAuth) -> Bool {
        heard.withLock { $0.append(Heard(code: failure.code, auth: auth)) }
        return answers
    }
}

@Suite(.timeLimit(.minutes(2))) struct `An auth manager` {
    @Test func `has a connection logged on again when its credentials have changed`() async throws {
        let server = try FakeServer { connection in
            #expect(isPassword(1, try connection.login(BoltVersion(5, 8))))
            try connection.query()
            try connection.query()
            #expect(isPassword(2, try connection.logonAgain()))
            try connection.query()
            try connection.expect(0x02)
        }
        let manager = Manager(password(1), answers: false)
        let driver = server.driver { $0.authManager = manager }
        for _ in 0..<2 { #expect(try await driver.session().run("x").single() == [1]) }
        manager.current.withLock { $0 = password(2) }
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test func `has a connection replaced where it cannot be logged on again`() async throws {
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            #expect(isPassword(count.next(), try connection.login(BoltVersion(5, 0))))
            try connection.query()
            try connection.expect(0x02)
        }
        let manager = Manager(password(1), answers: false)
        let driver = server.driver { $0.authManager = manager }
        #expect(try await driver.session().run("x").single() == [1])
        manager.current.withLock { $0 = password(2) }
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [true, false])
    func `hears once that credentials are refused, and decides whether another try helps`(answers: Bool) async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8))
            try connection.failQuery("Neo.ClientError.Security.TokenExpired")
            try connection.expect(0x02)
        }
        let manager = Manager(password(1), answers: answers)
        let driver = server.driver { $0.authManager = manager }
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("x").consume() }
        #expect(error?.isRetryable == answers)
        #expect(
            manager.heard.withLock { $0 } == [.init(code: "Neo.ClientError.Security.TokenExpired", auth: password(1))])
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [1, 2])
    func `does not hear of the credentials of a session, the same or others`(number: Int) async throws {
        let server = try FakeServer { connection in
            #expect(isPassword(1, try connection.login(BoltVersion(5, 8))))
            try connection.query()
            if number == 2 { #expect(isPassword(2, try connection.logonAgain())) }
            try connection.failQuery("Neo.ClientError.Security.Unauthorized")
            try connection.expect(0x02)
        }
        let manager = Manager(password(1), answers: true)
        let driver = server.driver { $0.authManager = manager }
        #expect(try await driver.session().run("x").single() == [1])
        let session = driver.session { $0.auth = password(number) }
        let error = await #expect(throws: BoltError.self) { try await session.run("x").consume() }
        #expect(error?.isRetryable == false)
        #expect(manager.heard.withLock { $0.isEmpty })
        await driver.close()
        try server.finish()
    }

    @Test func `that throws keeps a transaction from beginning`() async throws {
        struct Gone: Error {}
        var settings = BoltDriverSettings(BoltConfiguration(host: "127.0.0.1", port: 1))
        settings.authManager = BoltRenewedAuth.basic { throw Gone() }
        let driver = BoltDriver(settings)
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("x") }
        #expect(error?.kind == .callback)
        #expect(error?.isRetryable == false)
        await driver.close()
    }
}

@Suite(.timeLimit(.minutes(2))) struct `Renewed credentials` {
    @Test func `are fetched again when they have expired, and not before`() async throws {
        let time = StandingClock()
        let count = TestCounter()
        let auth = BoltRenewedAuth.bearer(clock: time.clock) {
            BoltExpiringAuth(password(count.next()), lifetime: .seconds(10))
        }
        #expect(try await auth.auth() == password(1))
        time.advance(.milliseconds(9999))
        #expect(try await auth.auth() == password(1))
        time.advance(.milliseconds(1))
        #expect(try await auth.auth() == password(2))
    }

    @Test(arguments: [
        "Neo.ClientError.Security.Unauthorized", "Neo.ClientError.Security.TokenExpired",
        "Neo.ClientError.Security.AuthorizationExpired", "Neo.ClientError.Security.Forbidden",
    ])
    func `are fetched again when a server refuses them`(code: String) async throws {
        let failure = BoltFailure(metadata: ["code": .string(code), "message": "no"])
        let (basic, bearer) = (TestCounter(), TestCounter())
        let passwords = BoltRenewedAuth.basic { password(basic.next()) }
        let tokens = BoltRenewedAuth.bearer { BoltExpiringAuth(password(bearer.next())) }
        for auth in [passwords, tokens] { #expect(try await auth.auth() == password(1)) }
        #expect(await passwords.handle(failure, of: password(1)) == code.hasSuffix("Unauthorized"))
        #expect(
            await tokens.handle(failure, of: password(1))
                == (code.hasSuffix("Unauthorized") || code.hasSuffix("TokenExpired")))
        _ = try await passwords.auth()
        _ = try await tokens.auth()
        // Old news of credentials that were replaced meanwhile.
        _ = await tokens.handle(failure, of: .none)
        _ = try await tokens.auth()
        #expect(basic.count == (code.hasSuffix("Unauthorized") ? 2 : 1))
        #expect(bearer.count == (code.hasSuffix("Unauthorized") || code.hasSuffix("TokenExpired") ? 2 : 1))
    }

    @Test func `are fetched once for all who wait`() async throws {
        let count = TestCounter()
        let auth = BoltRenewedAuth.basic {
            await Task.yield()
            return password(count.next())
        }
        try await withThrowingTaskGroup(of: BoltAuth.self) { group in
            for _ in 0..<20 { group.addTask { try await auth.auth() } }
            for try await given in group { #expect(given == password(1)) }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `A change of the user` {
    @Test func `serves sessions of several users over one connection`() async throws {
        let server = try FakeServer { connection in
            #expect(isPassword(1, try connection.login(BoltVersion(5, 1))))
            try connection.query()
            #expect(isPassword(2, try connection.logonAgain()))
            try connection.query()
            try connection.query()
            #expect(isPassword(1, try connection.logonAgain()))
            try connection.query()
            try connection.expect(0x02)
        }
        let driver = server.driver { $0.connection.auth = password(1) }
        for auth in [nil, password(2), password(2), nil] {
            #expect(try await driver.session { $0.auth = auth }.run("x").single() == [1])
        }
        await driver.close()
        try server.finish()
    }

    @Test func `is refused where the server knows none`() async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 0))
            try connection.query()
            try connection.query()
            try connection.expect(0x02)
        }
        let driver = server.driver()
        #expect(try await driver.session().run("x").single() == [1])
        let session = driver.session { $0.auth = password(2) }
        let error = await #expect(throws: BoltError.self) { try await session.run("x") }
        #expect(error?.kind == .configuration)
        #expect(try await driver.supportsSessionAuth() == false)
        // The connection is still good for the driver's own user.
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test func `follows when the server declares all logins void`() async throws {
        let server = try FakeServer { connection in
            #expect(isPassword(1, try connection.login(BoltVersion(5, 8))))
            try connection.failQuery("Neo.ClientError.Security.AuthorizationExpired")
            #expect(isPassword(1, try connection.logonAgain()))
            try connection.query()
            try connection.query()
            try connection.expect(0x02)
        }
        let driver = server.driver { $0.connection.auth = password(1) }
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("x").consume() }
        #expect(error?.isRetryable == true)
        for _ in 0..<2 { #expect(try await driver.session().run("x").single() == [1]) }
        await driver.close()
        try server.finish()
    }

    @Test func `that the server refuses ends the connection`() async throws {
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            try connection.login(BoltVersion(5, 8))
            try connection.query()
            if count.next() == 2 { return }
            try connection.expect(0x6B)
            try connection.expect(0x6A)
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success()
            try connection.failure("Neo.ClientError.Security.Unauthorized")
            try connection.ignored()
            try connection.ignored()
        }
        let driver = server.driver()
        #expect(try await driver.session().run("x").single() == [1])
        let session = driver.session { $0.auth = password(2) }
        let error = await #expect(throws: BoltError.self) { try await session.run("x") }
        #expect(error?.code == "Neo.ClientError.Security.Unauthorized")
        #expect(try await driver.session().run("x").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test func `is tried to verify credentials`() async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 8))
            // The driver's own, once more; then others, which the server does not take.
            try connection.expect(0x6B)
            try connection.expect(0x6A)
            try connection.success()
            try connection.success()
            try connection.expect(0x6B)
            #expect(isPassword(2, try connection.expect(0x6A)[0].mapValue ?? [:]))
            try connection.success()
            try connection.failure("Neo.ClientError.Security.Unauthorized")
        }
        let driver = server.driver { $0.connection.auth = password(1) }
        #expect(try await driver.verifyAuthentication())
        #expect(try await driver.verifyAuthentication())
        #expect(try await driver.verifyAuthentication(password(2)) == false)
        await driver.close()
        try server.finish()
    }
}
