// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// A property that is a value of another table's row, which the row's columns name.
struct LookedUp {
    var table: QualifiedName
    /// By what it is named; see ``LookupMapping/pairs(in:)``.
    var pairs: [(here: String, there: String)]
    /// Which rows there count.
    var rows: RowCondition
    /// The column there, and the property here.
    var source: PropertyMapping

    /// Those of a table's nodes, in the order of the mapping.
    static func all(of node: NodeMapping, in mapping: GraphMapping) -> [LookedUp] {
        node.lookups.flatMap { lookup in
            lookup.properties.map { property in
                var source = property.source.inUTC
                source.property = property.property
                return LookedUp(
                    table: lookup.table, pairs: lookup.pairs(in: mapping),
                    rows: mapping.node(of: lookup.table)?.rows ?? RowCondition(), source: source)
            }
        }
    }

    /// SQL for something of the row that `t` names, there called `l`; NULL where there is none.
    ///
    /// - Parameter source: What stands behind FROM.
    func sql(_ selected: String, from source: String) -> String {
        LookupMapping.sql(selected, from: source, where: rows.sql, by: pairs)
    }
}
