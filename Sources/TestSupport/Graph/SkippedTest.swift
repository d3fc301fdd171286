// Part of Lockstep. See LICENSE.

internal import Testing

enum SkippedTest {
    /// Ends the running test, or this case of it, as skipped, and says so by name: of a single case of a test with
    /// arguments the test library's own output says nothing.
    static func cancel(_ reason: String) throws -> Never {
        if let test = Test.current {
            print("➜ Test \"\(test.displayName ?? test.name)\" skipped: \(reason)")
        }
        try Test.cancel("\(reason)")
    }
}
