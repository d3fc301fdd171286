// Part of Lockstep. See LICENSE.

/// How to reach a server. What it prints holds no password, even where a variable brought one in.
public struct ConnectionURL: Sendable, Equatable {
    /// The whole text, for the client library.
    public let revealed: String

    public init(_ text: String) { revealed = text }

    /// The text holds a password.
    public var holdsPassword: Bool { description != revealed }

    /// The text with every password in it left out.
    public var withoutPassword: ConnectionURL { ConnectionURL(rewritten(nil)) }

    /// Puts `replacement` in the place of each password, in a URL or in libpq's `key=value` form; nil leaves it out.
    private func rewritten(_ replacement: String?) -> String {
        guard let scheme = revealed.rangeOf("://") else {
            return Self.rewrittenKeywords(Substring(revealed), replacement)
        }
        let rest = revealed[scheme.upperBound...]
        let at = Self.endOfUser(rest)
        var result = String(revealed[..<scheme.upperBound])
        if let at {
            result += rest[..<at].prefix { $0 != ":" }
            if let replacement, rest[..<at].contains(":") { result += ":" + replacement }
        }
        let tail = rest[(at ?? rest.startIndex)...]
        guard let question = tail.firstIndex(of: "?") else { return result + tail }
        let pairs = tail[question...].dropFirst().split(separator: "&", omittingEmptySubsequences: false)
        let kept = pairs.compactMap { Self.rewrittenPair($0, replacement) }
        return result + tail[..<question] + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
    }

    private static func endOfUser(_ rest: Substring) -> String.Index? {
        let authority = rest[..<(rest.firstIndex(of: "/") ?? rest.endIndex)]
        if let at = authority.lastIndex(of: "@") { return at }
        guard let colon = authority.firstIndex(of: ":"), !authority.hasPrefix("[") else { return nil }
        let port = authority[colon...].dropFirst().prefix { $0 != "?" && $0 != "," }
        // What looks like a port is none: a password with a slash in it cut the authority short.
        return port.allSatisfy(\.isNumber) ? nil : rest.lastIndex(of: "@")
    }

    private static func rewrittenKeywords(_ text: Substring, _ replacement: String?) -> String {
        // Values may be quoted and hold blanks: everything behind a password's `=` up to the next keyword goes.
        var words: [String] = []
        var isHiding = false
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if word.contains("=") { isHiding = false }
            if isHiding { continue }
            let shown = rewrittenPair(word, replacement)
            isHiding = shown != String(word)
            if let shown { words.append(shown) }
        }
        return words.joined(separator: " ")
    }

    private static func rewrittenPair(_ pair: Substring, _ replacement: String?) -> String? {
        guard let equals = pair.firstIndex(of: "="), pair.index(after: equals) != pair.endIndex,
            ["password", "sslpassword", "passwd"].contains(pair[..<equals].lowercased())
        else { return String(pair) }
        return replacement.map { pair[...equals] + $0 }
    }
}

extension ConnectionURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text with `***` in the place of every password.
    public var description: String { rewritten("***") }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
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
