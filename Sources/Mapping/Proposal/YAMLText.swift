// Part of Lockstep. See LICENSE.

/// Pieces of YAML as text.
enum YAMLText {
    /// A value that every YAML reader takes as this text: in quotes wherever it could be taken for anything else.
    static func scalar(_ text: String) -> String {
        isPlain(text) ? text : quoted(text)
    }

    /// `[a, b]`.
    static func list(_ items: [String]) -> String { "[" + items.map(scalar).joined(separator: ", ") + "]" }

    /// A comment's text on one line.
    static func comment(_ text: String) -> String {
        "# " + String(text.unicodeScalars.map { isPrintable($0) ? Character($0) : " " })
    }

    /// A URL: plain where it can be, with `$` doubled, so that it is no variable.
    static func url(_ text: String) -> String {
        let escaped = text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
        let isPlain = escaped.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                || ":/@._-+?=&%~$[]".utf8.contains($0)
        }
        let startsWell = escaped.utf8.first.map { (65...90).contains($0) || (97...122).contains($0) } ?? false
        return isPlain && startsWell && !escaped.hasSuffix(":") ? escaped : quoted(escaped)
    }

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last else { return false }
        guard first == "_" || first.properties.isAlphabetic, last != " ", !readOtherwise.contains(text.lowercased())
        else { return false }
        // A double quote inside is nothing special; a blank is none unless a colon or a hash stands beside it.
        return text.unicodeScalars.allSatisfy {
            $0.properties.isAlphabetic || $0.properties.numericType != nil || "_-./\" ".unicodeScalars.contains($0)
        }
    }

    /// What YAML 1.1 takes for a truth value or nothing.
    private static let readOtherwise: Set<String> = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            }
        }
        return result + "\""
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate: false
        default: true
        }
    }
}
