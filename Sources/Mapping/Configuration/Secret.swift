// Part of Lockstep. See LICENSE.

/// A password. Printing, describing or mirroring it shows nothing of it.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The password itself: for the one call that sends it.
    public let revealed: String

    public init(_ text: String) { revealed = text }

    public var isEmpty: Bool { revealed.isEmpty }
    public var description: String { "(secret)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// How to reach a server. What it prints holds no password, even where a variable brought one in.
public struct ConnectionURL: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The whole text, for the client library.
    public let revealed: String

    public init(_ text: String) { revealed = text }

    /// The text with every password in it replaced: in a URL or in libpq's `key=value` form.
    public var description: String {
        revealed.contains("://") ? redactedURL : redactedKeywords
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The text holds a password.
    public var holdsPassword: Bool { description != revealed }

    private var redactedURL: String {
        guard let scheme = revealed.rangeOf("://") else { return revealed }
        let rest = revealed[scheme.upperBound...]
        let authority = rest[..<(rest.firstIndex(of: "/") ?? rest.endIndex)]
        var at = authority.lastIndex(of: "@")
        if at == nil, let colon = authority.firstIndex(of: ":"), !authority.hasPrefix("["),
            !authority[colon...].dropFirst().prefix(while: { $0 != "?" && $0 != "," }).allSatisfy(\.isNumber)
        {
            // What looks like a port is none: a password with a slash in it cut the authority short.
            at = rest.lastIndex(of: "@")
        }
        var result = String(revealed[..<scheme.upperBound])
        if let at { result += rest[..<at].prefix { $0 != ":" } + (rest[..<at].contains(":") ? ":***" : "") }
        let tail = rest[(at ?? rest.startIndex)...]
        guard let question = tail.firstIndex(of: "?") else { return result + tail }
        let pairs = tail[question...].dropFirst().split(separator: "&", omittingEmptySubsequences: false)
        return result + tail[...question] + pairs.map(Self.redactedPair).joined(separator: "&")
    }

    private var redactedKeywords: String {
        // Values may be quoted and hold blanks: everything behind a password's `=` up to the next keyword goes.
        var words: [String] = []
        var hiding = false
        for word in revealed.split(separator: " ", omittingEmptySubsequences: false) {
            if word.contains("=") { hiding = false }
            if hiding { continue }
            let shown = Self.redactedPair(word)
            hiding = shown != word
            words.append(shown)
        }
        return words.joined(separator: " ")
    }

    private static func redactedPair(_ pair: Substring) -> String {
        guard let equals = pair.firstIndex(of: "="), pair.index(after: equals) != pair.endIndex,
            ["password", "sslpassword", "passwd"].contains(pair[..<equals].lowercased())
        else { return String(pair) }
        return pair[...equals] + "***"
    }
}

extension StringProtocol {
    /// Where `text` first stands.
    func rangeOf(_ text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
