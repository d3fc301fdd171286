// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// What a mapping file says of one table, not yet held against the database.
struct TableEntry: Sendable, Equatable {
    enum Role: Sendable, Equatable {
        case node(NodeEntry)
        case join(JoinEntry)
        case skip
    }

    var table: Located<QualifiedName>
    var role: Role
    /// Columns that stay out of the graph, and are said to.
    var excluded: [Located<String>] = []
    /// The SQL condition of the rows that count.
    var filter: Located<String>?
    var softDelete: SoftDeleteEntry?
    var constants: [ConstantEntry] = []
    var derived: [DerivedEntry] = []
    /// Set for a view, whose rows are read again and again.
    var refresh: RefreshEntry?
    /// In place of a view: what computes the rows; then `table` is its name, without a schema.
    var query: Located<String>?
}

/// How often a view or a query is read.
struct RefreshEntry: Sendable, Equatable {
    var interval: Duration
    /// Whatever has changed; else when something has.
    var isByClock = false
    var position: FilePosition?
}

/// What makes a row one that is as good as deleted.
struct SoftDeleteEntry: Sendable, Equatable {
    var column: Located<String>
    /// Nil: any value but NULL.
    var value: Located<String>?
    /// The row's node stays, with this label.
    var label: Located<String>?
}

/// Labels that depend on a column.
struct ColumnLabelEntry: Sendable, Equatable {
    var column: Located<String>
    /// The label of each value; nil where the type's values are to name them.
    var values: [LabelOfValue]?

    struct LabelOfValue: Sendable, Equatable {
        /// Nil: any value but NULL.
        var value: Located<String>?
        var label: Located<String>
    }
}

struct ConstantEntry: Sendable, Equatable {
    var property: Located<String>
    var value: SchemaItem.Value
}

struct DerivedEntry: Sendable, Equatable {
    enum Part: Sendable, Equatable {
        case words(String)
        case column(String, otherwise: String?)
    }

    var property: Located<String>
    /// Where the template stands.
    var position: FilePosition?
    var parts: [Part]

    /// The columns in it.
    var columns: [String] { parts.compactMap { if case .column(let name, _) = $0 { name } else { nil } } }
}

struct NodeEntry: Sendable, Equatable {
    var labels: [Located<String>]
    var columnLabels: [ColumnLabelEntry] = []
    var key: [ColumnEntry]
    var keyPosition: Located<Bool> = Located(true)
    var properties: [ColumnEntry]
    var references: [ReferenceEntry]
    var lookups: [LookupEntry] = []
    /// In place of a key: a node for each distinct row.
    var distinct: DistinctEntry?
    var custom: CustomEntry?

    /// Its nodes are there for ``custom`` alone, under a label of Lockstep's own.
    var isOwn: Bool { labels[0].value.hasPrefix(CustomCypher.rowLabelPrefix) }
}

/// Cypher for a table's rows. Equal where the statements are.
struct CustomEntry: Sendable, Equatable {
    var position: Located<Bool>
    var upsert: Located<String>
    var delete: Located<String>
}

/// The properties of a table's nodes that no key tells apart.
struct DistinctEntry: Sendable, Equatable {
    var digest: Located<String>
    var count: Located<String>
}

struct JoinEntry: Sendable, Equatable {
    var type: Located<String>
    /// What names a row beside its ends; empty where the ends do.
    var key: [ColumnEntry] = []
    var from: EndEntry
    var to: EndEntry
    var properties: [ColumnEntry]

    /// The columns that say which row it is, each once.
    var identifyingColumns: [String] {
        var columns: [String] = []
        let all = key.isEmpty ? from.columns + to.columns : key.map(\.column)
        for column in all where !columns.contains(column.value) { columns.append(column.value) }
        return columns
    }
}

struct ColumnEntry: Sendable, Equatable {
    var column: Located<String>
    var property: Located<String>
    /// The graph type that `as` asks for: `float`, `list<string>`. Nil: the column type's natural one.
    var graphType: Located<String>?
    /// The part of the column's value that the property is filled from, as the file names it; nil for the whole.
    var part: Located<String>?
    var policies = PolicyEntries()
}

/// What the file says of values that the graph type does not have; each is nil where it says nothing.
struct PolicyEntries: Sendable, Equatable {
    var otherwise: Located<ValuePolicy.Otherwise>?
    var nulls: Located<ValuePolicy.Nulls>?
    var dimensions: Located<ValuePolicy.Dimensions>?
    var scale: Located<Int>?
    var years: Located<ClosedRange<Int>>?
    var zone: Located<ValuePolicy.Zone>?

    var policy: ValuePolicy {
        ValuePolicy(
            otherwise: otherwise?.value ?? .error, nulls: nulls?.value ?? .error,
            dimensions: dimensions?.value ?? .error, scale: scale?.value ?? 0, years: years?.value,
            zone: zone?.value)
    }
}

/// Columns of this table that name a node of another.
struct EndEntry: Sendable, Equatable {
    var columns: [Located<String>]
    var references: Located<QualifiedName>
    /// False: no constraint has to guarantee that the other row is there.
    var isEnforced = true
}

struct ReferenceEntry: Sendable, Equatable {
    var type: Located<String>
    var end: EndEntry
    var isReversed = false
    /// Set for one of several tables that the columns may name.
    var condition: ReferenceCondition?

    var isEnforced: Bool { end.isEnforced }
}

/// What a row has from the row of another table that its columns name.
struct LookupEntry: Sendable, Equatable {
    var end: EndEntry
    /// Columns there, properties here.
    var properties: [ColumnEntry] = []
    /// By columns there.
    var labels: [ColumnLabelEntry] = []
}

/// A row refers to the table only while a column has one of some values.
struct ReferenceCondition: Sendable, Equatable {
    var column: Located<String>
    var values: [Located<String>]
}
