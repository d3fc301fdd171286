// Part of Lockstep. See LICENSE.

internal import CLibPQ

/// Where a PostgreSQL server is and how to get in: any connection string that libpq reads.
///
/// What the string leaves open, libpq fills in as for every other client: `PG…` variables, `~/.pgpass`, service files.
/// Printing it never shows the password.
public struct PostgresConfiguration: Sendable {
    private let options: [Option]

    /// Takes the place of the string's password.
    public var password: String?
    /// What `pg_stat_activity` shows, unless the string says otherwise.
    public var applicationName = "lockstep"

    struct Option: Sendable {
        var keyword: String
        var value: String
    }

    /// Reads `postgresql://user@host:port/database?…` or `host=… dbname=…`.
    ///
    /// - Throws: `.configuration`; what libpq says, without what it quotes from `url`.
    /// - SeeAlso: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
    public init(_ url: String) throws(PostgresError) {
        var complaint: UnsafeMutablePointer<CChar>?
        guard let parsed = unsafe PQconninfoParse(url, &complaint) else {
            var text = "out of memory"
            if let complaint = unsafe complaint {
                text = unsafe Self.explain(String(cString: complaint), url: url)
                unsafe PQfreemem(complaint)
            }
            throw PostgresError(.configuration, "the connection string cannot be read: \(text)", server: "?")
        }
        options = unsafe Self.options(parsed)
        unsafe PQconninfoFree(parsed)
    }

    /// `host:port/database`, as far as it is known before connecting.
    public var server: String {
        let host = value("host") ?? value("hostaddr") ?? "[local]"
        let port = value("port") ?? "5432"
        let hosts = host.split(separator: ",", omittingEmptySubsequences: false)
        let ports = port.split(separator: ",", omittingEmptySubsequences: false)
        let places = hosts.indices.map { index in
            let port = ports.count == hosts.count ? ports[index] : ports[0]
            return "\(hosts[index]):\(port.isEmpty ? "5432" : port)"
        }
        return places.joined(separator: ",") + "/" + (value("dbname") ?? user)
    }

    /// The role that is logged in as.
    public var user: String { self["user"] ?? Self.defaults.first { $0.keyword == "user" }?.value ?? "?" }

    /// Names, addresses and socket folders, in the order in which they are tried; `localhost` where nothing names one.
    public var hosts: [String] {
        let text = value("hostaddr") ?? value("host") ?? ""
        let hosts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        return hosts.isEmpty ? ["localhost"] : hosts.map { $0.isEmpty ? "localhost" : $0 }
    }

    /// How far TLS is asked for: `disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`.
    public var sslMode: String { value("sslmode") ?? "prefer" }

    /// What the string says, or else what libpq takes from its environment.
    private func value(_ keyword: String) -> String? {
        self[keyword] ?? Self.defaults.first { $0.keyword == keyword }?.value
    }

    subscript(_ keyword: String) -> String? { options.first { $0.keyword == keyword }?.value }

    /// How long an attempt may take, for each host of the string; nil for ever (`connect_timeout=0`). 10 s by default.
    var connectTimeout: Duration? {
        guard let seconds = self["connect_timeout"].flatMap({ Int($0) }) else { return .seconds(10) }
        let hosts = (self["host"] ?? self["hostaddr"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        return seconds <= 0 ? nil : .seconds(max(seconds, 2) * max(hosts.count, 1))
    }

    /// What goes to `PQconnectStartParams`: the string's options and ours, the string's first where it may choose.
    func connectionOptions(replication: Bool) -> [Option] {
        var all = options
        func put(_ keyword: String, _ value: String, overriding: Bool) {
            if let index = all.firstIndex(where: { $0.keyword == keyword }) {
                if overriding { all[index].value = value }
            } else {
                all.append(Option(keyword: keyword, value: value))
            }
        }
        if let password { put("password", password, overriding: true) }
        put("fallback_application_name", applicationName, overriding: true)
        put("client_encoding", "UTF8", overriding: true)
        if replication { put("replication", "database", overriding: true) }
        // A peer that vanished without a word is noticed after a minute instead of two hours.
        put("keepalives_idle", "30", overriding: false)
        put("keepalives_interval", "10", overriding: false)
        put("keepalives_count", "3", overriding: false)
        put("tcp_user_timeout", "60000", overriding: false)
        return all
    }

    // MARK: libpq's lists

    private static var defaults: [Option] {
        guard let list = unsafe PQconndefaults() else { return [] }
        defer { unsafe PQconninfoFree(list) }
        return unsafe options(list)
    }

    /// The entries of a list that have a value; it ends with an empty keyword.
    private static func options(_ list: UnsafeMutablePointer<PQconninfoOption>) -> [Option] {
        var options: [Option] = []
        var entry = unsafe list
        while let keyword = unsafe entry.pointee.keyword {
            if let value = unsafe entry.pointee.val {
                unsafe options.append(Option(keyword: String(cString: keyword), value: String(cString: value)))
            }
            unsafe entry += 1
        }
        return options
    }

    /// libpq's complaint without the parts of the string that it quotes: they may be parts of a password.
    ///
    /// The name of a URI parameter is kept where it can be nothing else: there is no `@` behind the first `?`.
    private static func explain(_ complaint: String, url: String) -> String {
        let line = complaint.split(separator: "\n").first.map(String.init) ?? complaint
        let query = url.split(separator: "?", maxSplits: 1).dropFirst().first
        if line.hasPrefix("invalid URI query parameter"), let query, !query.contains("@") { return line }
        return PostgresError.withoutQuotation(line)
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `host:port/database as user`.
    public var description: String { "\(server) as \(user)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["server": server, "user": user]) }
}
