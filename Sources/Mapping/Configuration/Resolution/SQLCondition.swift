// Part of Lockstep. See LICENSE.

/// A condition in SQL as far as it has to be understood here: which names stand in it, and that it is one condition. What
/// it means, and whether PostgreSQL takes it, PostgreSQL says.
struct SQLCondition {
    /// Identifiers outside of quotes, folded to lower case, and those in double quotes as they stand. Keywords, functions
    /// and types are among them.
    private(set) var names: Set<String> = []
    /// Why it is not one condition; nil where it is.
    private(set) var fault: String?

    init(_ text: String) {
        fault = read(text)
        if fault == nil, names.isEmpty { fault = "no column" }
    }

    /// - Returns: Why it is not one condition.
    private mutating func read(_ text: String) -> String? {
        var rest = text[...]
        var depth = 0
        while let character = rest.first {
            if character == "'" || character == "\"" {
                guard let quoted = Self.quoted(&rest) else { return "a quote that is not closed" }
                if character == "\"" { names.insert(quoted) }
            } else if character.isLetter || character == "_" {
                let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
                rest = rest[word.endIndex...]
                // E'' and U&'' read backslashes: a quote behind one does not end them.
                if ["e", "u", "b", "x", "n"].contains(word.lowercased()), rest.first == "'" || rest.hasPrefix("&") {
                    return "a literal with a letter before it"
                }
                names.insert(word.lowercased())
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
