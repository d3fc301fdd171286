// Part of Lockstep. See LICENSE.

extension BoltConfiguration {
    /// Takes the settings from a URL: `bolt://user:password@host:port/database`.
    ///
    /// Everything but the host may be missing. User, password and database are percent-decoded; an IPv6 host stands in
    /// brackets. `bolt+s://` is TLS with a certificate that the system trusts, `bolt+ssc://` TLS with any certificate.
    /// `neo4j://`, with the same endings, names a member of a cluster, or a name for several; what follows a `?`, such
    /// as `?policy=near&region=eu`, becomes ``routing``.
    ///
    /// - Parameter password: Goes before the one in the URL.
    /// - Throws: ``BoltError`` of kind ``BoltError/Kind/configuration``. It does not repeat the URL, which may hold a
    ///   password.
    public init(url: String, password: String? = nil) throws(BoltError) {
        guard let (scheme, rest) = url.split(around: "://") else {
            throw .badURL("has no scheme; write bolt://user@host:7687/database")
        }
        let trust: BoltTLS.Trust?
        let routes = scheme.lowercased().hasPrefix("neo4j")
        switch scheme.lowercased() {
        case "bolt", "neo4j": trust = nil
        case "bolt+s", "neo4j+s": trust = .system
        case "bolt+ssc", "neo4j+ssc": trust = .anybody
        default: throw .badURL("has the scheme '\(scheme)'; use bolt://, or bolt+s:// for TLS")
        }
        if rest.contains(where: { $0 == "?" && !routes || $0 == "#" }) {
            throw .badURL(
                "has '?' or '#'; write them as %3F and %23 in a password, parameters only behind neo4j://, no fragment")
        }
        let (location, parameters) = rest.split(around: "?") ?? (rest, "")
        let (authority, path) = location.split(around: "/") ?? (location, "")
        var userInfo: Substring?
        var hostPort = authority
        if let at = authority.lastIndex(of: "@") {
            userInfo = authority[..<at]
            hostPort = authority[authority.index(after: at)...]
        }
        let (host, port) = try Self.hostAndPort(hostPort)
        self.init(host: host, port: port)
        tls = trust.map { BoltTLS(trust: $0) }
        if routes { routing = try Self.routing(parameters) }
        if let userInfo, !userInfo.isEmpty {
            let (user, secret) = userInfo.split(around: ":") ?? (userInfo, nil)
            if !user.isEmpty { self.user = try percentDecoded(user, "the user") }
            if let secret { self.password = BoltSecret(try percentDecoded(secret, "the password")) }
        }
        if let password { self.password = BoltSecret(password) }
        if self.user == nil && self.password != nil {
            throw .badURL("has a password without a user; write bolt://user@\(address)")
        }
        if path.contains("/") { throw .badURL("has more than a database after the host") }
        if !path.isEmpty { database = try percentDecoded(path, "the database") }
    }

    /// Reads `key=value&key=value`.
    private static func routing(_ text: Substring) throws(BoltError) -> [String: String] {
        var parameters: [String: String] = [:]
        for parameter in text.split(separator: "&") {
            guard let (key, value) = parameter.split(around: "="), !key.isEmpty, !value.isEmpty else {
                throw .badURL("has a parameter without a name or a value; write ?name=value")
            }
            let name = try percentDecoded(key, "a parameter's name")
            guard name != addressKey else { throw .badURL("has the parameter '\(name)', which means the host itself") }
            let decoded = try percentDecoded(value, "the parameter '\(name)'")
            guard parameters.updateValue(decoded, forKey: name) == nil else {
                throw .badURL("has the parameter '\(name)' twice")
            }
        }
        return parameters
    }

    /// The name under which the routers are told what the client takes for the cluster's address.
    private static let addressKey = "address"

    /// What the members of the cluster are told of the way they were reached.
    var contextAsRouter: [String: String] {
        (routing ?? [:]).merging([Self.addressKey: address]) { _, address in address }
    }

    static func hostAndPort(_ text: Substring) throws(BoltError) -> (String, UInt16) {
        var host = text
        var port: Substring?
        if text.first == "[" {
            guard let (address, after) = text.dropFirst().split(around: "]") else {
                throw .badURL("has '[' without ']' around an IPv6 address")
            }
            host = address
            if !after.isEmpty {
                guard after.first == ":" else { throw .badURL("has '\(after)' after the IPv6 address") }
                port = after.dropFirst()
            }
        } else if let (name, number) = text.split(around: ":") {
            guard !number.contains(":") else { throw .badURL("has an IPv6 address without brackets; write [\(text)]") }
            (host, port) = (name, number)
        }
        guard !host.isEmpty else { throw .badURL("names no host") }
        guard let port else { return (String(host), defaultPort) }
        guard let number = UInt16(port), number > 0 else {
            throw .badURL("has the port '\(port)', which is not a number from 1 to 65535")
        }
        return (String(host), number)
    }
}

/// - Parameter part: What is decoded, for the error, which does not show the text itself.
private func percentDecoded(_ text: some StringProtocol, _ part: String) throws(BoltError) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        guard byte == UInt8(ascii: "%") else {
            bytes.append(byte)
            continue
        }
        guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else {
            throw .badURL("has a '%' in \(part) that two hexadecimal digits do not follow; write it as %25")
        }
        bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
        throw .badURL("has percent-encoded bytes in \(part) that are not UTF-8")
    }
    return decoded
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension StringProtocol where SubSequence == Substring {
    /// The parts before and after the first occurrence of `separator`; nil where there is none.
    fileprivate func split(around separator: String) -> (Substring, Substring)? {
        let parts = self.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
}

extension BoltError {
    fileprivate static func badURL(_ what: String) -> BoltError {
        BoltError(.configuration, "the graph URL \(what)", server: nil)
    }
}
