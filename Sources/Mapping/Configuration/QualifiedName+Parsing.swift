// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A table's name as text: `public.orders`, `sales."Order Details"`.
public enum TableNameText: Equatable, Sendable {
    case name(QualifiedName)
    /// One identifier alone.
    case withoutSchema(String)
    case malformed

    /// Reads it by SQL's rules: what stands without quotes is folded to lower case.
    public init(_ text: String) {
        var parts: [String] = []
        var rest = Substring(text)
        while true {
            guard let part = Self.identifier(&rest) else {
                self = .malformed
                return
            }
            parts.append(part)
            if rest.isEmpty { break }
            guard rest.removeFirst() == "." else {
                self = .malformed
                return
            }
        }
        switch parts.count {
        case 1: self = .withoutSchema(parts[0])
        case 2: self = .name(QualifiedName(schema: parts[0], name: parts[1]))
        default: self = .malformed
        }
    }

    /// Whether the text may stand for this table.
    public func means(_ table: QualifiedName) -> Bool {
        switch self {
        case .name(let name): name == table
        case .withoutSchema(let name): name == table.name
        case .malformed: false
        }
    }

    private static func identifier(_ rest: inout Substring) -> String? {
        guard rest.first == "\"" else {
            let plain = rest.prefix { $0 != "." && $0 != "\"" }
            rest = rest[plain.endIndex...]
            // SQL folds ASCII only, whatever the locale.
            let folded = plain.map { $0.isASCII ? Character($0.lowercased()) : $0 }
            return plain.isEmpty ? nil : String(folded)
        }
        var result = ""
        rest = rest.dropFirst()
        while let quote = rest.firstIndex(of: "\"") {
            result += rest[..<quote]
            rest = rest[quote...].dropFirst()
            guard rest.first == "\"" else { return result.isEmpty ? nil : result }
            result += "\""
            rest = rest.dropFirst()
        }
        return nil
    }
}
