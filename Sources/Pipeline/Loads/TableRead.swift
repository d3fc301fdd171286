// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import Mapping
internal import PostgreSQL

/// What a pass reads of a table.
struct TableRead: Sendable {
    let table: QualifiedName
    private(set) var relation: Relation
    private(set) var columns: [SnapshotCopy.Column] = []
    /// What tells its rows apart, where equal ones are counted.
    private(set) var distinct: DistinctRows?
    /// SQL for the rows that count; nil for all.
    private(set) var condition: String?
    /// A node table's rows were counted when its nodes were read.
    private(set) var isSecondRead = false

    /// - Returns: Nil where the pass has nothing to do with the table.
    init?(_ table: QualifiedName, _ part: TableProgram.Part, _ mapping: GraphMapping) {
        if let node = mapping.node(of: table) {
            if part == .nodes {
                self.init(table, node.nodeColumns)
            } else {
                guard !node.references.isEmpty || !node.lookups.isEmpty || node.custom != nil else { return nil }
                self.init(table, node.referenceColumns)
                isSecondRead = true
            }
            distinct = node.distinct
        } else if part == .relationships, let join = mapping.join(of: table) {
            self.init(table, join.relationshipColumns)
        } else {
            return nil
        }
        condition = mapping.conditions[table]?.sql
    }

    /// A query in brackets for those rows of a heap that meet a condition, each by itself; nil where the heap has all that is
    /// read of them.
    func uncountedRows(of heap: TableHeap, where condition: String?) -> ((_ isPartitioned: Bool) -> String)? {
        distinct.map { distinct in
            { distinct.uncountedRows(of: heap.name, isPartitioned: $0, where: condition) }
        }
    }

    /// SQL for the rows of a range that count, and meet a condition that somebody gave; nil for all.
    func condition(_ range: Range<UInt32>, of heap: TableHeap, meeting given: String? = nil) -> String? {
        [heap.condition(range), condition, given].compactMap(\.self).sqlConjunction
    }

    init(_ table: QualifiedName, _ properties: [PropertyMapping]) {
        self.table = table
        relation = Relation(oid: 0, name: table, replicaIdentity: .default, columns: [])
        for property in properties {
            let asText = !property.conversion.isBinaryExact
            if let index = columns.firstIndex(where: { $0.name == property.column }) {
                // A column that is read twice goes the way that suits both.
                if asText { columns[index].asText = true }
                continue
            }
            columns.append(SnapshotCopy.Column(name: property.column, asText: asText))
            relation.columns.append(Relation.Column(name: property.column, type: 0))
        }
    }
}

extension GraphMapping {
    /// Whether a table's rows have to be read by one query: where equal rows are counted, a row says nothing by itself.
    func isReadInOnePiece(_ table: QualifiedName) -> Bool {
        node(of: table)?.distinct != nil
    }
}
