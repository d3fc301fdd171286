// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Cypher of somebody's own for the rows of a table: what it makes is theirs, and nothing that Lockstep can compare.
///
/// The rows are nodes as in any other table: of a label that the mapping gives them, or of one of Lockstep's own. So the
/// graph knows which rows it has, and each as it was when it was handed over last: the statements read their `row` from
/// there. Whoever makes such a node runs `upsert` in the same graph transaction or before the load or transaction counts as
/// done, and whoever deletes one runs `delete` first.
public struct CustomCypher: Sendable, Hashable {
    public enum Statement: String, Sendable, CaseIterable {
        /// Run for each row that has come or changed.
        case upsert
        /// Run for each row that has gone, as it was.
        case delete

        /// For messages.
        public var description: String { "the statement cypher.\(rawValue)" }
    }

    public var upsert: String
    public var delete: String

    public init(upsert: String, delete: String) {
        self.upsert = upsert
        self.delete = delete
    }

    public func text(of statement: Statement) -> String { statement == .upsert ? upsert : delete }

    /// Begins the labels of rows that have no label of their own.
    public static let rowLabelPrefix = "LockstepRow__"

    /// The label of a table's rows where the mapping gives them none.
    ///
    /// - Parameter table: As the mapping file calls it: a table that is renamed keeps its rows.
    public static func rowLabel(of table: QualifiedName) -> String {
        "\(rowLabelPrefix)\(table.schema)__\(table.name)"
    }
}
