// Part of Lockstep. See LICENSE.

/// Where a Bolt server is and how to talk to it.
///
///     var configuration = try BoltConfiguration(url: "neo4j+s://neo4j@graph.example.com", password: secret)
///     configuration.connectTimeout = .seconds(5)
public struct BoltConfiguration: Sendable, Hashable, CustomStringConvertible {
    public static let defaultPort: UInt16 = 7687

    /// A name or an address; an IPv6 address without brackets.
    public var host: String
    public var port: UInt16
    /// Nil for a server without authentication.
    public var user: String?
    public var password: BoltSecret?
    /// What the client says instead of ``user`` and ``password``; nil for those.
    public var auth: BoltAuth?
    /// Nil for the user's home database.
    public var database: String?
    /// Nil for a connection that everybody on the way can read.
    public var tls: BoltTLS?
    /// What a `neo4j://` URL says after its `?`, for the rules by which a cluster gives its routing tables; empty where
    /// it says nothing. A ``BoltDriver`` then has each transaction done by a member of the cluster that can do it. Nil
    /// for one server; a ``BoltChannel`` always is a connection to one.
    public var routing: [String: String]?
    /// For all of connecting, TLS, handshake and login. Looking up the name is not bounded by it.
    public var connectTimeout: Duration = .seconds(15)
    /// The longest silence of the server while an answer is awaited, and the longest time without progress in sending.
    /// A server that promises traffic (hint `connection.recv_timeout_seconds`) sets its own limit instead of this.
    public var readTimeout: Duration = .seconds(120)
    /// `product/version`, which the server logs.
    public var userAgent = "swift-bolt/0.1"
    /// Off by default: notifications cost bytes in each answer.
    public var notifications = BoltNotificationFilter.off
    /// The newest protocol version to offer; a lower one for a server or proxy that gets a newer one wrong.
    public var newestVersion = BoltVersion(6, 1)
    /// The largest message taken from the server, in bytes. A larger one closes the connection.
    public var messageBytesMax = 256 << 20

    public init(
        host: String, port: UInt16 = defaultPort, user: String? = nil, password: BoltSecret? = nil,
        database: String? = nil
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database
    }

    /// Given to a cluster's members with the introduction; nil for one server, which is not to route.
    var routingContext: [String: String]?
    /// Connected to in place of ``host``, which stays the name that the server has to prove.
    var dialedHost: String?

    /// What is said at the login.
    var credentials: BoltAuth {
        if let auth { return auth }
        return user.map { .basic(user: $0, password: password ?? "") } ?? .none
    }

    /// `host:port`, as errors name the server.
    public var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The URL, without the password.
    public var description: String {
        var url = routing == nil ? "bolt" : "neo4j"
        switch tls?.trust {
        case nil: url += "://"
        case .system, .authorities: url += "+s://"
        case .anybody: url += "+ssc://"
        }
        if let user { url += "\(user)@" }
        url += address
        if let database { url += "/\(database)" }
        return url
    }
}
