// Part of Lockstep. See LICENSE.

internal import Threading

/// Which members of a cluster do what for one database, and for how long that is worth relying on.
public struct BoltRoutingTable: Sendable {
    /// As it was asked for, which may be an alias; else as the server named the home database, which it does not before
    /// Bolt 4.4.
    public let database: String?
    /// How long the server said that it holds.
    public let timeToLive: Duration
    /// Members that give routing tables; the order is the server's.
    public private(set) var routers: [BoltAddress]
    public private(set) var readers: [BoltAddress]
    /// Empty while the cluster elects a leader.
    public private(set) var writers: [BoltAddress]

    /// It had no writers when it was made: whoever gave it may be cut off from those that have.
    let cameWithoutWriters: Bool
    private let expires: MonotonicTime

    /// How long an expired table is kept: its routers are still the ones to ask.
    private static let keptAfterExpiry: Duration = .seconds(30)

    /// Takes a table from the answer to `ROUTE`.
    ///
    /// - Parameter database: The one that was asked for; nil for the home database.
    /// - Throws: Of kind protocolViolation where it cannot be read, or names no router or no reader: a member that gives
    ///   such a table does not know the cluster.
    init(
        _ answer: [String: BoltValue], database: String?, server: BoltAddress, now: MonotonicTime
    ) throws(BoltError) {
        guard let table = answer["rt"]?.mapValue, let servers = table["servers"]?.listValue,
            let seconds = table["ttl"]?.integerValue
        else { throw Self.unusable("that cannot be read", server) }
        var members: [String: [BoltAddress]] = [:]
        for entry in servers {
            guard let entry = entry.mapValue, let role = entry["role"]?.stringValue,
                let addresses = entry["addresses"]?.listValue
            else { throw Self.unusable("with a server that cannot be read", server) }
            for address in addresses {
                guard let address = address.stringValue.flatMap({ BoltAddress($0) }) else {
                    throw Self.unusable("with an address that cannot be read", server)
                }
                if members[role]?.contains(address) != true { members[role, default: []].append(address) }
            }
        }
        guard let routers = members["ROUTE"], let readers = members["READ"] else {
            throw Self.unusable("without \(members["ROUTE"] == nil ? "routers" : "readers")", server)
        }
        self.database = database ?? table["db"]?.stringValue
        self.routers = routers
        self.readers = readers
        writers = members["WRITE"] ?? []
        cameWithoutWriters = writers.isEmpty
        // More than any server says, and far from an overflow.
        timeToLive = .seconds(min(max(seconds, 0), 1 << 31))
        expires = now + timeToLive
    }

    private static func unusable(_ what: String, _ server: BoltAddress) -> BoltError {
        BoltError(.protocolViolation, "the server gave a routing table \(what)", server: server.description)
    }

    // MARK: Time

    /// It can be used for `mode` as it is.
    func isFresh(for mode: BoltAccessMode, now: MonotonicTime) -> Bool {
        now < expires && !routers.isEmpty && !members(mode).isEmpty
    }

    /// It has expired so long ago that it is better forgotten.
    func isForgotten(now: MonotonicTime) -> Bool { now >= expires + Self.keptAfterExpiry }

    // MARK: Members

    func members(_ mode: BoltAccessMode) -> [BoltAddress] {
        switch mode {
        case .read: readers
        case .write: writers
        }
    }

    /// All of them, each once.
    var servers: Set<BoltAddress> { Set(routers + readers + writers) }

    /// A member is gone.
    mutating func remove(_ address: BoltAddress) {
        routers.removeAll { $0 == address }
        readers.removeAll { $0 == address }
        removeWriter(address)
    }

    /// A member does not write any more.
    mutating func removeWriter(_ address: BoltAddress) { writers.removeAll { $0 == address } }

    /// Chooses the member with the fewest connections in use; among equals each has its turn.
    ///
    /// - Parameters:
    ///   - inUse: Connections in use; a member that is missing has none.
    ///   - turn: Grows with each choice.
    /// - Returns: Nil where there are none.
    static func leastConnected(_ members: [BoltAddress], inUse: [BoltAddress: Int], turn: Int) -> BoltAddress? {
        guard let fewest = members.lazy.map({ inUse[$0] ?? 0 }).min() else { return nil }
        let equals = members.filter { (inUse[$0] ?? 0) == fewest }
        return equals[turn % equals.count]
    }
}
