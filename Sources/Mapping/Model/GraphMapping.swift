// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A mapping that was checked against the catalog: what each table becomes in the graph. Pure data.
public struct GraphMapping: Sendable {
    public var pipeline: String
    public var nodes: [NodeMapping]
    public var joins: [JoinMapping]
    /// Relationships of views and queries. None of ``tables``.
    public var computed: [ComputedMapping] = []
    /// What the file's `schema` asks for.
    public var schema: [SchemaItem] = []
    /// The mapped tables as the catalog had them; empty where versions of relations are not told apart.
    public var sources: [OID: MappedSource] = [:]
    /// Where the WAL ended before that catalog was read: what committed earlier is in it.
    public var catalogLSN: LSN?
    /// Tables that are read beside the stream, at moments that are later than these: what the stream brings of them from before
    /// need not be applied.
    public var readBehind: [QualifiedName: LSN] = [:]

    public init(pipeline: String, nodes: [NodeMapping], joins: [JoinMapping]) {
        self.pipeline = pipeline
        self.nodes = nodes
        self.joins = joins
    }

    /// Every mapped table, nodes first: what the publication holds.
    public var tables: [QualifiedName] { nodes.map(\.table) + joins.map(\.table) }
}

/// One column and the property it becomes.
public struct PropertyMapping: Sendable {
    public var column: String
    public var property: String
    /// How a value goes over, and which graph type it has then.
    public var conversion: ValueConversion
    /// `format_type` of the column: what a COPY that asks for text casts from, what messages show.
    public var columnType: String
    /// NULL counts in place of the column's value unless the row passes.
    public var condition: ColumnTest?

    /// Begins the names of properties that Lockstep keeps for itself.
    public static let ownPrefix = "_lockstep"

    /// Whether Lockstep keeps it for itself: it is in the graph, and no part of what the mapping promises.
    public var isOwn: Bool { property.hasPrefix(Self.ownPrefix) }

    public init(column: String, property: String, conversion: ValueConversion, columnType: String) {
        self.column = column
        self.property = property
        self.conversion = conversion
        self.columnType = columnType
    }
}

/// A table whose rows become nodes.
public struct NodeMapping: Sendable {
    public var table: QualifiedName
    /// The first is the one that the key belongs to.
    public var labels: [String]
    public var key: [PropertyMapping]
    /// Without the key.
    public var properties: [PropertyMapping]
    public var references: [ReferenceMapping]
    public var lookups: [LookupMapping] = []
    /// What its rows name elsewhere: the ends of ``references``, then those of ``lookups``.
    public var ends: [RelationshipEnd] { references.map(\.target) + lookups.map(\.target) }
    /// Two rows can have the same key until their transaction ends.
    public var isKeyDeferrable: Bool
    /// Set where no key tells rows apart: then ``key`` is the digest, and one of ``properties`` the count.
    public var distinct: DistinctRows?
    public var rows = RowCondition()
    /// Behind ``labels``: those that depend on the row.
    public var conditionalLabels: [ConditionalLabel] = []
    public var extra = ExtraProperties()
    /// Run for the rows beside what Lockstep makes of them.
    public var custom: CustomCypher?

    /// Whether its nodes are Lockstep's own: there for ``custom`` alone, and no part of what the mapping promises.
    public var isOwn: Bool { labels[0].hasPrefix(CustomCypher.rowLabelPrefix) }

    public init(
        table: QualifiedName, labels: [String], key: [PropertyMapping], properties: [PropertyMapping],
        references: [ReferenceMapping], isKeyDeferrable: Bool = false, distinct: DistinctRows? = nil
    ) {
        self.table = table
        self.labels = labels
        self.key = key
        self.properties = properties
        self.references = references
        self.isKeyDeferrable = isKeyDeferrable
        self.distinct = distinct
    }
}

/// A foreign key of a node's table: at most one relationship for each row.
public struct ReferenceMapping: Sendable {
    public var type: String
    /// The other end; its columns are the foreign key's, in the order of the target's key properties.
    public var target: RelationshipEnd
    /// From the referenced node to the holder, instead of from the holder.
    public var isReversed: Bool
    /// Properties of the holder that hold the value of each column, by which a node that comes to have it later finds its
    /// holders. Empty where that cannot be: a constraint guarantees that the other row is there, and the columns name it by
    /// its node's key.
    public var kept: [String]
    /// Only rows that pass refer to this target, of several that the columns may name.
    public var condition: ColumnTest? { target.key.first?.condition }

    public init(type: String, target: RelationshipEnd, isReversed: Bool = false, kept: [String] = []) {
        self.type = type
        self.target = target
        self.isReversed = isReversed
        self.kept = kept
    }
}

extension GraphMapping {
    /// What a table's rows become, if that is nodes.
    public func node(of table: QualifiedName) -> NodeMapping? { nodes.first { $0.table == table } }

    /// What a table's rows become, if that is relationships.
    public func join(of table: QualifiedName) -> JoinMapping? { joins.first { $0.table == table } }
}

/// How a row names the node at one end of a relationship.
public struct RelationshipEnd: Sendable {
    public var label: String
    /// `column` of this row, `property` of the node there, `conversion` from the one to the other.
    public var key: [PropertyMapping]

    public init(label: String, key: [PropertyMapping]) {
        self.label = label
        self.key = key
    }
}

/// A table whose rows become relationships: its key is made of the two ends' columns, or it has one of its own.
public struct JoinMapping: Sendable {
    public var table: QualifiedName
    public var type: String
    /// What names a row beside its ends, as properties of the relationship; empty where the ends do. Then several
    /// relationships may lead from one node to another, and an end may be NULL, or change while the row stays.
    public var ownKey: [PropertyMapping]
    public var from: RelationshipEnd
    public var to: RelationshipEnd
    public var properties: [PropertyMapping]
    /// Two rows can have the same key until their transaction ends.
    public var isKeyDeferrable: Bool
    /// Nothing guarantees that both ends are there: rows wait, as nodes of Lockstep's own, until they are. Changes bring
    /// whole rows then.
    public var waits = false
    public var rows = RowCondition()
    public var extra = ExtraProperties()

    public init(
        table: QualifiedName, type: String, ownKey: [PropertyMapping] = [], from: RelationshipEnd, to: RelationshipEnd,
        properties: [PropertyMapping], isKeyDeferrable: Bool = false
    ) {
        self.table = table
        self.type = type
        self.ownKey = ownKey
        self.from = from
        self.to = to
        self.properties = properties
        self.isKeyDeferrable = isKeyDeferrable
    }
}
