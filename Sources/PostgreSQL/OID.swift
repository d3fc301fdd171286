// Part of Lockstep. See LICENSE.

/// An object identifier of PostgreSQL's catalogs.
public struct OID: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByIntegerLiteral {
    public var rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(integerLiteral value: UInt32) { rawValue = value }

    public var description: String { String(rawValue) }
    public static func < (a: OID, b: OID) -> Bool { a.rawValue < b.rawValue }
}
