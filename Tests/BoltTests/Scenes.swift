// Part of Lockstep. See LICENSE.

import Synchronization
import Testing

@testable import Bolt

// What scripts of fake servers often do.

extension FakeServer {
    /// A driver for this server that loses no time between tries.
    func driver(_ change: (inout BoltDriverSettings) -> Void = { _ in }) -> BoltDriver {
        var settings = BoltDriverSettings(configuration)
        settings.retryDelay = .milliseconds(1)
        change(&settings)
        return BoltDriver(settings)
    }
}

extension BoltDriver {
    func session(_ change: (inout BoltSessionSettings) -> Void) -> BoltSession {
        var settings = BoltSessionSettings()
        change(&settings)
        return session(settings)
    }
}

extension FakeConnection {
    /// Handshake and login in a version; gives what the client said for its credentials.
    @discardableResult
    func login(
        _ version: BoltVersion, agent: String = "Neo4j/5.26.0", more: [String: BoltValue] = [:]
    ) throws -> [String: BoltValue] {
        try handshake([0, 0, version.minor, version.major])
        var hello: [String: BoltValue] = ["server": .string(agent), "connection_id": "bolt-7"]
        hello.merge(more) { $1 }
        let said = try expect(0x01)[0].mapValue ?? [:]
        guard version.hasLogon else {
            try success(hello)
            return said
        }
        let auth = try expect(0x6A)[0].mapValue ?? [:]
        try success(hello)
        try success()
        return auth
    }

    /// Takes a logoff and a logon, which come together with the next request; gives the credentials.
    func logonAgain() throws -> [String: BoltValue] {
        try expect(0x6B)
        let auth = try expect(0x6A)[0].mapValue ?? [:]
        try success()
        try success()
        return auth
    }

    /// A query in a transaction of its own, or in one that was begun, with one record; gives the extra entries.
    @discardableResult
    func query(_ value: BoltValue = 1, end: [String: BoltValue] = ["type": "r"]) throws -> [String: BoltValue] {
        let extra = try expect(0x10)[2].mapValue ?? [:]
        try expect(0x3F)
        try success(["fields": ["x"]])
        try record([value])
        try success(end)
        return extra
    }

    /// Takes a query, fails it, and is made ready again.
    func failQuery(_ code: String) throws {
        try expect(0x10)
        try expect(0x3F)
        try failure(code)
        try ignored()
        try expect(0x0F)
        try success()
    }

    func begin() throws -> [String: BoltValue] {
        let extra = try expect(0x11)[0].mapValue ?? [:]
        try success()
        return extra
    }

    func commit(_ bookmark: String? = nil) throws {
        try expect(0x12)
        try success(bookmark.map { ["bookmark": .string($0)] } ?? [:])
    }
}

/// Counts what happens on several threads.
final class TestCounter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    /// - Returns: The number with this one.
    @discardableResult
    func next() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}

/// A clock that stands until a test sets it forward.
final class StandingClock: Sendable {
    private let time = Mutex(Duration.seconds(1000))

    var clock: BoltClock { BoltClock { [self] in time.withLock { $0 } } }

    func advance(_ duration: Duration) { time.withLock { $0 += duration } }
}
