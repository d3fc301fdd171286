// Part of Lockstep. See LICENSE.

/// What a server says about a query when its records have ended.
public struct BoltSummary: Sendable {
    public let query: String
    public let parameters: [String: BoltValue]
    /// All of it as it came: `stats`, `plan`, `profile`, `notifications`, `statuses`...
    public let metadata: [String: BoltValue]
    public let server: BoltServer?
    private let hadKeys: Bool
    private let hadRecord: Bool

    /// - Throws: Of kind protocolViolation where the server names a type of query that there is not.
    init(
        query: String, parameters: [String: BoltValue], metadata: [String: BoltValue], server: BoltServer?,
        hadKeys: Bool, hadRecord: Bool
    ) throws(BoltError) {
        if let type = metadata["type"]?.stringValue, !["r", "w", "rw", "s"].contains(type) {
            throw BoltError(
                .protocolViolation, "the server says that the query is of the type '\(type)', which is not known",
                server: server?.address)
        }
        self.query = query
        self.parameters = parameters
        self.metadata = metadata
        self.server = server
        self.hadKeys = hadKeys
        self.hadRecord = hadRecord
    }

    /// What was written; a counter that is missing is zero.
    public var counters: [String: Int64] { metadata["stats"]?.mapValue?.compactMapValues(\.integerValue) ?? [:] }

    /// `r`, `w`, `rw` or `s`.
    public var queryType: String? { metadata["type"]?.stringValue }

    public var database: String? { metadata["db"]?.stringValue }

    /// The server's hints about the query. Nil where it said nothing about hints, as it does before Bolt 5.6 when there
    /// are none.
    public var notifications: [BoltNotification]? {
        if let given = metadata["notifications"]?.listValue { return given.map { BoltNotification($0) } }
        if let given = metadata["statuses"]?.listValue { return given.compactMap { BoltNotification(status: $0) } }
        return server?.version.hasStatuses == true ? [] : nil
    }

    /// How the query went, hints included; at least one.
    public var statuses: [BoltStatus] {
        if let given = metadata["statuses"]?.listValue { return given.map { BoltStatus($0) } }
        let notifications = metadata["notifications"]?.listValue ?? []
        let outcome: BoltStatus = hadRecord ? .success : hadKeys ? .noData : .omittedResult
        let all = notifications.map { BoltStatus(notification: $0) } + [outcome]
        return all.enumerated()
            .sorted { ($0.element.precedence, $0.offset) < ($1.element.precedence, $1.offset) }
            .map(\.element)
    }

    public var plan: BoltValue? { metadata["plan"] }
    public var profile: BoltValue? { metadata["profile"] }

    /// Milliseconds until the first record was there; until the last was taken.
    public var availableAfterMilliseconds: Int64? { metadata["t_first"]?.integerValue }
    public var consumedAfterMilliseconds: Int64? { metadata["t_last"]?.integerValue }
}
