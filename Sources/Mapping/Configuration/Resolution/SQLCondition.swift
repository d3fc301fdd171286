// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// A condition in SQL as far as it has to be understood here: which names stand in it, and that it is one condition. What
/// it means, and whether PostgreSQL takes it, PostgreSQL says.
struct SQLCondition {
    private struct Word {
        /// Folded to lower case outside of double quotes.
        var name: String
        var range: Range<String.Index>
        /// Not where a type, a function or what qualifies a name stands.
        var mayBeColumn: Bool
    }

    /// Why it is not one condition; nil where it is.
    private(set) var fault: String?
    private let text: String
    /// Identifiers, with and without quotes. Keywords, functions and types are among them.
    private var words: [Word] = []

    init(_ text: String) {
        self.text = text
        fault = read()
        if fault == nil, words.isEmpty { fault = "no column" }
    }

    /// Identifiers outside of quotes, folded to lower case, and those in double quotes as they stand. Keywords, functions
    /// and types are among them.
    var names: Set<String> { Set(words.map(\.name)) }

    /// Those that stand where a column may; keywords are still among them.
    var columnNames: Set<String> { Set(words.filter(\.mayBeColumn).map(\.name)) }

    /// The same condition on columns that have other names.
    func renaming(_ names: [String: String]) -> String {
        var result = text
        for word in words.reversed() where word.mayBeColumn {
            guard let name = names[word.name] else { continue }
            result.replaceSubrange(word.range, with: QualifiedName.quoted(name))
        }
        return result
    }

    /// - Returns: Why it is not one condition.
    private mutating func read() -> String? {
        var rest = text[...]
        var depth = 0
        while let character = rest.first {
            let start = rest.startIndex
            if character == "'" || character == "\"" {
                guard let quoted = Self.quoted(&rest) else { return "a quote that is not closed" }
                if character == "\"" { note(quoted, start..<rest.startIndex) }
            } else if character.isLetter || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
                rest = rest[word.endIndex...]
                // E'' and U&'' read backslashes: a quote behind one does not end them.
                if ["e", "u", "b", "x", "n"].contains(word.lowercased()), rest.first == "'" || rest.hasPrefix("&") {
                    return "a literal with a letter before it"
                }
                note(word.lowercased(), start..<rest.startIndex)
            } else {
                rest.removeFirst()
                if character == "(" { depth += 1 }
                if character == ")" { depth -= 1 }
                let isComment = (character == "-" && rest.first == "-") || (character == "/" && rest.first == "*")
                if isComment || character == ";" || character == "$" {
                    return isComment ? "a comment" : "the sign \(character)"
                }
                if depth < 0 { break }
            }
        }
        return depth == 0 ? nil : "a parenthesis that stands alone"
    }

    private mutating func note(_ name: String, _ range: Range<String.Index>) {
        let before = text[..<range.lowerBound].reversed().drop(while: \.isWhitespace)
        let behind = text[range.upperBound...].first { !$0.isWhitespace }
        let isType = before.starts(with: "::") || (words.last?.name == "as" && before.first?.isLetter == true)
        let mayBeColumn = !isType && before.first != "." && behind != "(" && behind != "'" && behind != "."
        words.append(Word(name: name, range: range, mayBeColumn: mayBeColumn))
    }

    /// What stands in quotes at the front, with the doubled ones single.
    private static func quoted(_ rest: inout Substring) -> String? {
        let quote = rest.removeFirst()
        var inside = ""
        while let character = rest.popFirst() {
            if character != quote {
                inside.append(character)
            } else if rest.first == quote {
                inside.append(rest.removeFirst())
            } else {
                return inside
            }
        }
        return nil
    }
}
