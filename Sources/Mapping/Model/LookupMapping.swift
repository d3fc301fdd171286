// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Properties and labels that a table's nodes have from another table's row, which their columns name: what a join gives.
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

    /// A label that the holder's node has while the other row passes a test.
    public struct Label: Sendable {
        public var label: String
        /// Of the other table's column.
        public var test: ColumnTest
        /// Of the other table's node, with the column's value as the test reads it.
        public var property: String

        public init(label: String, test: ColumnTest, property: String) {
            self.label = label
            self.test = test
            self.property = property
        }
    }

    /// The table that is looked up.
    public var table: QualifiedName
    /// Its nodes, by their key.
    public var target: RelationshipEnd
    /// Properties of the holder that hold the value of each column: by them a row finds those who name it.
    public var kept: [String]
    public var properties: [Property]
    /// The holder has none of them by anything else.
    public var labels: [Label]
    /// While a row is named it is there, and counts.
    public var isEnforced: Bool

    public init(
        table: QualifiedName, target: RelationshipEnd, kept: [String], properties: [Property], labels: [Label] = [],
        isEnforced: Bool
    ) {
        self.table = table
        self.target = target
        self.kept = kept
        self.properties = properties
        self.labels = labels
        self.isEnforced = isEnforced
    }

    /// The columns there that decide what a holder has.
    public var columns: [String] { properties.map(\.source.column) + labels.map(\.test.column) }

    /// Each column here with the one there that it names.
    public func pairs(in mapping: GraphMapping) -> [(here: String, there: String)] {
        let key = mapping.node(of: table)?.key ?? []
        return target.key.map { part in
            (part.column, key.first { $0.property == part.property }?.column ?? part.property)
        }
    }

    /// Which rows there count, or give a label, in SQL with bare names; nil for all.
    public func condition(in mapping: GraphMapping, for label: Label? = nil) -> String? {
        [mapping.conditions[table]?.sql, label?.test.sql].compactMap(\.self).sqlConjunction
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
