// Part of Lockstep. See LICENSE.

internal import Foundation
public import TestServers
internal import Testing

extension GraphServer.Kind {
    /// Ends the running test as skipped, with the reason, where this kind is missing.
    public func requireAvailable() throws {
        if let missing { try SkippedTest.cancel(missing) }
    }
}

extension PostgresServer {
    /// Ends the running test as skipped, with the reason, where an extension cannot be made here.
    public func requireExtension(_ name: String, _ remedy: String) async throws {
        let found = try await psql("SELECT count(*) FROM pg_available_extensions WHERE name = '\(name)'")
        if found.trimmingCharacters(in: .whitespacesAndNewlines) != "1" {
            try SkippedTest.cancel("\(name) is not installed: \(remedy)")
        }
    }
}

private enum SkippedTest {
    /// Ends the running test, or this case of it, as skipped, and says so by name: of a single case of a test with
    /// arguments the test library's own output says nothing.
    static func cancel(_ reason: String) throws -> Never {
        if let test = Test.current {
            print("➜ Test \"\(test.displayName ?? test.name)\" skipped: \(reason)")
        }
        try Test.cancel("\(reason)")
    }
}
