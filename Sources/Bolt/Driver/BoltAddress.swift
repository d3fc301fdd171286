// Part of Lockstep. See LICENSE.

/// A server's name or address, and port.
public struct BoltAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv6 address stands without brackets.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16 = BoltConfiguration.defaultPort) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`; an IPv6 address stands in brackets, and the port may be missing.
    public init?(_ text: String) {
        guard let (host, port) = try? BoltConfiguration.hostAndPort(text[...]) else { return nil }
        self.init(host: host, port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension BoltConfiguration {
    var endpoint: BoltAddress { BoltAddress(host: host, port: port) }
}
