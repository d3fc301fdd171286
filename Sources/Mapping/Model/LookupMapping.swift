// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Properties that a table's nodes have from another table's row, which their columns name: what a join gives.
public struct LookupMapping: Sendable {
    /// One of them.
    public struct Property: Sendable {
        /// Of the holder's node.
        public var property: String
        /// As the other table's node has it.
        public var source: PropertyMapping

        public init(property: String, source: PropertyMapping) {
            self.property = property
            self.source = source
        }
    }

    /// The table that is looked up.
    public var table: QualifiedName
    /// Its nodes, by their key.
    public var target: RelationshipEnd
    /// Properties of the holder that hold the value of each column: by them a row finds those who name it.
    public var kept: [String]
    public var properties: [Property]
    /// While a row is named it is there, and counts.
    public var isEnforced: Bool

    public init(
        table: QualifiedName, target: RelationshipEnd, kept: [String], properties: [Property], isEnforced: Bool
    ) {
        self.table = table
        self.target = target
        self.kept = kept
        self.properties = properties
        self.isEnforced = isEnforced
    }

    /// Each column here with the one there that it names.
    public func pairs(in mapping: GraphMapping) -> [(here: String, there: String)] {
        let key = mapping.node(of: table)?.key ?? []
        return target.key.map { part in
            (part.column, key.first { $0.property == part.property }?.column ?? part.property)
        }
    }

    /// SQL for something of the row that the table `t` names, there called `l`; NULL where there is none.
    ///
    /// - Parameters:
    ///   - source: What stands behind FROM.
    ///   - condition: Which rows there count; nil for all. It has bare names: it is evaluated where no other table is.
    ///   - pairs: As of ``pairs(in:)``.
    public static func sql(
        _ selected: String, from source: String, where condition: String?, by pairs: [(here: String, there: String)]
    ) -> String {
        let counting = condition.map { "(SELECT * FROM \(source) WHERE \($0))" } ?? source
        let same = pairs.map { "l.\(QualifiedName.quoted($0.there)) = t.\(QualifiedName.quoted($0.here))" }
        return "(SELECT \(selected) FROM \(counting) AS l WHERE \(same.joined(separator: " AND ")))"
    }
}

extension GraphMapping {
    /// Where a table is looked up, each time with the table whose nodes have its values.
    public func lookups(of table: QualifiedName) -> [(holder: NodeMapping, lookup: LookupMapping)] {
        nodes.flatMap { holder in holder.lookups.filter { $0.table == table }.map { (holder, $0) } }
    }
}
