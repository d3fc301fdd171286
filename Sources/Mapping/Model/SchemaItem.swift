// Part of Lockstep. See LICENSE.

/// An index or a constraint that the mapping file's `schema` asks for, beyond what Lockstep needs itself.
public struct SchemaItem: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case range, text, fulltext, point, vector
        /// The property is there.
        case exists
        /// The property has the type that the mapping gives it.
        case typed

        public var isIndex: Bool { self != .exists && self != .typed }
    }

    public var kind: Kind
    public var name: String
    /// The file gives the name, by which queries may call the index; else it is made of what is indexed.
    public var isNamed: Bool
    /// What holds the properties: nodes, or relationships.
    public var isOnNodes: Bool
    /// Labels, or types of relationships; more than one only of a full-text index.
    public var labels: [String]
    public var properties: [String]
    /// The server's settings for the index, by their full names, ordered by these.
    public var options: [Option]
    /// What `IS ::` asks for, of a constraint on the type.
    public var propertyType: String?

    public struct Option: Sendable, Hashable {
        /// For instance `vector.dimensions`.
        public var name: String
        public var value: Value

        public init(_ name: String, _ value: Value) {
            self.name = name
            self.value = value
        }
    }

    public enum Value: Sendable, Hashable {
        case string(String)
        case integer(Int64)
        case float(Double)
        case boolean(Bool)
    }

    public init(
        kind: Kind, name: String? = nil, isOnNodes: Bool = true, labels: [String], properties: [String],
        options: [Option] = [], propertyType: String? = nil
    ) {
        self.kind = kind
        self.name = name ?? (["lockstep", kind.rawValue] + labels + properties).joined(separator: "_")
        isNamed = name != nil
        self.isOnNodes = isOnNodes
        self.labels = labels
        self.properties = properties
        self.options = options.sorted { $0.name < $1.name }
        self.propertyType = propertyType
    }
}

extension SchemaItem {
    /// The statement that makes it, safe to run again; the text is the same on every Neo4j that has its kind.
    public var statement: String {
        let names = labels.map(Cypher.quoted).joined(separator: "|")
        let pattern = isOnNodes ? "(n:\(names))" : "()-[n:\(names)]-()"
        let list = properties.map { "n." + Cypher.quoted($0) }.joined(separator: ", ")
        let begin = " \(Cypher.quoted(name)) IF NOT EXISTS FOR \(pattern)"
        switch kind {
        case .range: return "CREATE INDEX\(begin) ON (\(list))"
        case .text, .point, .vector: return "CREATE \(kind.rawValue.uppercased()) INDEX\(begin) ON (\(list))" + suffix
        case .fulltext: return "CREATE FULLTEXT INDEX\(begin) ON EACH [\(list)]" + suffix
        case .exists: return "CREATE CONSTRAINT\(begin) REQUIRE \(list) IS NOT NULL"
        case .typed: return "CREATE CONSTRAINT\(begin) REQUIRE \(list) IS :: \(propertyType ?? "")"
        }
    }

    private var suffix: String {
        guard !options.isEmpty else { return "" }
        let settings = options.map { "\(Cypher.quoted($0.name)): \($0.value.cypher)" }
        return " OPTIONS {indexConfig: {\(settings.joined(separator: ", "))}}"
    }

    /// The statement that removes an index or a constraint of that name.
    public static func dropStatement(_ name: String, isIndex: Bool) -> String {
        "DROP \(isIndex ? "INDEX" : "CONSTRAINT") \(Cypher.quoted(name)) IF EXISTS"
    }

    /// For people: `text index on (:Product) {name}`.
    public var description: String {
        let what =
            switch kind {
            case .range: "index"
            case .text, .point, .vector: "\(kind.rawValue) index"
            case .fulltext: "full-text index"
            case .exists: "existence constraint"
            case .typed: "type constraint"
            }
        return "\(what) on \(Self.pattern(labels, properties, isOnNodes: isOnNodes))"
    }

    /// `(:Product) {name}`, `[:SOLD] {price}`.
    public static func pattern(_ labels: [String], _ properties: [String], isOnNodes: Bool) -> String {
        let name = ":" + labels.joined(separator: "|")
        return (isOnNodes ? "(\(name))" : "[\(name)]") + " {\(properties.joined(separator: ", "))}"
    }
}

extension SchemaItem.Value {
    /// As a literal.
    public var cypher: String {
        switch self {
        case .string(let text):
            // A backslash begins an escape.
            "'"
                + text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
                .split(separator: "'", omittingEmptySubsequences: false).joined(separator: "\\'") + "'"
        case .integer(let number): String(number)
        case .float(let number): "\(number)"
        case .boolean(let flag): flag ? "true" : "false"
        }
    }
}
