// Part of Lockstep. See LICENSE.

public import TestServers
internal import Testing

extension GraphServer.Kind {
    /// Ends the running test as skipped, with the reason, where this kind is missing.
    public func requireAvailable() throws {
        if let missing { try SkippedTest.cancel(missing) }
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
