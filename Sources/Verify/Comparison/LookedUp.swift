// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// A property that is a value of another table's row, which the row's columns name, or a label that such a value gives.
struct LookedUp {
    var table: QualifiedName
    /// By what it is named; see ``LookupMapping/pairs(in:)``.
    var pairs: [(here: String, there: String)]
    /// Which rows there count, in SQL; nil for all.
    var condition: String?
    /// The column there, and the property here, or the label.
    var source: PropertyMapping

    /// Those of a table's nodes, in the order of the mapping.
    static func all(of node: NodeMapping, in mapping: GraphMapping) -> [LookedUp] {
        node.lookups.flatMap { lookup in
            lookup.properties.map { property in
                var source = property.source.inUTC
                source.property = property.property
                return LookedUp(lookup, lookup.condition(in: mapping), source, mapping)
            }
        }
    }

    /// Labels of a table's nodes, in the order of the mapping.
    static func labels(of node: NodeMapping, in mapping: GraphMapping) -> [LookedUp] {
        node.lookups.flatMap { lookup in
            lookup.labels.map { label in
                var source = label.test.source
                source.property = label.label
                return LookedUp(lookup, lookup.condition(in: mapping, for: label), source, mapping)
            }
        }
    }

    private init(_ lookup: LookupMapping, _ condition: String?, _ source: PropertyMapping, _ mapping: GraphMapping) {
        table = lookup.table
        pairs = lookup.pairs(in: mapping)
        self.condition = condition
        self.source = source
    }

    /// SQL for something of the row that `t` names, there called `l`; NULL where there is none.
    ///
    /// - Parameter source: What stands behind FROM.
    func sql(_ selected: String, from source: String) -> String {
        LookupMapping.sql(selected, from: source, where: condition, by: pairs)
    }
}
