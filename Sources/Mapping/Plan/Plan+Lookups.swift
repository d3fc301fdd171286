// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// What is looked up, in the plan.
extension Plan {
    /// The statements that give a table's nodes what they look up, and others what they look up here.
    func lookups(_ node: NodeMapping) -> [PlannedStatement] {
        func planned(_ purpose: String, _ cypher: String) -> PlannedStatement {
            PlannedStatement(table: node.table, purpose: purpose, cypher: cypher)
        }
        return node.lookups.map { planned("look up \($0.names)", node.lookUpStatement($0)) }
            + mapping.lookups(of: node.table).flatMap { holder, lookup in
                let names = "\(lookup.names) of \(holder.label)"
                return [planned("refresh \(names)", holder.refreshStatement(lookup))]
                    + (lookup.isEnforced
                        ? []
                        : [
                            planned("truncate: take away \(names)", holder.forgetStatement(lookup)),
                            planned("in parts: truncate: take away \(names)", holder.forgetSweepStatement(lookup)),
                        ])
            }
    }

    static func lines(_ lookups: [LookupMapping]) -> [String] {
        lookups.flatMap { lookup in
            let columns = lookup.target.key.map(\.column).joined(separator: ", ")
            return lookup.properties.map { property in
                "  \(property.source.column) of \(lookup.table) by \(columns) -> \(property.property) "
                    + "(\(property.source.conversion.description))"
            } + lookup.labels.map { "  :\($0.label) where \($0.test.sql) in \(lookup.table) by \(columns)" }
        }
    }

    /// Entries of the contract: each a query for the row that the table `t` names.
    func entries(_ lookup: LookupMapping) -> [JSONText] {
        let source = catalog.table(lookup.table)?.ownRowsSQL ?? lookup.table.sql
        let condition = lookup.condition(in: mapping)
        let pairs = lookup.pairs(in: mapping)
        return lookup.properties.flatMap { property in
            property.source.printedValues(of: property.source.column, in: "l").map { value in
                let own = "l.\(QualifiedName.quoted(property.source.column))"
                let expression = LookupMapping.sql(
                    value.expression ?? own, from: source, where: condition, by: pairs)
                return .object([
                    ("property", .string(property.property)), ("as", .string(value.type)),
                    ("expression", .string(expression)),
                ])
            }
        }
    }

    /// SQL that is true for the rows of the table `t` whose nodes have a label by what they look up, and else NULL.
    func condition(for label: LookupMapping.Label, of lookup: LookupMapping) -> String {
        LookupMapping.sql(
            "true", from: catalog.table(lookup.table)?.ownRowsSQL ?? lookup.table.sql,
            where: lookup.condition(in: mapping, for: label), by: lookup.pairs(in: mapping))
    }

    /// Which row it names, as it goes into the fingerprint: columns by their numbers, in `number`.
    func describe(_ lookup: LookupMapping, number: (String, QualifiedName) -> String, of table: QualifiedName) -> String
    {
        let columns = lookup.target.key.map { "\(number($0.column, table)) \($0.property)" }
        return ([lookup.target.label] + columns + lookup.kept).joined(separator: " ")
    }
}

extension LookupMapping {
    fileprivate var names: String {
        (properties.map(\.property) + labels.map { ":\($0.label)" }).joined(separator: ", ")
    }
}
