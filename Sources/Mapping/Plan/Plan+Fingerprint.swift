// Part of Lockstep. See LICENSE.

public import PostgreSQL

// What a table becomes, as a short text that changes when the graph would have to: not when a column is renamed, as columns
// go in by their numbers, and not with the Cypher of a newer Lockstep.
extension Plan {
    /// Nil for a table that the mapping does not have.
    public func fingerprint(of table: QualifiedName) -> String? {
        description(of: table).map { text in
            // FNV-1a.
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            return String(hash, radix: 36)
        }
    }

    private func description(of table: QualifiedName) -> String? {
        if let node = mapping.node(of: table) {
            return lines(
                [
                    ["node"] + node.labels, node.key.map { describe($0, table) },
                    node.properties.map { describe($0, table) }.sorted(),
                    node.references.map { describe($0, table) }.sorted(),
                    node.conditionalLabels.map { "\($0.label) \(describe($0.test, table))" }.sorted(),
                    (node.distinct?.columns ?? []).map { number($0, table) },
                ] + (node.lookups.isEmpty ? [] : [lookups(of: node)])
                    // What goes is another matter than what is there.
                    + (node.custom.map { [[$0.upsert]] } ?? []), node.rows, node.extra, table)
        }
        guard let join = mapping.allJoins.first(where: { $0.table == table }) else { return nil }
        return lines(
            [
                ["relationship", join.type, join.from.label, join.to.label] + (join.waits ? ["waits"] : []),
                join.ownKey.map { describe($0, table) },
                join.from.key.map { describe($0, table) }, join.to.key.map { describe($0, table) },
                join.properties.map { describe($0, table) }.sorted(),
            ], join.rows, join.extra, table)
    }

    private func lookups(of node: NodeMapping) -> [String] {
        node.lookups.map { describe($0, number: number, of: node.table) }.sorted()
    }

    private func lines(
        _ lists: [[String]], _ rows: RowCondition, _ extra: ExtraProperties, _ table: QualifiedName
    ) -> String {
        let numbers = Dictionary(
            (catalog.table(table)?.columns ?? []).map { ($0.name, String($0.number)) },
            uniquingKeysWith: { first, _ in first })
        let condition = [
            rows.filter.map { SQLCondition($0).renaming(numbers) } ?? "",
            rows.softDelete.map { describe($0, table) } ?? "",
        ]
        let constants = extra.constants.map { "\($0.property) \($0.type) \($0.sql)" }.sorted()
        let derived = extra.derived.map { property in
            property.property + property.parts.map { describe($0, table) }.joined()
        }.sorted()
        return (lists + [condition, constants, derived]).map { $0.joined(separator: "\u{1F}") }.joined(separator: "\n")
    }

    private func number(_ column: String, _ table: QualifiedName) -> String {
        catalog.table(table)?.column(column).map { String($0.number) } ?? column
    }

    private func describe(_ reference: ReferenceMapping, _ table: QualifiedName) -> String {
        let ends = reference.target.key.map { describe($0, table) }.joined(separator: " ")
        return "\(reference.type) \(reference.isReversed) \(reference.target.label) \(ends) "
            + reference.kept.joined(separator: " ") + (reference.condition.map { " " + describe($0, table) } ?? "")
    }

    private func describe(_ part: DerivedProperty.Part, _ table: QualifiedName) -> String {
        switch part {
        case .words(let words): " \(QualifiedName.literal(words))"
        case .column(let column, let otherwise):
            " \(describe(column, table)) \(otherwise.map(QualifiedName.literal) ?? "")"
        }
    }

    private func describe(_ test: ColumnTest, _ table: QualifiedName) -> String {
        ([number(test.column, table)] + test.values).joined(separator: "\u{1E}")
    }

    /// As the contract has it, of a column without a name.
    private func describe(_ property: PropertyMapping, _ table: QualifiedName) -> String {
        let values = property.printedValues(of: "").map { "\($0.type) \($0.expression ?? "")" }
        return ([number(property.column, table), property.property] + values).joined(separator: "\u{1E}")
    }
}
