// Part of Lockstep. See LICENSE.

/// A password or token that neither printing nor dumping reveals.
public struct BoltSecret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable,
    ExpressibleByStringLiteral
{
    private let secret: String

    public init(_ secret: String) { self.secret = secret }

    public init(stringLiteral value: String) { self.init(value) }

    /// The secret itself. Never log it.
    public func reveal() -> String { secret }

    public var description: String { "<secret>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
