// Part of Lockstep. See LICENSE.

/// Puts the environment's values in place of `${NAME}` and `${NAME:-default}`; `$$` stands for one `$`.
///
/// As in a shell, the default serves where the variable is not set or empty.
struct VariableExpansion {
    let environment: (String) -> String?

    struct Failure: Error {
        var message: String
        var remedy: String
    }

    func expand(_ text: String) throws(Failure) -> String {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...].dropFirst()
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(message: "${ without its }", remedy: "write ${NAME}, or $$ for a dollar sign")
                }
                result += try value(of: rest[..<end].dropFirst())
                rest = rest[end...].dropFirst()
            } else {
                result += "$"
            }
        }
        return result + rest
    }

    private func value(of reference: Substring) throws(Failure) -> String {
        let separator = reference.rangeOf(":-")
        let name = String(reference[..<(separator?.lowerBound ?? reference.endIndex)])
        let isName = name.utf8.allSatisfy {
            (65...90).contains($0) || (97...122).contains($0) || (48...57).contains($0) || $0 == 95
        }
        guard isName, !name.isEmpty, !name.utf8.first.map({ (48...57).contains($0) })! else {
            throw Failure(
                message: "\"\(name)\" is no name of a variable", remedy: "write ${NAME} or ${NAME:-default}")
        }
        let value = environment(name)
        if let separator, value?.isEmpty ?? true { return String(reference[separator.upperBound...]) }
        guard let value else {
            throw Failure(
                message: "the environment has no variable \(name)",
                remedy: "set \(name), or give a default: ${\(name):-...}")
        }
        return value
    }
}
