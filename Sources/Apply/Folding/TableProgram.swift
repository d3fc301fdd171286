// Part of Lockstep. See LICENSE.

public import Mapping
internal import PostgreSQL

/// One column of a tuple and how its value goes over.
struct ColumnProgram {
    /// Index of the column in the relation's tuples.
    let column: Int
    let conversion: ValueConversion
    /// For messages.
    let name: String
    /// NULL counts in place of the value unless the row passes.
    var condition: TestProgram?
}

/// A mapped table laid against one version of its relation: which columns are the key, which are values, and the
/// statements that take them. Made once per relation version.
public final class TableProgram {
    /// Which parts of a table's graph a program writes.
    public enum Part: Sendable {
        /// Everything: the stream.
        case all
        /// What Cypher of somebody's own has made for rows that go: the first pass of a transaction that is applied in parts.
        case retractions
        /// Nodes without their relationships: the first pass of a snapshot.
        case nodes
        /// Relationships between nodes that are there: the second pass.
        case relationships
        /// The deletion of nodes whose rows have gone: the last pass of a transaction that is applied in parts.
        case departures
    }

    /// A reference to this table's nodes that no constraint guards.
    struct Adoption {
        let holder: NodeMapping
        let reference: ReferenceMapping
        /// The columns that it refers to, as indices into the tuple; empty where that is the key.
        let columns: [Int]
    }

    enum Shape {
        case node(NodeMapping)
        case join(JoinMapping)
    }

    let table: QualifiedName
    let shape: Shape
    // What rows ask for is not in `shape`, which is copied to look into it.
    let isJoin: Bool
    /// Its rows wait where one of their ends is not there; they come whole.
    let waits: Bool
    /// The name that the mapping has for the table; that of the relation may be an older one.
    let mappedTable: QualifiedName
    let columnCount: Int
    let key: [ColumnProgram]
    /// Both ends' columns, where the relationship has a key of its own.
    let ends: [ColumnProgram]
    /// What the row names elsewhere: the columns of each reference, then those of each lookup; of a relationship with a key of
    /// its own, those of both ends.
    let references: [[ColumnProgram]]
    private let firstLookup: Int
    let properties: [ColumnProgram]
    /// Where equal rows are counted: the columns that tell rows apart, as indices into the tuple. Nil in a first read, which
    /// is given digests and counts as columns.
    let distinctColumns: [Int]?
    /// Where equal rows are counted: this version of the relation does not tell them apart as the mapping does.
    let isOtherRows: Bool
    let writesRows: Bool
    /// Two rows may have one key for a moment: a deferrable key is no replica identity, so that is FULL.
    let mayRepeatKeys: Bool
    let adoptions: [Adoption]
    /// Tables of relationships whose rows wait for this table's nodes, and at which end.
    let awaited: [(join: JoinMapping, side: JoinMapping.Side)]
    /// Nothing bounds how many relationships a node of it has. Only asked for departures in parts.
    let isNamedFreely: Bool
    /// Tables whose nodes have values of this one's rows, and keep them when it is truncated.
    let lookedUp: [(holder: NodeMapping, lookup: LookupMapping)]
    /// A row that passes is as good as deleted; nil where there are none, or where the reader has left them out.
    let absence: TestProgram?
    /// Behind a node's ordinary labels.
    let labels: [TestProgram]
    let derived: [DerivedProgram]
    /// Whose own statements are run for the rows: with all of its properties, whatever this version of the relation has.
    let custom: NodeMapping?
    /// Identifies rows of this table among the entities of a segment: the same for every version of the relation.
    let tableIndex: Int

    /// Values of a node's key: one, where that is the digest of a row.
    var keyCount: Int { distinctColumns == nil ? key.count : 1 }

    /// One of ``references`` is a lookup, and of the node.
    func isLookup(_ reference: Int) -> Bool { reference >= firstLookup }

    /// The lookup that one of ``references`` is.
    func lookup(_ reference: Int) -> LookupMapping? {
        guard case .node(let node) = shape, isLookup(reference) else { return nil }
        return node.lookups[reference - firstLookup]
    }

    /// The graph may hold newer rows than the changes that come, or lack some. Of rows that are counted only their
    /// relationships: these may be missing.
    var isUnsettled = false

    /// An update may bring a row that the graph does not have, and it does not show whether it does.
    var mayComeUnseen: Bool { isUnsettled || (absence != nil && !mayRepeatKeys) }

    let part: Part
    /// Nodes stay where they are, and those whose rows go are only marked, until the departures.
    let keepsNodes: Bool

    /// Its relationships have a key of their own.
    var isKeyed: Bool { !ends.isEmpty }

    /// The program for a relation, or nil where the mapping does not have the table.
    ///
    /// - Throws: ``ApplyError`` of kind `schemaChanged` when the relation lacks a column that the mapping names.
    public static func make(
        for relation: Relation, mapping: GraphMapping, part: Part = .all, keepsNodes: Bool = false
    ) throws(ApplyError) -> TableProgram? {
        switch mapping.standing(of: relation) {
        case .gone, .passed: return nil
        case .expected: return try make(relation, mapping, part, keepsNodes, retyped: nil)
        case .other(let now, let retyped): return try make(now, mapping, part, keepsNodes, retyped: retyped)
        }
    }

    /// - Parameter retyped: Of another version than the mapping was made for: it may lack columns, and these have other
    ///   types.
    private static func make(
        _ relation: Relation, _ mapping: GraphMapping, _ part: Part, _ keepsNodes: Bool, retyped: Set<String>?
    ) throws(ApplyError) -> TableProgram? {
        if let index = mapping.nodes.firstIndex(where: { $0.table == relation.name }) {
            var node = mapping.nodes[index]
            let custom = node.custom == nil ? nil : node
            if part == .retractions, custom == nil { return nil }
            var isOtherRows = false
            if let retyped {
                isOtherRows = node.distinct.map { !mapping.tellsApart(relation, $0) } ?? false
                node = node.carried(by: relation, retyped: retyped)
            }
            let distinct = relation.columns.contains { $0.name == DistinctRows.digestColumn } ? nil : node.distinct
            let key = distinct == nil ? try columns(node.key, in: relation) : []
            let writesRows = part == .all || part == .nodes
            let values = node.properties.filter { distinct == nil || $0.column != DistinctRows.countColumn }
            let properties = writesRows ? try columns(values, in: relation) : []
            var references: [[ColumnProgram]] = []
            if part == .all || part == .relationships {
                for end in node.ends {
                    references.append(try columns(end.key, in: relation))
                }
            }
            // A first read makes relationships when all nodes are there: nothing waits.
            let isAdopting = part == .all || (part == .relationships && keepsNodes)
            let adoptions = (isAdopting ? mapping.keptReferences(to: node) : []).map { holder, reference in
                let names = reference.target.key.map(\.property)
                let isKey = Set(names) == Set(node.key.map(\.property))
                let referred = node.properties.filter { names.contains($0.property) }.map(\.column)
                let columns = relation.columns.indices.filter { referred.contains(relation.columns[$0].name) }
                return Adoption(holder: holder, reference: reference, columns: isKey ? [] : columns)
            }
            var labels: [TestProgram] = []
            if writesRows { for label in node.conditionalLabels { labels.append(try test(label.test, in: relation)) } }
            let isLeft = part == .departures && keepsNodes
            return TableProgram(
                relation, .node(node), key, properties, references: references, tableIndex: index, part: part,
                writesRows: writesRows, keepsNodes: keepsNodes, adoptions: adoptions,
                awaited: isAdopting || isLeft ? mapping.awaitedEnds(of: node) : [],
                isNamedFreely: isLeft && mapping.isNamedFreely(node),
                lookedUp: mapping.lookups(of: node.table).filter { !$0.lookup.isEnforced },
                distinctColumns: try distinct.map { distinct throws(ApplyError) in
                    guard !isOtherRows else { return [] }
                    return try distinct.columns.map { name throws(ApplyError) in
                        try Self.index(of: name, in: relation)
                    }
                }, isOtherRows: isOtherRows, absence: try absence(node.rows, in: relation, part, keepsNodes),
                labels: labels,
                derived: writesRows ? try derived(node.extra, in: relation) : [], custom: custom)
        }
        if let index = mapping.joins.firstIndex(where: { $0.table == relation.name }) {
            guard part == .all || part == .relationships else { return nil }
            var join = mapping.joins[index]
            if let retyped { join = join.carried(by: relation, retyped: retyped) }
            return TableProgram(
                relation, .join(join), try columns(join.key, in: relation), try columns(join.properties, in: relation),
                ends: join.isKeyed ? try columns(join.ends, in: relation) : [],
                tableIndex: mapping.nodes.count + index, part: part, writesRows: true, keepsNodes: keepsNodes,
                absence: try absence(join.rows, in: relation, part, keepsNodes),
                derived: try derived(join.extra, in: relation))
        }
        return nil
    }

    /// The readers of a table ask PostgreSQL for the rows that count; the stream brings all.
    private static func absence(
        _ rows: RowCondition, in relation: Relation, _ part: Part, _ keepsNodes: Bool
    ) throws(ApplyError) -> TestProgram? {
        guard let softDelete = rows.softDelete, part == .all || keepsNodes else { return nil }
        return try test(softDelete, in: relation)
    }

    private init(
        _ relation: Relation, _ shape: Shape, _ key: [ColumnProgram], _ properties: [ColumnProgram],
        references: [[ColumnProgram]] = [], ends: [ColumnProgram] = [], tableIndex: Int, part: Part, writesRows: Bool,
        keepsNodes: Bool, adoptions: [Adoption] = [], awaited: [(join: JoinMapping, side: JoinMapping.Side)] = [],
        isNamedFreely: Bool = false, lookedUp: [(holder: NodeMapping, lookup: LookupMapping)] = [],
        distinctColumns: [Int]? = nil, isOtherRows: Bool = false, absence: TestProgram?, labels: [TestProgram] = [],
        derived: [DerivedProgram],
        custom: NodeMapping? = nil
    ) {
        table = relation.name
        self.shape = shape
        switch shape {
        case .node(let node):
            (isJoin, waits, mappedTable, firstLookup) = (false, false, node.table, node.references.count)
        case .join(let join): (isJoin, waits, mappedTable, firstLookup) = (true, join.waits, join.table, .max)
        }
        columnCount = relation.columns.count
        mayRepeatKeys = relation.replicaIdentity == .full
        self.distinctColumns = distinctColumns
        self.isOtherRows = isOtherRows
        self.key = key
        self.references = ends.isEmpty ? references : [ends]
        self.ends = ends
        self.properties = properties
        self.tableIndex = tableIndex
        self.part = part
        self.writesRows = writesRows
        self.keepsNodes = keepsNodes
        self.adoptions = adoptions
        self.awaited = awaited
        self.isNamedFreely = isNamedFreely
        self.lookedUp = lookedUp
        self.absence = absence
        self.labels = labels
        self.derived = derived
        self.custom = custom
    }

    static func columns(
        _ mapped: [PropertyMapping], in relation: Relation
    ) throws(ApplyError) -> [ColumnProgram] {
        var found: [ColumnProgram] = []
        for property in mapped {
            let index = try index(of: property.column, in: relation)
            let condition = try property.condition.map { test throws(ApplyError) in try Self.test(test, in: relation) }
            found.append(
                ColumnProgram(
                    column: index, conversion: property.conversion, name: property.column, condition: condition))
        }
        return found
    }

    private static func index(of column: String, in relation: Relation) throws(ApplyError) -> Int {
        if let index = relation.columns.firstIndex(where: { $0.name == column }) { return index }
        throw ApplyError(
            .schemaChanged, table: relation.name,
            "the table has no column \"\(column)\" any more, which the mapping names. "
                + "Take it out of the mapping (or correct its name) and start again.")
    }
}
