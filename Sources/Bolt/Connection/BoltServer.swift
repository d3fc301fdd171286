// Part of Lockstep. See LICENSE.

/// What a server said of itself when the connection was made.
public struct BoltServer: Sendable, Hashable {
    /// `host:port`, as it was asked for.
    public let address: String
    /// The protocol version agreed on.
    public let version: BoltVersion
    /// The server's name for itself, for instance `Neo4j/5.26.31`.
    public let agent: String
    /// The server's name for the connection, as it appears in its logs.
    public let connectionID: String
    public let hints: [String: BoltValue]
    /// `host:port` under which the server wants to be known, which routing tables name; from Bolt 5.8.
    public let advertisedAddress: String?
    /// Date-times go in UTC; false only where a 4.x server did not accept the `utc` patch.
    public let usesUTC: Bool

    init(address: String, version: BoltVersion, hello: [String: BoltValue] = [:], logon: [String: BoltValue] = [:]) {
        self.address = address
        self.version = version
        agent = hello["server"]?.stringValue ?? ""
        connectionID = hello["connection_id"]?.stringValue ?? ""
        hints = hello["hints"]?.mapValue ?? [:]
        advertisedAddress = logon["advertised_address"]?.stringValue
        usesUTC =
            version.alwaysUsesUTC || hello["patch_bolt"]?.listValue?.contains("utc") ?? false
            // It takes and gives UTC without saying that it accepts the patch.
            || agent.contains("ArcadeDB")
    }

    /// ArcadeDB says that it is a compatible Neo4j, and names itself behind that.
    public var isArcadeDB: Bool { agent.contains("ArcadeDB") }

    /// Memgraph does the same.
    public var isMemgraph: Bool { agent.contains("Memgraph") }

    /// Neo4j itself.
    public var isNeo4j: Bool { agent.hasPrefix("Neo4j/") && !isArcadeDB && !isMemgraph }

    /// Neo4j, or one that says that it behaves like it.
    var isCompatible: Bool { agent.hasPrefix("Neo4j/") }

    /// The numbers of the release in ``agent``, for instance `[5, 26, 31]` or `[2026, 9, 0]`; empty where it has none.
    public var release: [Int] {
        guard let slash = agent.firstIndex(of: "/") else { return [] }
        let text = agent[agent.index(after: slash)...].prefix { $0.isNumber || $0 == "." }
        return text.split(separator: ".").compactMap { Int($0) }
    }

    /// The server counts which kinds of transaction are used.
    var wantsTelemetry: Bool { version.hasTelemetry && hints["telemetry.enabled"] == true }

    /// A transaction that this member cannot do is passed on to one that can.
    var passesTransactionsOn: Bool { version >= BoltVersion(5, 8) && hints["ssr.enabled"] == true }

    /// The longest silence the server promises to keep while it owes an answer.
    public var receiveTimeout: Duration? {
        guard let seconds = hints["connection.recv_timeout_seconds"]?.integerValue, seconds > 0 else { return nil }
        return .seconds(min(seconds, 86_400))
    }
}
