// Part of Lockstep. See LICENSE.

public import PostgreSQL

extension Verification {
    /// One difference that was seen twice.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        public enum Kind: String, Sendable, Hashable {
            case missingNode = "missing node"
            case extraNode = "extra node"
            /// Nodes of one key; without the uniqueness constraint only.
            case duplicateNode = "duplicate node"
            case propertiesDiffer = "properties differ"
            case missingRelationship = "missing relationship"
            case extraRelationship = "extra relationship"
            case duplicateRelationship = "duplicate relationship"
            case relationshipPropertiesDiffer = "relationship properties differ"
            /// Rows whose keys become the same in the graph.
            case duplicateRow = "several rows for one key"
        }

        public var kind: Kind
        /// The label, or `(:A)-[:TYPE]->(:B)`.
        public var what: String
        public var table: QualifiedName
        /// The key, printed: `id: 42`.
        public var key: String
        /// Names of the properties that differ; `labels` where further labels do. Values are never shown.
        public var properties: [String]

        public var description: String {
            let names = properties.isEmpty ? "" : ": " + properties.joined(separator: ", ")
            return "\(kind.rawValue): \(what) {\(key)} of \(table)\(names)"
        }
    }

    /// What was compared with one label or one type of relationship.
    public struct TableReport: Sendable, Hashable {
        public var what: String
        public var table: QualifiedName
        /// Nodes or relationships that PostgreSQL's rows make.
        public var rows: Int
        /// Nodes or relationships in the graph.
        public var inGraph: Int
        public var differences: Int
        /// Keys that changed on every look.
        public var unsettled: Int
        /// Suspected differences beyond the limit, not looked at again.
        public var unchecked: Int
        /// Bounded by the limit of the whole report.
        var findings: [Finding]
    }

    public struct Report: Sendable {
        public var tables: [TableReport] = []
        /// The first ones, in the order of the tables.
        public var findings: [Finding] = []
        /// Tables with Cypher of their own: what that makes is not compared.
        public var custom: [QualifiedName] = []
        public var duration: Duration = .zero
        private let findingsMax: Int

        init(findingsMax: Int) { self.findingsMax = findingsMax }

        public var rows: Int { tables.reduce(0) { $0 + $1.rows } }
        public var inGraph: Int { tables.reduce(0) { $0 + $1.inGraph } }
        public var differences: Int { tables.reduce(0) { $0 + $1.differences } }
        public var unsettled: Int { tables.reduce(0) { $0 + $1.unsettled } }
        public var unchecked: Int { tables.reduce(0) { $0 + $1.unchecked } }

        /// Nothing differs, as far as rows stood still long enough to tell.
        public var isEqual: Bool { differences == 0 && unchecked == 0 }

        mutating func add(_ table: TableReport) {
            findings += table.findings.prefix(findingsMax - findings.count)
            tables.append(table)
        }
    }
}
