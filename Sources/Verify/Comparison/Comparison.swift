// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

/// One label, or one type of relationship between two labels, and the table that it is made of.
struct Comparison {
    enum Subject {
        case node(NodeMapping)
        case relationship(type: String, from: RelationshipEnd, to: RelationshipEnd)
    }

    var subject: Subject
    var table: QualifiedName
    /// The label, or `(:A)-[:TYPE]->(:B)`.
    var what: String
    /// The columns that name it, all of `table`: a node's key, or both ends' keys and the relationship's own.
    var key: [PropertyMapping]
    /// The last of `key`: properties of the relationship itself.
    var ownKey: [PropertyMapping]
    var properties: [PropertyMapping]
    /// Where properties behind those of the table's columns come from.
    var lookedUp: [LookedUp] = []
    /// SQL for the last of the properties, which are no column's: of the table `t`.
    var expressions: [String] = []
    /// Which rows of the table count.
    var rows = RowCondition()
    /// Which of them refer to this target.
    var condition: ColumnTest?
    /// Those columns of `key` that PostgreSQL finds the row by.
    var lookup: [Int]
    /// Where its nodes count equal rows.
    var distinct: DistinctRows?
    /// What stands behind FROM for its rows, where they are those of a view or a query.
    var computedRows: String?
    var isComputed: Bool { computedRows != nil }
    /// What a row refers to and has to be there, for the row to make anything.
    var targets: [Target]

    /// Rows of another table that a row here refers to.
    struct Target {
        var table: QualifiedName
        /// Column here, column there.
        var columns: [(String, String)]
        /// Which of them count.
        var rows: RowCondition
    }

    /// Labels by rows that are looked up, behind the others of ``conditionalLabels``.
    var lookedUpLabels: [LookedUp] = []

    /// Labels that depend on the row, each compared as one more value.
    var conditionalLabels: [String] {
        guard case .node(let node) = subject else { return [] }
        return node.conditionalLabels.map(\.label) + lookedUpLabels.map(\.source.property)
    }

    /// SQL for those that the row itself decides.
    var labelTests: [String] {
        if case .node(let node) = subject { node.conditionalLabels.map(\.test.sql) } else { [] }
    }

    /// Labels behind the first are compared as one more value, which is to be true.
    var furtherLabels: [String] {
        if case .node(let node) = subject { Array(node.labels.dropFirst()) } else { [] }
    }

    var isNode: Bool { if case .node = subject { true } else { false } }

    /// `id: 42`; for a relationship the key of one end, an arrow, and that of the other, then `by` and its own.
    func printedKey(_ values: [BoltValue]) -> String {
        let parts = zip(key, values).map { "\($0.property): \($1.printed)" }
        guard case .relationship(_, let from, _) = subject else { return parts.joined(separator: ", ") }
        let own = parts.suffix(ownKey.count)
        return parts.prefix(from.key.count).joined(separator: ", ") + " -> "
            + parts.dropFirst(from.key.count).dropLast(own.count).joined(separator: ", ")
            + (own.isEmpty ? "" : " by \(own.joined(separator: ", "))")
    }

    /// Of everything that a mapping makes: nodes, then the relationships of foreign keys and of join tables.
    static func all(of mapping: GraphMapping) -> [Comparison] {
        let nodes = mapping.nodes.map { Comparison($0, in: mapping) }
        let references = mapping.nodes.flatMap { node in
            node.references.map { Comparison(node, $0, in: mapping) }
        }
        let joins = mapping.joins.map { Comparison($0, in: mapping) }
        return nodes + references + joins + mapping.computed.map { Comparison($0, in: mapping) }
    }

    private init(_ node: NodeMapping, in mapping: GraphMapping) {
        subject = .node(node)
        table = node.table
        what = node.label
        key = node.key
        ownKey = []
        properties = node.properties.map(\.inUTC)
        distinct = node.distinct
        rows = node.rows
        lookup = Array(node.key.indices)
        targets = []
        lookedUp = LookedUp.all(of: node, in: mapping)
        lookedUpLabels = LookedUp.labels(of: node, in: mapping)
        properties += lookedUp.map(\.source)
        add(node.extra)
    }

    private init(_ node: NodeMapping, _ reference: ReferenceMapping, in mapping: GraphMapping) {
        let holder = RelationshipEnd(label: node.label, key: node.key)
        let (from, to) = reference.isReversed ? (reference.target, holder) : (holder, reference.target)
        self.init(node.table, type: reference.type, from: from, to: to, targets: [reference.target], in: mapping)
        distinct = node.distinct
        rows = node.rows
        condition = reference.condition
        lookup = (0..<node.key.count).map { reference.isReversed ? from.key.count + $0 : $0 }
    }

    private init(_ join: JoinMapping, in mapping: GraphMapping) {
        self.init(
            join.table, type: join.type, from: join.from, to: join.to, targets: [join.from, join.to], in: mapping)
        properties = join.properties.map(\.inUTC)
        ownKey = join.ownKey
        key += ownKey
        rows = join.rows
        lookup = Array(key.indices.suffix(join.key.count))
        add(join.extra)
    }

    private init(_ computed: ComputedMapping, in mapping: GraphMapping) {
        self.init(computed.join, in: mapping)
        computedRows = computed.rowsSQL
    }

    private init(
        _ table: QualifiedName, type: String, from: RelationshipEnd, to: RelationshipEnd, targets: [RelationshipEnd],
        in mapping: GraphMapping
    ) {
        subject = .relationship(type: type, from: from, to: to)
        self.table = table
        what = "(:\(from.label))-[:\(type)]->(:\(to.label))"
        key = from.key + to.key
        ownKey = []
        properties = []
        lookup = []
        self.targets = targets.compactMap { Target($0, in: mapping) }
    }
}

extension Comparison {
    /// Properties that are no column's are compared by what SQL makes of them.
    private mutating func add(_ extra: ExtraProperties) {
        func property(_ name: String, _ conversion: ValueConversion) -> PropertyMapping {
            PropertyMapping(column: name, property: name, conversion: conversion, columnType: "")
        }
        let text = ValueConversion(source: .text, target: .string)
        for constant in extra.constants {
            let conversion: ValueConversion =
                switch constant.value {
                case .string: text
                case .integer: ValueConversion(source: .int8, target: .integer)
                case .float: ValueConversion(source: .float8, target: .float)
                case .boolean: ValueConversion(source: .bool, target: .boolean)
                }
            properties.append(property(constant.property, conversion))
            expressions.append(
                conversion.source == .int8
                    ? "(\(constant.sql))::bigint" : conversion == text ? "\(constant.sql)::text" : constant.sql)
        }
        for derived in extra.derived {
            properties.append(property(derived.property, text))
            expressions.append(derived.sql)
        }
    }
}

extension Comparison.Target {
    /// Nil where the end's label is no table's here: then nothing can be said about its rows.
    fileprivate init?(_ end: RelationshipEnd, in mapping: GraphMapping) {
        guard let node = mapping.nodes.first(where: { $0.label == end.label }) else { return nil }
        table = node.table
        rows = node.rows
        columns = []
        for here in end.key {
            guard let there = (node.key + node.properties).first(where: { $0.property == here.property }) else {
                return nil
            }
            columns.append((here.column, there.column))
        }
    }
}

extension PropertyMapping {
    /// Date-times are compared by their instants; the graph's come out in UTC too.
    var inUTC: PropertyMapping {
        guard conversion.policy.zone != nil else { return self }
        var result = self
        result.conversion.policy = conversion.policy.inUTC
        return result
    }
}
