// Part of Lockstep. See LICENSE.

internal import Threading

/// How a driver keeps its connections and what its sessions do unless told otherwise.
public struct BoltDriverSettings: Sendable {
    /// Where to connect and how; ``BoltConfiguration/database`` is the sessions' default.
    public var connection: BoltConfiguration
    /// The most connections to one server.
    public var connectionsMax = 100
    /// For getting a connection: waiting for a free one, or making a new one, its login included. A server that cannot
    /// be reached is given up after ``BoltConfiguration/connectTimeout`` already.
    public var acquisitionTimeout: Duration = .seconds(60)
    /// A connection older than this is not used again.
    public var connectionLifetimeMax: Duration = .seconds(3600)
    /// A connection that was idle for longer than this is tried before it is used; nil tries none.
    public var livenessCheckAfter: Duration?
    /// How many records are asked for at a time; -1 for all.
    public var fetchSize: Int64 = 1000
    /// After this a managed transaction is not tried again.
    public var retryTimeMax: Duration = .seconds(30)
    /// Before the first new try; twice as long before each further one, give or take a fifth.
    public var retryDelay: Duration = .seconds(1)
    /// Lets the server count which kinds of transaction are used, where it asks for that.
    public var sendsTelemetry = true
    /// Who gives the credentials; nil for those of ``connection``, which stay the same.
    public var authManager: (any BoltAuthManager)?
    /// Asked before each new connection for the certificate that servers are shown from now on; nil from it means the
    /// one it gave last. Without it that of ``connection`` is shown, if any.
    public var clientCertificateProvider: (@Sendable () async throws -> BoltTLS.ClientCertificate?)?
    /// By which the ages of connections and routing tables count.
    public var clock = BoltClock.system
    /// Says which addresses stand for the one in the URL, each time a server, or a cluster's router, is looked for there.
    /// The first that answers is taken. Nil takes the address as it is.
    public var resolver: (@Sendable (BoltAddress) async -> [BoltAddress])?
    /// In place of the system's resolver of names; for tests.
    package var lookUp: (@Sendable (String) async -> [String])?

    public init(_ connection: BoltConfiguration) { self.connection = connection }
}

/// A graph server, and connections to it that sessions share.
///
///     let driver = BoltDriver(try BoltConfiguration(url: "bolt://neo4j@localhost", password: secret))
///     let names = try await driver.session().executeRead { transaction in
///         try await transaction.run("MATCH (p:Person) RETURN p.name").list()
///     }
///     await driver.close()
///
/// Of a cluster (`neo4j://`) each transaction goes to a member that can do it: writing to the leader, reading to the least
/// used of the others. A transaction that is lost with its member is done again elsewhere by `executeRead` and
/// `executeWrite`; what `run` and `beginTransaction` lose, their caller may do again.
///
/// Nothing is connected before a session needs it.
public final class BoltDriver: Sendable {
    public let settings: BoltDriverSettings
    let pool: BoltPool
    let connections: any ConnectionProvider
    /// Of ``executeQuery(_:_:_:transaction:bookmarks:)``.
    let queryBookmarks = BoltBookmarks()
    private let router: Router?

    public init(_ settings: BoltDriverSettings) {
        self.settings = settings
        pool = BoltPool(settings)
        router = settings.connection.routing == nil ? nil : Router(settings, pool: pool)
        connections =
            router
            ?? DirectProvider(
                pool: pool, address: settings.connection.endpoint, resolver: settings.resolver)
    }

    public convenience init(_ connection: BoltConfiguration) { self.init(BoltDriverSettings(connection)) }

    /// Makes a session, which costs nothing until it runs something.
    public func session(_ settings: BoltSessionSettings = BoltSessionSettings()) -> BoltSession {
        BoltSession(self, settings)
    }

    /// Sees that the server is there and takes the credentials, over a connection that answers now; of a cluster, a
    /// member that reads.
    public func verifyConnectivity() async throws(BoltError) -> BoltServer {
        var need = need(settings.connection.database)
        need.checksLiveness = true
        let link = try await connections.acquire(need).link
        let server = await link.server
        await pool.release(link)
        guard let server else { throw BoltError(.closed, "the connection was lost", server: nil) }
        return server
    }

    /// What is known about who does what for a database; nil for one server, and where nobody asked yet.
    public func routingTable(for database: String?) async -> BoltRoutingTable? { await router?.table(database) }

    /// Asks the cluster who does what for a database, whatever is known; does nothing for one server.
    ///
    /// - Parameter database: Nil for the home database, which the table names.
    @discardableResult
    public func updateRoutingTable(
        for database: String?, bookmarks: [String] = []
    ) async throws(BoltError) -> BoltRoutingTable? {
        try await router?.discover(database, need(database, bookmarks: bookmarks))
    }

    /// A member that reads.
    func need(_ database: String?, bookmarks: [String] = []) -> ConnectionNeed {
        ConnectionNeed(
            mode: .read, database: database.map { .named($0) } ?? .home, bookmarks: { bookmarks }, login: login(nil))
    }

    /// How many connections there are to a server: handed out, and kept for the next.
    public func connectionCount(to address: BoltAddress) async -> (inUse: Int, idle: Int) {
        await pool.connectionCount(address)
    }

    /// Closes every connection; those in use when they are given back.
    public func close() async { await pool.close() }
}
