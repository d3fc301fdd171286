// Part of Lockstep. See LICENSE.

public import PostgreSQL

extension Plan {
    /// Nil for a table, a view or a query that the mapping does not have.
    public func content(of table: QualifiedName) -> TableContent? {
        mapping.node(of: table).map(content) ?? mapping.allJoins.first { $0.table == table }.map(content)
    }

    private func content(_ node: NodeMapping) -> TableContent {
        let table = node.table
        let labels = node.labels.dropFirst().map { TableContent.Part(.label, $0, of: [], mark: "") }
        let tested = node.conditionalLabels.map { label in
            TableContent.Part(
                .label, label.label, of: sources([label.test.column], table),
                mark: mark([describe(label.test, table)]))
        }
        let references = node.references.map { reference in
            let (from, to) =
                reference.isReversed
                ? (reference.target.label, node.label) : (node.label, reference.target.label)
            let columns = reference.target.key.map(\.column) + [reference.condition?.column].compactMap(\.self)
            return TableContent.Part(
                .relationship, TableContent.Part.relationship(from, reference.type, to),
                of: sources(columns, table) + whole(reference.target), mark: mark([describe(reference, table)]))
        }
        let distinct = node.distinct?.columns ?? []
        let key = TableContent.Part(
            .key, "", of: sources(node.key.map(\.column) + distinct, table),
            mark: mark(node.key.map { describe($0, table) } + distinct.map { number($0, table) }))
        var parts = [key] + labels + tested
        parts += self.parts(node.properties, node.extra, table).map { kept($0, for: node) }
        parts += references + lookups(node)
        parts += self.parts(node.rows, table)
        // What is run for rows that go is another matter than what is there.
        if let custom = node.custom {
            parts.append(TableContent.Part(.cypher, "", of: [], mark: mark([custom.upsert])))
        }
        return TableContent(names: [node.label], parts: parts)
    }

    private func lookups(_ node: NodeMapping) -> [TableContent.Part] {
        node.lookups.flatMap { lookup in
            let named = sources(lookup.target.key.map(\.column), node.table) + whole(lookup.table)
            let way = "lookup " + describe(lookup, number: number, of: node.table)
            return lookup.properties.map { property in
                TableContent.Part(
                    .property, property.property, of: named + sources([property.source.column], lookup.table),
                    mark: mark([way, property.source.property]))
            }
                + lookup.labels.map { label in
                    TableContent.Part(
                        .label, label.label, of: named + sources([label.test.column], lookup.table),
                        mark: mark([way, label.property] + label.test.values))
                }
        }
    }

    private func content(_ join: JoinMapping) -> TableContent {
        let table = join.table
        func part(_ kind: TableContent.Part.Kind, _ columns: [PropertyMapping]) -> TableContent.Part {
            TableContent.Part(
                kind, "", of: sources(columns.map(\.column), table),
                mark: mark(columns.map { describe($0, table) }))
        }
        let ends = join.from.key + join.to.key
        // Where rows have a key of their own, their ends can change.
        let key = join.isKeyed ? [part(.key, join.ownKey), part(.rule, ends)] : [part(.key, ends)]
        let waiting =
            join.waits
            ? [TableContent.Part(.waiting, join.waitingLabel, of: whole(join.from) + whole(join.to), mark: "")] : []
        return TableContent(
            names: [join.type, join.from.label, join.to.label],
            parts: key + waiting + parts(join.properties, join.extra, table) + parts(join.rows, table))
    }

    private func parts(
        _ properties: [PropertyMapping], _ extra: ExtraProperties, _ table: QualifiedName
    ) -> [TableContent.Part] {
        properties.map { property in
            let columns = [property.column] + [property.condition?.column].compactMap(\.self)
            return TableContent.Part(
                .property, property.property, of: sources(columns, table), mark: mark([describe(property, table)]))
        }
            + extra.constants.map { constant in
                TableContent.Part(.property, constant.property, of: [], mark: mark([constant.type, constant.sql]))
            }
            + extra.derived.map { property in
                TableContent.Part(
                    .property, property.property, of: sources(property.columns.map(\.column), table),
                    mark: mark(property.parts.map { describe($0, table) }))
            }
    }

    private func parts(_ rows: RowCondition, _ table: QualifiedName) -> [TableContent.Part] {
        guard !rows.isAlways else { return [] }
        let columns = catalog.table(table)?.columns ?? []
        let condition = rows.filter.map { SQLCondition($0) }
        let names = Dictionary(
            columns.map { ($0.name, String($0.number)) }, uniquingKeysWith: { first, _ in first })
        let used = columns.map(\.name).filter { condition?.columnNames.contains($0) ?? false }
        return [
            TableContent.Part(
                .rule, "rows", of: sources(used + [rows.softDelete?.column].compactMap(\.self), table),
                mark: mark([
                    condition?.renaming(names) ?? "", rows.softDelete.map { describe($0, table) } ?? "",
                ]))
        ]
    }

    // MARK: Sources

    private func sources(_ columns: [String], _ table: QualifiedName) -> [TableContent.Part.Source] {
        guard let found = catalog.table(table) else { return [] }
        let numbers = Set(columns.compactMap { found.column($0)?.number })
        return numbers.map { TableContent.Part.Source(found.oid, column: $0) }
    }

    private func whole(_ table: QualifiedName) -> [TableContent.Part.Source] {
        catalog.table(table).map { [TableContent.Part.Source($0.oid)] } ?? []
    }

    private func whole(_ end: RelationshipEnd) -> [TableContent.Part.Source] {
        mapping.nodes.filter { $0.label == end.label }.flatMap { whole($0.table) }
    }

    /// A property of Lockstep's own is there on account of what its column names.
    private func kept(_ part: TableContent.Part, for node: NodeMapping) -> TableContent.Part {
        let references = node.references.filter { $0.kept.contains(part.name) }.flatMap { whole($0.target) }
        let lookups = node.lookups.filter { $0.kept.contains(part.name) }.flatMap { lookup in
            whole(lookup.table) + sources(lookup.columns, lookup.table)
        }
        return TableContent.Part(part.kind, part.name, of: part.sources + references + lookups, mark: part.mark)
    }

    // MARK: Words

    private func mark(_ words: [String]) -> String { TableContent.mark(words) }

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
