// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// What a table makes in the graph, in short: enough to tell later what an edited mapping makes otherwise, and what it does
/// not make any more. The same when a column is renamed, as columns go in by their numbers, and with the Cypher of a newer
/// Lockstep.
public struct TableContent: Sendable, Hashable {
    /// One thing that the table's rows have in the graph.
    public struct Part: Sendable, Hashable {
        public enum Kind: String, Sendable, CaseIterable {
            case property
            /// Behind the first.
            case label
            /// Of a foreign key; the name is ``relationship(_:_:_:)``.
            case relationship
            /// Nodes of Lockstep's own, for rows that lack an end.
            case waiting
            /// What tells rows apart. Has no name, as ``rule``.
            case key
            /// Which rows count, and where relationships with a key of their own lead.
            case rule
            /// Run for rows that have come or changed. What it made stays when it goes.
            case cypher
        }

        /// A column, or a whole table.
        public struct Source: Sendable, Hashable, Comparable {
            public var table: OID
            /// The column's number; 0 for the whole table.
            public var column: Int16

            public init(_ table: OID, column: Int16 = 0) {
                self.table = table
                self.column = column
            }

            public static func < (left: Source, right: Source) -> Bool {
                (left.table, left.column) < (right.table, right.column)
            }
        }

        public var kind: Kind
        public var name: String
        /// What it is made of: columns of the table, and what is named by them elsewhere.
        public var sources: [Source]
        /// Another one where it is made in another way.
        public var mark: String

        public init(_ kind: Kind, _ name: String, of sources: [Source], mark: String) {
            self.kind = kind
            self.name = name
            self.sources = sources.sorted()
            self.mark = mark
        }

        /// The name of a relationship.
        public static func relationship(_ from: String, _ type: String, _ to: String) -> String {
            [from, type, to].joined(separator: separator)
        }

        private static let separator = "\u{1F}"

        /// Of a relationship: its type, and the labels at both ends; else nothing.
        public var relationship: (type: String, from: String, to: String)? {
            let words = name.split(separator: Self.separator, omittingEmptySubsequences: false).map(String.init)
            return kind == .relationship && words.count == 3 ? (words[1], words[0], words[2]) : nil
        }

        /// Of the same kind and name: what the one has written the other replaces.
        public func replaces(_ other: Part) -> Bool { kind == other.kind && name == other.name }

        /// Made in the same way, too.
        public func isSame(as other: Part) -> Bool { replaces(other) && mark == other.mark }

        /// With a mark that no mapping gives.
        fileprivate var unsettled: Part { Part(kind, name, of: sources, mark: "?") }
    }

    /// The label of nodes; or the type of relationships and the labels at both ends.
    public var names: [String]
    public var parts: [Part]

    /// Of nodes.
    public var label: String? { names.count == 1 ? names[0] : nil }

    public init(names: [String], parts: [Part]) {
        self.names = names
        self.parts = parts
    }

    /// Another one when something else is made of the table.
    public var fingerprint: String {
        Self.mark(names + parts.map { "\($0.kind.rawValue) \($0.name) \($0.mark)" }.sorted())
    }

    /// A short text for a long one.
    static func mark(_ words: [String]) -> String {
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in words.joined(separator: "\n").utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return String(hash, radix: 36)
    }

    /// As long as it becomes the other: what is not the same in both may be in the graph or not, or for some rows only.
    public func unsettled(until other: TableContent?) -> TableContent {
        let there = names == other?.names ? other?.parts ?? [] : []
        var result = self
        result.parts =
            parts.map { part in there.contains(where: part.isSame) ? part : part.unsettled }
            + there.filter { part in !parts.contains(where: part.replaces) }.map(\.unsettled)
        return result
    }

    // MARK: What leaves

    /// Sweeps of all that it has made: also of rows that wait for an end of theirs.
    public var sweeps: [String] {
        guard names.count == 3 else { return names.map { Cypher.nodeSweep($0) } }
        return [
            Cypher.relationshipSweep(from: names[1], names[0], to: names[2]),
            Cypher.nodeSweep(JoinMapping.waitingLabel(names[1], names[0], names[2])),
        ]
    }

    /// Sweeps of parts of it.
    public func sweeps(of parts: [Part]) -> [String] {
        parts.flatMap { part in
            switch part.kind {
            case .property:
                guard names.count == 3 else { return names.map { Cypher.propertySweep(label: $0, part.name) } }
                let waiting = JoinMapping.waitingLabel(names[1], names[0], names[2])
                return [
                    Cypher.propertySweep(from: names[1], names[0], to: names[2], part.name),
                    Cypher.propertySweep(label: waiting, part.name),
                ]
            case .label: return names.prefix(1).map { Cypher.labelSweep(label: $0, part.name) }
            case .relationship:
                return part.relationship.map { [Cypher.relationshipSweep(from: $0.from, $0.type, to: $0.to)] } ?? []
            case .waiting: return [Cypher.nodeSweep(part.name)]
            case .key, .rule, .cypher: return []
            }
        }
    }
}
