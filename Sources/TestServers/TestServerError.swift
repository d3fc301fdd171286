// Part of Lockstep. See LICENSE.

/// What went wrong with a throw-away server or process: what was tried, and the end of its output.
public struct TestServerError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
