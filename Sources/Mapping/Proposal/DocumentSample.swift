// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// What stands in the documents of a `json` or `jsonb` column, as far as some rows show.
public struct DocumentSample: Sendable {
    public var table: QualifiedName
    public var column: String
    /// Rows that were read.
    public var rows: Int
    public var members: [Member]

    /// What stands at one path: no object, unless it is empty.
    public struct Member: Sendable, Hashable {
        public var path: [String]
        /// `string`, `integer`, `float`, `boolean`, `list<…>` of these, `list` for an empty array, `json` for all else. No
        /// null.
        public var kinds: Set<String>

        public init(path: [String], kinds: Set<String>) {
            self.path = path
            self.kinds = kinds
        }
    }

    public init(table: QualifiedName, column: String, rows: Int, members: [Member]) {
        self.table = table
        self.column = column
        self.rows = rows
        self.members = members
    }

    /// Deeper than this, and in objects with more members than this, names are data rather than a form.
    public static let depthMax = 5
    static let membersMax = 40

    /// A property for each member; of an object whose members are data, one for the object.
    var parts: [ProposedPart] {
        var parts: [ProposedPart] = []
        for member in members {
            let place = (1...member.path.count).first {
                children(of: Array(member.path.prefix($0 - 1))) > Self.membersMax
            }
            // The document itself is there in any case.
            guard place != 1 else { continue }
            let isData = place != nil
            let path = place.map { Array(member.path.prefix($0 - 1)) } ?? member.path
            guard path.allSatisfy({ !$0.isEmpty && !$0.contains("\"") }),
                !parts.contains(where: { $0.path == path }),
                let type = isData ? "string" : Self.type(of: member.kinds)
            else { continue }
            parts.append(ProposedPart(path: path, type: type))
        }
        return parts
    }

    private func children(of path: [String]) -> Int {
        Set(members.filter { $0.path.count > path.count && $0.path.starts(with: path) }.map { $0.path[path.count] })
            .count
    }

    /// The type that holds all that was found; nil where nothing was but nulls.
    private static func type(of kinds: Set<String>) -> String? {
        switch kinds {
        case []: return nil
        case ["integer"], ["float"], ["boolean"]: return kinds.first
        case ["integer", "float"]: return "float"
        case ["list"]: return "list<string>"
        default: break
        }
        let lists = kinds.subtracting(["list"])
        if lists.allSatisfy({ $0.hasPrefix("list<") }) {
            if lists.count == 1, let only = lists.first { return only }
            if lists == ["list<integer>", "list<float>"] { return "list<float>" }
            return "list<string>"
        }
        return "string"
    }
}

/// A part of a document in a proposal.
struct ProposedPart: Sendable, Hashable {
    var path: [String]
    /// The `as` of the mapping file.
    var type: String

    /// A line of `parts`.
    func line(property: String) -> String {
        let name = YAMLText.scalar(ValuePart.path(path).description)
        if type == "string" { return "\(name): \(YAMLText.scalar(property))" }
        // A row that was not looked at may hold another kind: nothing is lost then.
        return "\(name): {property: \(YAMLText.scalar(property)), as: \(type), otherwise: string}"
    }
}

extension Proposal {
    /// Adds a property for each member that samples of documents show.
    public mutating func add(_ samples: [DocumentSample]) {
        for index in tables.indices {
            guard let properties = tables[index].entry.properties else { continue }
            var taken = Set(properties.map { $0.property.value.lowercased() })
            for sample in samples where sample.table == tables[index].entry.table.value {
                guard properties.contains(where: { $0.column.value == sample.column && $0.part == nil }) else {
                    continue
                }
                var lines: [String] = []
                for part in sample.parts {
                    let name = Naming.property(([sample.column] + part.path).joined(separator: "_"))
                    // Two members of one name but for its case, or for what is no letter: the first is it.
                    guard taken.insert(name.lowercased()).inserted else { continue }
                    lines.append(part.line(property: name))
                }
                tables[index].parts[sample.column] = (lines, sample.rows)
            }
        }
    }
}

extension TableEntry {
    /// The columns that become properties, but for the key's.
    fileprivate var properties: [ColumnEntry]? {
        switch role {
        case .node(let node): node.properties
        case .join(let join): join.properties
        default: nil
        }
    }
}
