// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A mapping for a database that nobody has described yet: what `lockstep init` writes, with a reason for each decision.
///
/// The rules are in `docs/mapping.md`. The same catalog gives the same proposal, byte for byte.
public struct Proposal: Sendable {
    /// In the catalog's order.
    var tables: [ProposedTable]
    /// Of the columns that hold vectors.
    var vectorIndexes: [ProposedIndex]
    /// Views that may become relationships: only who made them knows which, and how often they are to be read.
    var views: [QualifiedName]

    /// - Parameter catalog: Every table of it is proposed as something, or skipped with a reason.
    public init(for catalog: Catalog) { self.init(for: catalog, beside: []) }

    /// A proposal for the tables that `entries` do not mention, which fits to what these say of the others.
    init(for catalog: Catalog, beside entries: [TableEntry]) {
        var builder = ProposalBuilder(catalog: catalog, known: entries)
        tables = builder.build()
        vectorIndexes = tables.flatMap { ProposedIndex.ofVectors(in: $0.entry, catalog) }
        views = catalog.views.map(\.table.name)
    }

    /// What was decided, in a line for each table: `public.orders -> (:Order)`.
    public var decisions: [String] { tables.map(\.summary) }

    /// What the graph will not have, and what to do about it.
    public var leftOut: [LeftOut] { tables.flatMap(\.leftOut) }

    /// Something of the database that is not in the proposed graph.
    public struct LeftOut: Sendable, Equatable {
        public var table: QualifiedName
        /// What and why, in a sentence.
        public var message: String
        /// SQL, or a line for the mapping file; nil where nothing is to be done.
        public var remedy: String?
    }
}

/// One table of a proposal: the entry for the file and the comments that go with it.
struct ProposedTable: Sendable {
    var entry: TableEntry
    /// Above the entry; empty where the lines say it all.
    var reason = ""
    /// Behind the line of the label or type, of the key, of both ends.
    var nameReason = ""
    var keyReason = ""
    var fromReason = ""
    var toReason = ""
    /// Behind the line of each property.
    var propertyReasons: [String] = []
    /// Lines of the parts of a column's documents, and of how many rows they are.
    var parts: [String: (lines: [String], rows: Int)] = [:]
    /// Behind the line of each relationship.
    var referenceReasons: [String] = []
    /// Behind `exclude`.
    var excludeReason = ""
    var leftOut: [Proposal.LeftOut] = []

    var summary: String {
        let name = entry.table.value.description
        switch entry.role {
        case .skip: return "\(name): skipped, \(reason)"
        case .node(let node):
            let key = node.key.map(\.column.value).joined(separator: ", ")
            let types = node.references.map { "[:\($0.type.value)]" }.joined(separator: ", ")
            let kind = keyReason.prefix { $0 != ":" }
            let rows = node.distinct == nil ? " by (\(key)), \(kind)" : ", one for each distinct row"
            return "\(name) -> (:\(node.labels[0].value))\(rows)"
                + (types.isEmpty ? "" : "; with \(types)")
        case .join(let join):
            return "\(name) -> [:\(join.type.value)] from \(join.from.references.value) to \(join.to.references.value)"
                + ": its primary key is made of the two foreign keys"
        }
    }
}
