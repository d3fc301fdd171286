// Part of Lockstep. See LICENSE.

internal import Bolt
internal import PostgreSQL

/// What the way to a server gives away.
enum TransportFindings {
    /// - Parameter isEncrypted: What the connection that was made turned out to be; nil where none was made.
    static func source(_ configuration: PostgresConfiguration, isEncrypted: Bool?) -> [PreflightFinding] {
        guard configuration.sslMode != "verify-full", let host = configuration.hosts.first(where: { !isLocal($0) })
        else { return [] }
        let risk =
            switch (isEncrypted, configuration.sslMode) {
            case (false?, _), (nil, "disable"): "is not encrypted"
            case (_, "verify-ca"):
                "is encrypted, but any host with a certificate of that authority can pose as the server"
            default: "is encrypted at best, and whoever stands between can pose as the server"
            }
        return [
            PreflightFinding(
                .warning, .source, "the connection to \(host) \(risk) (sslmode=\(configuration.sslMode))",
                fix: "add sslmode=verify-full&sslrootcert=CA.pem to source.url")
        ]
    }

    static func graph(_ configuration: BoltConfiguration) -> [PreflightFinding] {
        guard !isLocal(configuration.host) else { return [] }
        let risk: String
        switch configuration.tls?.trust {
        case .system, .authorities: return []
        case .anybody: risk = "is encrypted, but whoever stands between can pose as the server"
        case nil: risk = "is not encrypted: data and password can be read"
        }
        return [
            PreflightFinding(
                .warning, .graph, "the connection to \(configuration.host) \(risk)",
                fix: "write bolt+s:// in graph.url, with tls: {ca: CA.pem} beside it for an authority of your own; the "
                    + "server needs dbms.ssl.policy.bolt")
        ]
    }

    /// Nothing leaves this machine: a loopback address or a socket's folder.
    static func isLocal(_ host: String) -> Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host.hasPrefix("/") || host.hasPrefix("@")
            || host == "::1" || (host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == 46 || (48...57).contains($0) })
    }
}
