// Part of Lockstep. See LICENSE.

/// A part of a column's value that becomes a property of its own. A part that a value does not have is NULL.
public enum ValuePart: Sendable, Hashable, CustomStringConvertible {
    /// The bound of a range; an empty or unbounded one has none.
    case lower, upper
    /// What stands at the end of a path through `json` or `jsonb`: names of members, and numbers of elements from 0.
    case path([String])
    /// The value of a key of an `hstore`.
    case key(String)
    /// A field of a composite, perhaps of one inside it.
    case field([Field])

    public struct Field: Sendable, Hashable {
        /// Its place among the fields that are not dropped, from 0.
        public var index: Int
        public var name: String
    }

    /// As the mapping file writes it.
    public var description: String {
        switch self {
        case .lower: "lower"
        case .upper: "upper"
        case .path(let steps): Self.written(steps)
        case .field(let fields): Self.written(fields.map(\.name))
        case .key(let key): key
        }
    }

    private static func written(_ steps: [String]) -> String {
        steps.map { $0.contains(".") ? "\"\($0)\"" : $0 }.joined(separator: ".")
    }

    /// Steps of a path as the mapping file writes it: `address.city`, `lines.0.price`, `"a.b".c`.
    ///
    /// - Returns: Nil for an empty step or a quote without its other half.
    static func steps(_ text: String) -> [String]? {
        var steps: [String] = []
        var rest = text[...]
        while true {
            if rest.first == "\"" {
                guard let end = rest.dropFirst().firstIndex(of: "\"") else { return nil }
                steps.append(String(rest[rest.index(after: rest.startIndex)..<end]))
                rest = rest[rest.index(after: end)...]
            } else {
                let step = rest.prefix { $0 != "." }
                guard !step.isEmpty else { return nil }
                steps.append(String(step))
                rest = rest[step.endIndex...]
            }
            if rest.isEmpty { return steps }
            guard rest.first == "." else { return nil }
            rest = rest.dropFirst()
        }
    }
}
