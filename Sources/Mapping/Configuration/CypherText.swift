// Part of Lockstep. See LICENSE.

/// A Cypher statement as far as it has to be understood here: that it is one, and can stand between braces for one row. What
/// it means, and whether the server takes it, the server says.
struct CypherText {
    /// A word, a name in backticks, a sign; a literal in quotes is `'`.
    private struct Token {
        var text: String
        /// Brackets that are open around it.
        var depth: Int
        var isWord = false

        func isKeyword(_ keyword: String) -> Bool { isWord && text.uppercased() == keyword }
    }

    /// Why it is not one statement for one row; nil where it is.
    private(set) var fault: (what: String, remedy: String)?
    /// What it asks of `row`, in order.
    private(set) var rowProperties: [String] = []

    private var tokens: [Token] = []

    init(_ text: String) {
        fault = read(text[...]) ?? examine()
        guard fault == nil else { return }
        for (index, token) in tokens.enumerated().dropLast(2)
        where token.isWord && token.text == "row" && tokens[index + 1].text == "." {
            let isMember = index > 0 && tokens[index - 1].text == "."
            let name = tokens[index + 2].text
            if !isMember, !rowProperties.contains(name) { rowProperties.append(name) }
        }
    }

    // MARK: Tokens

    private mutating func read(_ text: Substring) -> (String, String)? {
        var rest = text
        var open: [Character] = []
        while let character = rest.first {
            if rest.hasPrefix("//") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                guard let end = Self.end(of: "*/", in: rest.dropFirst(2)) else {
                    return ("a comment that is not closed", "write */ behind it")
                }
                rest = rest[end...]
            } else if character == "'" || character == "\"" {
                guard let end = Self.endOfLiteral(rest) else {
                    return ("a quote that is not closed", "write \(character) behind the text")
                }
                tokens.append(Token(text: "'", depth: open.count))
                rest = rest[end...]
            } else if character == "`" {
                guard let name = Self.quotedName(&rest) else {
                    return ("a name that is not closed", "write ` behind it")
                }
                tokens.append(Token(text: name, depth: open.count))
            } else if character.isLetter || character.isNumber || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                tokens.append(Token(text: String(word), depth: open.count, isWord: true))
                rest = rest[word.endIndex...]
            } else {
                rest.removeFirst()
                if let closing = ["(": ")", "[": "]", "{": "}"][character] as Character? { open.append(closing) }
                if ")]}".contains(character), open.popLast() != character {
                    return ("the bracket \(character) alone", "see that each bracket has its other half")
                }
                if let fault = Self.refused[character] { return fault }
                if !character.isWhitespace { tokens.append(Token(text: String(character), depth: open.count)) }
            }
        }
        return open.isEmpty ? nil : ("a bracket that is not closed", "write \(open[open.count - 1]) behind it")
    }

    private static let refused: [Character: (String, String)] = [
        ";": ("the sign ;", "it takes one statement, without a semicolon"),
        "$": ("a parameter", "a statement has no parameters: what it may use is row, such as row.id"),
    ]

    /// Behind the mark.
    private static func end(of mark: String, in text: Substring) -> Substring.Index? {
        var rest = text
        while !rest.isEmpty {
            if rest.hasPrefix(mark) { return rest.index(rest.startIndex, offsetBy: mark.count) }
            rest.removeFirst()
        }
        return nil
    }

    private static func endOfLiteral(_ text: Substring) -> Substring.Index? {
        let quote = text[text.startIndex]
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character == "\\" { _ = rest.popFirst() }
            if character == quote { return rest.startIndex }
        }
        return nil
    }

    private static func quotedName(_ rest: inout Substring) -> String? {
        rest.removeFirst()
        var name = ""
        while let character = rest.popFirst() {
            if character != "`" {
                name.append(character)
            } else if rest.first == "`" {
                name.append(rest.removeFirst())
            } else {
                return name
            }
        }
        return nil
    }

    // MARK: What it may not be

    private func examine() -> (String, String)? {
        guard let first = tokens.first else { return ("no statement", "write Cypher that uses row, such as row.id") }
        let administration = ["DROP", "ALTER", "SHOW", "GRANT", "DENY", "REVOKE", "TERMINATE"]
        if administration.contains(where: first.isKeyword) || isSchemaCommand {
            return (
                "a command on the schema or the server",
                "indexes and constraints stand under schema in the mapping file"
            )
        }
        for (index, token) in tokens.enumerated() {
            if token.isKeyword("IN"), index > 0, tokens[index - 1].text == "}",
                tokens[(index + 1)...].prefix(3).contains(where: { $0.isKeyword("TRANSACTIONS") })
            {
                return (
                    "transactions of its own",
                    "it runs in the transaction that moves the checkpoint: leave IN TRANSACTIONS out"
                )
            }
            if token.depth == 0, token.isKeyword("RETURN"), index == 0 || !".:|&!".contains(tokens[index - 1].text) {
                return ("a result", "leave RETURN out at its end: nobody reads it")
            }
        }
        return nil
    }

    /// `CREATE INDEX …`, where a pattern is `CREATE (…)` or `CREATE p = (…)`.
    private var isSchemaCommand: Bool {
        tokens.count > 2 && tokens[0].isKeyword("CREATE") && tokens[1].isWord && tokens[2].text != "="
    }
}
