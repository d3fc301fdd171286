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
}

/// A mapped table laid against one version of its relation: which columns are the key, which are values, and the
/// statements that take them. Made once per relation version.
public final class TableProgram {
    /// Which parts of a table's graph a program writes.
    public enum Part: Sendable {
        /// Everything: the stream.
        case all
        /// Nodes without their relationships: the first pass of a snapshot.
        case nodes
        /// Relationships between nodes that are there: the second pass.
        case relationships
    }

    /// A reference to this table's nodes that no constraint guards.
    struct Adoption {
        let holder: NodeMapping
        let reference: ReferenceMapping
        /// The columns that it refers to, as indices into the tuple; empty where that is the key.
        let columns: [Int]
    }

    enum Shape {
        case node(NodeMapping, references: [[ColumnProgram]])
        case join(JoinMapping)
    }

    let table: QualifiedName
    let shape: Shape
    let columnCount: Int
    let key: [ColumnProgram]
    let properties: [ColumnProgram]
    let writesRows: Bool
    /// Two rows may have one key for a moment: a deferrable key is no replica identity, so that is FULL.
    let mayRepeatKeys: Bool
    let adoptions: [Adoption]
    /// Identifies rows of this table among the entities of a segment: the same for every version of the relation.
    let tableIndex: Int

    var references: [[ColumnProgram]] {
        if case .node(_, let references) = shape { references } else { [] }
    }

    var isJoin: Bool { if case .join = shape { true } else { false } }

    /// The program for a relation, or nil where the mapping does not have the table.
    ///
    /// - Throws: ``ApplyError`` of kind `schemaChanged` when the relation lacks a column that the mapping names.
    public static func make(
        for relation: Relation, mapping: GraphMapping, part: Part = .all
    ) throws(ApplyError) -> TableProgram? {
        if let index = mapping.nodes.firstIndex(where: { $0.table == relation.name }) {
            let node = mapping.nodes[index]
            let key = try columns(node.key, in: relation)
            let properties = part == .relationships ? [] : try columns(node.properties, in: relation)
            var references: [[ColumnProgram]] = []
            if part != .nodes {
                for reference in node.references {
                    references.append(try columns(reference.target.key, in: relation))
                }
            }
            // A first read makes relationships when all nodes are there: nothing waits.
            let waiting = part == .all ? mapping.keptReferences(to: node) : []
            let adoptions = waiting.map { holder, reference in
                let names = reference.target.key.map(\.property)
                let isKey = Set(names) == Set(node.key.map(\.property))
                let columns = properties.filter { column in
                    node.properties.contains { names.contains($0.property) && $0.column == column.name }
                }
                return Adoption(holder: holder, reference: reference, columns: isKey ? [] : columns.map(\.column))
            }
            return TableProgram(
                relation, .node(node, references: references), key, properties, tableIndex: index,
                writesRows: part != .relationships, adoptions: adoptions)
        }
        if let index = mapping.joins.firstIndex(where: { $0.table == relation.name }) {
            guard part != .nodes else { return nil }
            let join = mapping.joins[index]
            return TableProgram(
                relation, .join(join), try columns(join.key, in: relation), try columns(join.properties, in: relation),
                tableIndex: mapping.nodes.count + index, writesRows: true)
        }
        return nil
    }

    private init(
        _ relation: Relation, _ shape: Shape, _ key: [ColumnProgram], _ properties: [ColumnProgram], tableIndex: Int,
        writesRows: Bool, adoptions: [Adoption] = []
    ) {
        table = relation.name
        self.shape = shape
        columnCount = relation.columns.count
        mayRepeatKeys = relation.replicaIdentity == .full
        self.key = key
        self.properties = properties
        self.tableIndex = tableIndex
        self.writesRows = writesRows
        self.adoptions = adoptions
    }

    private static func columns(
        _ mapped: [PropertyMapping], in relation: Relation
    ) throws(ApplyError) -> [ColumnProgram] {
        var found: [ColumnProgram] = []
        for property in mapped {
            guard let index = relation.columns.firstIndex(where: { $0.name == property.column }) else {
                throw ApplyError(
                    .schemaChanged, table: relation.name,
                    "the table has no column \"\(property.column)\" any more, which the mapping names. "
                        + "Take it out of the mapping (or correct its name) and start again.")
            }
            found.append(ColumnProgram(column: index, conversion: property.conversion, name: property.column))
        }
        return found
    }
}
