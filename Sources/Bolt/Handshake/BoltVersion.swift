// Part of Lockstep. See LICENSE.

/// A version of the Bolt protocol.
public struct BoltVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let major: UInt8
    public let minor: UInt8

    public init(_ major: UInt8, _ minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    public static func < (a: BoltVersion, b: BoltVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }

    public var description: String { "\(major).\(minor)" }

    /// The versions spoken here, the best one first.
    static let supported: [BoltVersion] =
        [BoltVersion(6, 1), BoltVersion(6, 0)] + (0...8).reversed().map { BoltVersion(5, $0) }
        + (2...4).reversed().map { BoltVersion(4, $0) }

    // MARK: What came with which version

    /// Credentials go in a `LOGON` of their own instead of `HELLO`.
    var hasLogon: Bool { self >= BoltVersion(5, 1) }

    /// `HELLO` can filter notifications.
    var hasNotificationFilter: Bool { self >= BoltVersion(5, 2) }

    /// What used to be categories of notifications are classifications.
    var namesClassifications: Bool { self >= BoltVersion(5, 5) }

    /// What a query's end says about it are GQLSTATUS objects.
    var hasStatuses: Bool { self >= BoltVersion(5, 5) }

    /// `HELLO` says what program this is, apart from the user agent.
    var hasBoltAgent: Bool { self >= BoltVersion(5, 3) }

    /// Date-times are in UTC only where `HELLO` asks for the patch.
    var needsUTCPatch: Bool { self == BoltVersion(4, 3) || self == BoltVersion(4, 4) }

    /// Date-times are in UTC whatever anybody says.
    var alwaysUsesUTC: Bool { self >= BoltVersion(5, 0) }

    /// `ROUTE` gives a routing table.
    var hasRoute: Bool { self >= BoltVersion(4, 3) }

    /// Transactions can be another user's.
    var hasImpersonation: Bool { self >= BoltVersion(4, 4) }

    /// `TELEMETRY` tells which kind of transaction is used.
    var hasTelemetry: Bool { self >= BoltVersion(5, 4) }
}
