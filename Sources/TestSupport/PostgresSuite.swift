// Part of Lockstep. See LICENSE.

public import TestServers
public import Testing

/// Gives a suite one ``PostgresServer`` that all its tests share: `@Suite(.postgres(), .serialized)`.
///
/// Inside, ``PostgresServer/current`` is the server. It starts before the suite's first test and goes after its last.
public struct PostgresTrait: SuiteTrait, TestScoping {
    let settings: [String: String]
    let authentication: PostgresServer.Authentication

    @concurrent
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let server = try await PostgresServer(settings: settings, authentication: authentication)
        try await PostgresServer.$shared.withValue(server) { try await function() }
        try await server.stop(.immediate)
    }
}

extension Trait where Self == PostgresTrait {
    /// One PostgreSQL server for the whole suite.
    public static func postgres(
        settings: [String: String] = [:], authentication: PostgresServer.Authentication = .trust
    ) -> Self {
        Self(settings: settings, authentication: authentication)
    }
}

extension PostgresServer {
    @TaskLocal static var shared: PostgresServer?

    /// The server of the suite that runs: of its ``PostgresTrait``.
    ///
    /// A task-local value: it is not there on a thread of one's own, so take it before going to one.
    public static var current: PostgresServer {
        guard let shared else { preconditionFailure("the suite lacks the trait .postgres()") }
        return shared
    }
}
