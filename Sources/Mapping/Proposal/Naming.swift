// Part of Lockstep. See LICENSE.

/// Names for the graph from names of the database: `content_items`, `ContentItems` and `"Content Items"` alike.
enum Naming {
    /// `content_items` -> `ContentItem`. A name without a letter or digit stays as it is.
    static func label(_ name: String) -> String {
        var words = words(of: name)
        guard let last = words.popLast() else { return name }
        return (words + [Singular.of(last)]).map(capitalized).joined()
    }

    /// `content_items` -> `ContentItems`.
    static func pluralLabel(_ name: String) -> String {
        let words = words(of: name)
        return words.isEmpty ? name : words.map(capitalized).joined()
    }

    /// `created_at` -> `createdAt`.
    static func property(_ name: String) -> String {
        let words = words(of: name)
        guard let first = words.first else { return name }
        return first + words.dropFirst().map(capitalized).joined()
    }

    /// `order_details` -> `ORDER_DETAILS`.
    static func type(_ name: String) -> String {
        let words = words(of: name)
        return words.isEmpty ? name : words.joined(separator: "_").uppercased()
    }

    /// `order_details` -> `ORDER_DETAIL`.
    static func singularType(_ name: String) -> String {
        var words = words(of: name)
        guard let last = words.popLast() else { return name }
        return (words + [Singular.of(last)]).joined(separator: "_").uppercased()
    }

    /// `customer_id` -> `CUSTOMER`, `reports_to` -> `REPORTS_TO`; nil where the name says no role: `id`.
    static func role(_ column: String) -> String? {
        var words = words(of: column)
        if let last = words.last, ["id", "uuid", "guid", "fk"].contains(last) { words.removeLast() }
        return words.isEmpty ? nil : words.joined(separator: "_").uppercased()
    }

    /// The words of a name, in lower case: parted by what is no letter or digit, and where camel case parts them.
    static func words(of name: String) -> [String] {
        var result: [String] = []
        var word = ""
        let characters = Array(name)
        for (index, character) in characters.enumerated() {
            guard character.isLetter || character.isNumber else {
                if !word.isEmpty { result.append(word) }
                word = ""
                continue
            }
            if !word.isEmpty, character.isUppercase {
                let previous = characters[index - 1]
                let nextIsLower = index + 1 < characters.count && characters[index + 1].isLowercase
                if !previous.isUppercase || nextIsLower {
                    result.append(word)
                    word = ""
                }
            }
            word += character.lowercased()
        }
        return word.isEmpty ? result : result + [word]
    }

    static func capitalized(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }
}
