// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// The plan for people.
extension Plan {
    /// The plan as text, with a newline at its end.
    public var text: String {
        var lines = [
            "Pipeline \(mapping.pipeline): database \(catalog.database) -> \(file.graph.url)",
            "",
            "In PostgreSQL:",
        ]
        lines += Self.indented(publicationStatement + ";", by: 2) + Self.indented(slotStatement + ";", by: 2)
        lines += ["", "In the graph:"] + mapping.constraints.map { "  \($0.statement);" }
        lines += mapping.schema.map { "  \($0.statement);" } + schemaLines
        for node in mapping.nodes {
            lines += ["", "\(node.table) -> (\(node.labels.map { ":" + $0 }.joined()))"] + Self.customLines(node)
            lines += Self.lines(node.rows)
            lines += node.key.map { "  key \(Self.line($0))" } + node.properties.map { "  \(Self.line($0))" }
            lines += Self.lines(node.extra)
            lines += node.conditionalLabels.map { "  :\($0.label) where \($0.test.sql)" }
            lines += node.references.map { "  \(Self.line($0, of: node))" } + Self.lines(node.lookups)
            lines += cypher(of: node.table)
        }
        for join in mapping.allJoins {
            lines += ["", "\(join.table) -> (:\(join.from.label))-[:\(join.type)]->(:\(join.to.label))"]
            lines += [join.from, join.to].map { "  (:\($0.label)) by \(Self.columns($0))" }
            lines += mapping.computed.filter { $0.table == join.table }.flatMap(Self.lines)
            lines += Self.lines(join.rows)
            lines += join.ownKey.map { "  key \(Self.line($0))" } + join.properties.map { "  \(Self.line($0))" }
            lines += Self.lines(join.extra)
            lines += cypher(of: join.table)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the file's `schema` changes in the graph as it is.
    private var schemaLines: [String] {
        guard let schemaSteps else { return [] }
        let changes = schemaSteps.filter { $0.action != .keep }
        guard !changes.isEmpty || !mapping.schema.isEmpty else { return [] }
        let lines = changes.flatMap { step in
            let reason = step.reason.map { ": \($0)" } ?? ""
            return ["  \(step.action.rawValue) \(step.what) (\(step.name))\(reason)"]
                + step.statements.map { "    \($0);" } + (step.fix.map { ["    -> \($0)"] } ?? [])
        }
        return ["", "Of its schema, against the graph as it is:"]
            + (lines.isEmpty ? ["  nothing: all \(schemaSteps.count) are there"] : lines)
    }

    private func cypher(of table: QualifiedName) -> [String] {
        statements.filter { $0.table == table }.flatMap { ["  \($0.purpose):"] + Self.indented($0.cypher, by: 4) }
    }

    private static func customLines(_ node: NodeMapping) -> [String] {
        guard node.custom != nil else { return [] }
        return (node.isOwn ? ["  its rows, for cypher of its own alone"] : [])
            + ["  what its cypher makes is not verified"]
    }

    private static func lines(_ computed: ComputedMapping) -> [String] {
        let tables = computed.reads.sorted().map(\.description).joined(separator: ", ")
        let when =
            computed.isByClock
            ? "  read every \(computed.intervalText)"
            : "  read when \(tables) change, at most every \(computed.intervalText)"
        return [when] + (computed.query.map { ["  query:"] + indented($0, by: 4) } ?? [])
    }

    private static func lines(_ rows: RowCondition) -> [String] {
        (rows.filter.map { ["  only rows where \($0)"] } ?? [])
            + (rows.softDelete.map { ["  no rows where \($0.sql)"] } ?? [])
    }

    private static func lines(_ extra: ExtraProperties) -> [String] {
        extra.constants.map { "  \($0.value.cypher) -> \($0.property) (\($0.type))" }
            + extra.derived.map { "  \($0.sql) -> \($0.property) (string)" }
    }

    private static func line(_ property: PropertyMapping) -> String {
        let part = property.conversion.part.map { " part \($0)" } ?? ""
        return "\(property.column)\(part) (\(property.columnType)) -> \(property.property) "
            + "(\(property.conversion.description))"
    }

    private static func line(_ reference: ReferenceMapping, of node: NodeMapping) -> String {
        let (left, right) = reference.isReversed ? ("<-", "-") : ("-", "->")
        return
            "\(columns(reference.target)): (:\(node.label))\(left)[:\(reference.type)]\(right)(:\(reference.target.label))"
            + (reference.condition.map { " while \($0.sql)" } ?? "")
    }

    private static func columns(_ end: RelationshipEnd) -> String { end.key.map(\.column).joined(separator: ", ") }

    private static func indented(_ text: String, by count: Int) -> [String] {
        text.split(separator: "\n").map { String(repeating: " ", count: count) + $0 }
    }
}
