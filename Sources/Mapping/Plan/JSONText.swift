// Part of Lockstep. See LICENSE.

/// A JSON value to print. Objects keep the order of their members.
package enum JSONText {
    case null
    case bool(Bool)
    case number(Int)
    case decimal(Double)
    case string(String)
    case array([JSONText])
    case object([(String, JSONText)])

    /// Indented by two; what holds no other array or object stands on one line.
    package func text(indent: Int = 0) -> String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .number(let value): return String(value)
        case .decimal(let value): return value.isFinite ? "\(value)" : "null"
        case .string(let value): return Self.quoted(value)
        case .array(let items): return Self.bracketed("[", items.map { (nil, $0) }, "]", indent)
        case .object(let members): return Self.bracketed("{", members.map { ($0.0, $0.1) }, "}", indent)
        }
    }

    private var isLeaf: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    private static func bracketed(_ open: String, _ items: [(String?, JSONText)], _ close: String, _ indent: Int)
        -> String
    {
        func parts(_ indent: Int) -> [String] {
            items.map { name, value in (name.map { quoted($0) + ": " } ?? "") + value.text(indent: indent) }
        }
        if items.allSatisfy(\.1.isLeaf) { return open + parts(indent).joined(separator: ", ") + close }
        let margin = "\n" + String(repeating: " ", count: indent)
        return open + margin + "  " + parts(indent + 2).joined(separator: "," + margin + "  ") + margin + close
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
