// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Relationships that the source computes: the rows of a view, or of a query in the mapping file, which has no changes of
/// its own. They are read again when something that they are made of has changed, and what differs is written.
///
/// To the graph they are a table of relationships whose rows wait for their ends: nodes that come and go need not know
/// when it was read.
public struct ComputedMapping: Sendable {
    public var join: JoinMapping
    /// It is read at most once in so long.
    public var interval: Duration
    /// The followed tables that it is made of.
    public var reads: Set<QualifiedName>
    /// It is read once in each interval: some of what it is made of changes without a word in the stream.
    public var isByClock: Bool
    /// The types that its columns have for the mapping, those below domains.
    public var types: [String: OID] = [:]
    /// The query in the mapping file, where it is one; then ``table`` is its name.
    public var query: String?

    /// - Parameter query: Nil for a view.
    public init(
        join: JoinMapping, query: String? = nil, interval: Duration, reads: Set<QualifiedName>, isByClock: Bool
    ) {
        self.join = join
        self.query = query
        self.interval = interval
        self.reads = reads
        self.isByClock = isByClock
    }

    public var table: QualifiedName { join.table }

    /// What stands behind FROM for its rows.
    public var rowsSQL: String { query.map(Catalog.View.rowsSQL) ?? table.sql }

    /// `view`, `query`.
    public var kind: String { query == nil ? "view" : "query" }

    /// `10s`, `2m`.
    public var intervalText: String { Self.text(interval) }

    static func text(_ interval: Duration) -> String {
        let seconds = interval.components.seconds
        return seconds % 3600 == 0 ? "\(seconds / 3600)h" : seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}

extension GraphMapping {
    /// Everything that rows of relationships make: of tables, views and queries.
    public var allJoins: [JoinMapping] { joins + computed.map(\.join) }
}

extension QualifiedName {
    /// The name of a query in the mapping file: one without a schema, which no table has.
    static func ofQuery(_ name: String) -> QualifiedName { QualifiedName(schema: "", name: name) }

    /// It is a query's.
    public var isOfQuery: Bool { schema.isEmpty }
}

extension Catalog.View {
    /// Another one when it was defined anew, in the database or in the mapping file.
    public var definition: String { query.map { TableContent.mark([$0, version]) } ?? version }
}
