// Part of Lockstep. See LICENSE.

/// What a URL of the graph says: `bolt://neo4j@127.0.0.1:7687/database`.
public struct GraphAddress: Sendable, Equatable {
    public enum Scheme: String, Sendable, CaseIterable {
        case bolt, neo4j
        case boltTLS = "bolt+s"
        case neo4jTLS = "neo4j+s"
        /// TLS without a look at who signed the certificate.
        case boltSelfSigned = "bolt+ssc"
        case neo4jSelfSigned = "neo4j+ssc"

        public var usesTLS: Bool { self != .bolt && self != .neo4j }
    }

    public var scheme: Scheme
    public var user: String?
    public var host: String
    public var port: UInt16
    /// Nil: the server's default.
    public var database: String?
    /// A password that a variable brought in with the URL.
    var password: Secret?

    struct Failure: Error {
        var message: String
        var remedy: String?
    }

    /// - Throws: What is wrong, without a word of the password.
    init(_ url: String) throws(Failure) {
        let form = "write bolt://user@host:7687"
        guard let separator = url.rangeOf("://") else { throw Failure(message: "this is no URL", remedy: form) }
        let name = url[..<separator.lowerBound].lowercased()
        guard let scheme = Scheme(rawValue: name) else {
            let known = Scheme.allCases.map(\.rawValue)
            throw Failure(
                message: "\"\(name)\" is no scheme of a graph server",
                remedy: Suggestion.remedy(for: name, among: known) ?? "one of \(known.joined(separator: ", "))")
        }
        self.scheme = scheme
        var rest = url[separator.upperBound...]
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[at...].dropFirst()
            guard let user = Self.decoded(parts[0]), let secret = parts.count > 1 ? Self.decoded(parts[1]) : "" else {
                throw Failure(
                    message: "a percent sign in the user's name or the password is not followed by two digits")
            }
            self.user = user.isEmpty ? nil : user
            if parts.count > 1 { password = Secret(secret) }
        }
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[slash...].dropFirst()
            guard let database = Self.decoded(path), !database.contains("/"), !database.contains("?") else {
                throw Failure(message: "only the database's name may stand behind the port", remedy: form)
            }
            self.database = database.isEmpty ? nil : database
            rest = rest[..<slash]
        }
        (host, port) = try Self.endpoint(rest, form)
    }

    private static func endpoint(_ text: Substring, _ form: String) throws(Failure) -> (host: String, port: UInt16) {
        var host = text
        var port: UInt16 = 7687
        let behindBracket = text.lastIndex(of: "]") ?? text.startIndex
        if let colon = text[behindBracket...].lastIndex(of: ":") {
            guard let number = UInt16(text[colon...].dropFirst()), number > 0 else {
                throw Failure(message: "the port is no number from 1 to 65535", remedy: form)
            }
            host = text[..<colon]
            port = number
        }
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains(where: { " []?#".contains($0) }) else {
            throw Failure(message: "the URL names no host", remedy: form)
        }
        return (String(host), port)
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
