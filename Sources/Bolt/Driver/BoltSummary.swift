// Part of Lockstep. See LICENSE.

/// What a server says about a query when its records have ended.
public struct BoltSummary: Sendable {
    public let query: String
    public let parameters: [String: BoltValue]
    /// All of it as it came: `stats`, `plan`, `profile`, `notifications`, `statuses`...
    public let metadata: [String: BoltValue]
    public let server: BoltServer?

    /// What was written; a counter that is missing is zero.
    public var counters: [String: Int64] { metadata["stats"]?.mapValue?.compactMapValues(\.integerValue) ?? [:] }

    /// `r`, `w`, `rw` or `s`.
    public var queryType: String? { metadata["type"]?.stringValue }

    public var database: String? { metadata["db"]?.stringValue }

    /// Until Bolt 5.4.
    public var notifications: [BoltValue]? { metadata["notifications"]?.listValue }

    /// From Bolt 5.6: GQLSTATUS objects, notifications among them.
    public var statuses: [BoltValue]? { metadata["statuses"]?.listValue }

    public var plan: BoltValue? { metadata["plan"] }
    public var profile: BoltValue? { metadata["profile"] }

    /// Milliseconds until the first record was there; until the last was taken.
    public var availableAfterMilliseconds: Int64? { metadata["t_first"]?.integerValue }
    public var consumedAfterMilliseconds: Int64? { metadata["t_last"]?.integerValue }
}
