// Part of Lockstep. See LICENSE.

/// What a session needs a connection for.
struct ConnectionNeed: Sendable {
    var mode = BoltAccessMode.write
    var database = DatabaseChoice.home
    var impersonatedUser: String?
    /// Gives what a router has to have seen before it says who does what.
    var bookmarks: @Sendable () async throws(BoltError) -> [String] = { [] }
    /// The session's own; nil for the driver's.
    var auth: BoltAuth?
    var login: BoltLogin
    /// Whether a connection that was idle is tried, however short that was.
    var checksLiveness = false
}

/// Which database a session works on.
enum DatabaseChoice: Sendable, Hashable {
    /// The user's own, which nobody has asked for yet.
    case home
    /// The name, or the answer to that question; nil where the server keeps it to itself.
    case named(String?)

    var name: String? {
        switch self {
        case .home: nil
        case .named(let name): name
        }
    }
}

/// A connection, and what was learned on the way to it.
struct Connection: Sendable {
    let link: BoltLink
    let database: DatabaseChoice
}

/// Chooses the server for a session's next transaction.
protocol ConnectionProvider: Sendable {
    /// Gives a connection to a server that can do what is needed; ``BoltPool/release(_:)`` takes it back.
    ///
    /// Whatever fails on it from then on is told to the provider before it reaches the session.
    func acquire(_ need: ConnectionNeed) async throws(BoltError) -> Connection

    /// A server said which database it took where the session asked for the home database.
    ///
    /// - Returns: What the session asks for from now on.
    func learn(home database: String, for need: ConnectionNeed) async -> DatabaseChoice
}

/// One server, which does everything.
struct DirectProvider: ConnectionProvider {
    let pool: BoltPool
    let address: BoltAddress
    /// Says which addresses stand for the one in the URL; the first that answers is taken.
    let resolver: (@Sendable (BoltAddress) async -> [BoltAddress])?

    func acquire(_ need: ConnectionNeed) async throws(BoltError) -> Connection {
        var addresses = await resolver?(address) ?? []
        while addresses.count > 1 {
            let next = addresses.removeFirst()
            do throws(BoltError) { return try await acquire(need, from: next) } catch {
                guard error.isConnectionLoss else { throw error }
            }
        }
        return try await acquire(need, from: addresses.first ?? address)
    }

    private func acquire(_ need: ConnectionNeed, from address: BoltAddress) async throws(BoltError) -> Connection {
        let link = try await pool.acquire(address, login: need.login, checksLiveness: need.checksLiveness)
        return Connection(link: link, database: need.database)
    }

    /// The server finds it again each time.
    func learn(home database: String, for need: ConnectionNeed) -> DatabaseChoice { .home }
}
