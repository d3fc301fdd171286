// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A mapped table as the catalog had it when the mapping was made, for telling versions of its relation apart: the stream
/// is behind the catalog, and brings tuples of versions that have gone.
public struct MappedSource: Sendable {
    struct Column: Sendable {
        var number: Int
        var name: String
        var type: OID
        /// A name that it had before.
        var formerName: String?
    }

    public var oid: OID
    public var name: QualifiedName
    /// By number.
    var columns: [Column]
    /// Columns without which this is no version that the mapping was made for.
    var needed: Set<String>

    init(_ table: Catalog.Table, needed: Set<String>, memory: TableMemory?) {
        oid = table.oid
        name = table.name
        // Not what Lockstep makes by itself.
        self.needed = needed.filter { table.column($0) != nil }
        columns = table.columns.map { column in
            let before = memory?.columns.first { $0.number == column.number && !$0.isDropped }
            return Column(
                number: Int(column.number), name: column.name, type: column.type, formerName: before?.name)
        }
    }

    /// The relation is the table as the mapping has it: maybe without columns that nobody wants.
    func isCurrent(_ relation: Relation) -> Bool {
        guard relation.name == name else { return false }
        var found = 0
        var last = 0
        for column in relation.columns {
            // Names that changed places show by the order.
            guard let own = columns.first(where: { $0.name == column.name }), own.type == column.type,
                own.number > last
            else { return false }
            last = own.number
            if needed.contains(column.name) { found += 1 }
        }
        return found == needed.count
    }

    /// The relation under the names of now; a column that is no more there has none.
    ///
    /// Tuples have their columns in the order of the columns' numbers, which never change, and no number is given twice. So
    /// the relation's columns are laid against the numbers, in order, where names and types fit best: a column that was
    /// renamed twice stands between the same neighbours.
    func aligned(_ relation: Relation) -> Relation {
        var result = relation
        result.name = name
        let places = alignment(relation.columns)
        for (index, place) in places.enumerated() { result.columns[index].name = place?.name ?? "" }
        return result
    }

    private func alignment(_ found: [Relation.Column]) -> [Column?] {
        let last = (columns.last?.number ?? 0) + found.count
        var slots = [Column?](repeating: nil, count: last)
        for column in columns where (1...last).contains(column.number) { slots[column.number - 1] = column }
        // cost[i][j]: of what is behind, when i columns and j slots are taken.
        let unreachable = 1 << 40
        let width = last + 1
        var cost = [Int](repeating: unreachable, count: (found.count + 1) * width)
        for slot in 0...last { cost[found.count * width + slot] = 0 }
        for index in stride(from: found.count - 1, through: 0, by: -1) {
            for slot in stride(from: last - 1, through: 0, by: -1) {
                let skipping = cost[index * width + slot + 1] + (slots[slot] == nil ? 0 : Self.skipCost)
                let taking = cost[(index + 1) * width + slot + 1] + Self.cost(found[index], slots[slot])
                cost[index * width + slot] = min(skipping, taking)
            }
        }
        var result: [Column?] = []
        var slot = 0
        while result.count < found.count, slot < last {
            let taking = cost[(result.count + 1) * width + slot + 1] + Self.cost(found[result.count], slots[slot])
            if taking == cost[result.count * width + slot] { result.append(slots[slot]) }
            slot += 1
        }
        return result
    }

    /// A column that is there now was there in every version behind the first that had it, unless it is not published.
    private static let skipCost = 6

    private static func cost(_ found: Relation.Column, _ column: Column?) -> Int {
        guard let column else { return 2 }
        let isNamed = column.name == found.name || column.formerName == found.name
        return (isNamed ? 0 : 3) + (column.type == found.type ? 0 : 1) + (isNamed || column.type == found.type ? 0 : 4)
    }
}

/// What a relation that the stream announces is to a mapping.
public enum RelationStanding: Sendable {
    /// As the mapping was made for it, or a table that it does not have.
    case expected
    /// Another version of a mapped table; under the names of now, and which of its columns have another type since.
    case other(Relation, retyped: Set<String>)
    /// A table that had a mapped table's name, and is gone.
    case gone
    /// A version whose old rows do not say by the mapping's key which they are, of a table that is read at a later moment.
    case passed
}

extension GraphMapping {
    public func standing(of relation: Relation) -> RelationStanding {
        // What is read from the table itself has none.
        guard !sources.isEmpty, relation.oid != 0 else { return .expected }
        if let source = sources[relation.oid] {
            if readBehind[source.name] != nil, !carriesKey(relation) { return .passed }
            if source.isCurrent(relation) { return .expected }
            let aligned = source.aligned(relation)
            let retyped = aligned.columns.filter { column in
                source.columns.contains { $0.name == column.name && $0.type != column.type }
            }
            return .other(aligned, retyped: Set(retyped.map(\.name)))
        }
        return tables.contains(relation.name) ? .gone : .expected
    }

    /// Whether the stream says of old rows of this version which they are: the mapping's key is a part of its replica identity.
    public func carriesKey(_ relation: Relation) -> Bool {
        guard relation.oid != 0, let source = sources[relation.oid] else { return true }
        let key: [String]
        if let node = node(of: source.name) {
            key = node.distinct == nil ? node.key.map(\.column) : []
        } else {
            key = join(of: source.name)?.key.map(\.column) ?? []
        }
        let now = source.isCurrent(relation) ? relation : source.aligned(relation)
        return key.allSatisfy { name in now.columns.contains { $0.name == name && $0.isKey } }
    }

    /// Whether another version of a relation, under the names of now, tells equal rows apart as the mapping does: by the same
    /// columns, whose values print the same.
    public func tellsApart(_ relation: Relation, _ distinct: DistinctRows) -> Bool {
        guard let source = sources[relation.oid] else { return false }
        return distinct.columns.allSatisfy { name in
            guard let then = relation.columns.first(where: { $0.name == name }),
                let now = source.columns.first(where: { $0.name == name })
            else { return false }
            return then.type == now.type || SchemaEvolution.keepsValues(from: then.type, to: now.type)
        }
    }

    /// What the mapping calls the table of a relation, whatever it was called then.
    public func table(of relation: Relation) -> QualifiedName { sources[relation.oid]?.name ?? relation.name }

    /// The mapping with the tables of the catalog that it was made from.
    func withSources(_ catalog: Catalog, memory: [TableMemory], at lsn: LSN?) -> GraphMapping {
        var result = self
        result.catalogLSN = lsn
        for node in nodes {
            result.note(catalog.table(node.table), node.columns.map(\.column), memory)
        }
        for join in joins {
            result.note(catalog.table(join.table), join.columns.map(\.column), memory)
        }
        return result
    }

    private mutating func note(_ table: Catalog.Table?, _ columns: [String], _ memory: [TableMemory]) {
        guard let table else { return }
        sources[table.oid] = MappedSource(
            table, needed: Set(columns), memory: memory.first { $0.oid == table.oid })
    }
}

// The mapping as far as a version of a relation has it: what the tuples do not carry stays as it is in the graph.
extension NodeMapping {
    public func carried(by relation: Relation, retyped: Set<String>) -> NodeMapping {
        var result = self
        result.key = key.map { $0.carried(by: relation, retyped) ?? $0 }
        result.properties = properties.compactMap { $0.carried(by: relation, retyped) }
        result.references = references.compactMap { $0.carried(by: relation, retyped) }
        result.lookups = lookups.compactMap { $0.carried(by: relation, retyped) }
        result.conditionalLabels = conditionalLabels.compactMap { label in
            label.test.carried(by: relation, retyped).map { ConditionalLabel(label: label.label, test: $0) }
        }
        result.rows.softDelete = rows.softDelete?.carried(by: relation, retyped)
        result.extra = extra.carried(by: relation, retyped)
        return result
    }
}

extension JoinMapping {
    public func carried(by relation: Relation, retyped: Set<String>) -> JoinMapping {
        var result = self
        result.ownKey = ownKey.map { $0.carried(by: relation, retyped) ?? $0 }
        result.from.key = from.key.map { $0.carried(by: relation, retyped) ?? $0 }
        result.to.key = to.key.map { $0.carried(by: relation, retyped) ?? $0 }
        result.properties = properties.compactMap { $0.carried(by: relation, retyped) }
        result.rows.softDelete = rows.softDelete?.carried(by: relation, retyped)
        result.extra = extra.carried(by: relation, retyped)
        return result
    }
}

// A rule on a column that was not there yet holds for no row: whoever brings it to rows reads the table.
extension ColumnTest {
    fileprivate func carried(by relation: Relation, _ retyped: Set<String>) -> ColumnTest? {
        source.carried(by: relation, retyped).map { then in
            var result = self
            result.conversion = then.conversion
            return result
        }
    }
}

extension ExtraProperties {
    fileprivate func carried(by relation: Relation, _ retyped: Set<String>) -> ExtraProperties {
        var result = self
        result.derived = derived.compactMap { property in
            var then = property
            then.parts = property.parts.compactMap { part in
                guard case .column(let column, let otherwise) = part else { return part }
                return column.carried(by: relation, retyped).map { .column($0, otherwise: otherwise) }
            }
            return then.parts.count == property.parts.count ? then : nil
        }
        return result
    }
}

extension LookupMapping {
    fileprivate func carried(by relation: Relation, _ retyped: Set<String>) -> LookupMapping? {
        var result = self
        result.target.key = target.key.compactMap { $0.carried(by: relation, retyped) }
        return result.target.key.count == target.key.count ? result : nil
    }
}

extension ReferenceMapping {
    fileprivate func carried(by relation: Relation, _ retyped: Set<String>) -> ReferenceMapping? {
        var result = self
        result.target.key = target.key.compactMap { $0.carried(by: relation, retyped) }
        return result.target.key.count == target.key.count ? result : nil
    }
}

extension PropertyMapping {
    /// By the type that the column had then; nil where the tuples do not have it, or its values became something else.
    fileprivate func carried(by relation: Relation, _ retyped: Set<String>) -> PropertyMapping? {
        guard let column = relation.columns.first(where: { $0.name == self.column }) else { return nil }
        var result = self
        if let condition {
            guard let then = condition.carried(by: relation, retyped) else { return nil }
            result.condition = then
        }
        guard retyped.contains(self.column) else { return result }
        let builtIn = Catalog(serverVersion: 0, database: "", tables: [], types: [:])
        guard conversion.part == nil, column.type.rawValue < 16384,
            var then = ValueConversion(type: column.type, in: builtIn, as: conversion.name)
        else { return nil }
        then.policy = conversion.policy
        result.conversion = then
        return result
    }
}
