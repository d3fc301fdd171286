// Part of Lockstep. See LICENSE.

internal import PostgreSQL

// The contract of `lockstep plan --json`, format 1: docs/mapping.md. From it and the database alone, a tool that shares
// nothing with Lockstep can compute the graph.
extension Plan {
    /// The plan as JSON, with a newline at its end.
    public var json: String {
        let document = JSONText.object([
            ("format", .number(1)),
            ("pipeline", .string(mapping.pipeline)),
            ("nodes", .array(mapping.nodes.filter { !$0.isOwn }.flatMap(node))),
            ("relationships", .array(mapping.nodes.flatMap(references) + mapping.allJoins.map(join))),
            ("custom", .array(mapping.nodes.compactMap(custom))),
            (
                "source",
                .object([
                    ("publication", .string(file.source.publication)),
                    ("slot", .string(file.source.slot)),
                    ("statements", .array([.string(publicationStatement), .string(slotStatement)])),
                ])
            ),
            (
                "constraints",
                .array(
                    mapping.constraints.map {
                        .object([("name", .string($0.name)), ("statement", .string($0.statement))])
                    })
            ),
            ("schema", .array(schema)),
            (
                "statements",
                .array(
                    statements.map {
                        .object([
                            ("table", .string($0.table.sql)), ("purpose", .string($0.purpose)),
                            ("cypher", .string($0.cypher)),
                        ])
                    })
            ),
        ])
        return document.text() + "\n"
    }

    /// What nobody can compute from here.
    private func custom(_ node: NodeMapping) -> JSONText? {
        node.custom.map { custom in
            .object([
                ("table", .string(node.table.sql)), ("label", node.isOwn ? .null : .string(node.label)),
                ("row", .array(node.rowProperties.map(JSONText.string))),
                ("upsert", .string(custom.upsert)), ("delete", .string(custom.delete)),
            ])
        }
    }

    /// Those that the file asks for, and with the graph at hand what becomes of them there, and what is dropped.
    private var schema: [JSONText] {
        let steps = schemaSteps ?? mapping.schema.map { SchemaStep(.create, $0) }
        return steps.map { step in
            .object([
                ("name", .string(step.name)),
                ("kind", step.item.map { .string($0.kind.rawValue) } ?? .null),
                ("statement", step.item.map { .string($0.statement) } ?? .null),
                ("action", schemaSteps == nil ? .null : .string(step.action.rawValue)),
                ("reason", step.reason.map(JSONText.string) ?? .null),
            ])
        }
    }

    /// One entry, and one more for each label that depends on the row: of the rows that give it to their nodes.
    private func node(_ node: NodeMapping) -> [JSONText] {
        func entry(_ condition: String?, _ labels: [String], _ properties: [JSONText]) -> JSONText {
            .object(
                rows(of: node, condition) + [
                    ("labels", .array(labels.map(JSONText.string))), ("key", .array(node.key.flatMap(entries))),
                    ("properties", .array(properties)),
                ])
        }
        let properties =
            node.properties.filter { !$0.isOwn }.flatMap(entries) + entries(node.extra) + node.lookups.flatMap(entries)
        let byColumn = node.conditionalLabels.map { ($0.label, $0.test.sql) }
        let lookedUp = node.lookups.flatMap { lookup in
            lookup.labels.map { ($0.label, condition(for: $0, of: lookup)) }
        }
        let further = (byColumn + lookedUp).map { label, test in
            entry([node.rows.sql, test].compactMap(\.self).sqlConjunction, [node.label, label], [])
        }
        return [entry(node.rows.sql, node.labels, properties)] + further
    }

    /// What the rows are read from: a table, or a query in its place.
    private func rows(of node: NodeMapping, _ condition: String?) -> [(String, JSONText)] {
        let source = source(of: node.table)
        guard source != node.table.sql else {
            return [("table", .string(node.table.sql)), ("where", condition.map(JSONText.string) ?? .null)]
        }
        // Which of equal rows count is settled already.
        let filter = node.distinct == nil ? condition.map { " WHERE \($0)" } ?? "" : ""
        return [("select", .string("SELECT * FROM \(source) AS t\(filter)"))]
    }

    /// Of properties that are no column's: the expression alone.
    private func entries(_ extra: ExtraProperties) -> [JSONText] {
        func entry(_ property: String, _ type: String, _ sql: String) -> JSONText {
            .object([("property", .string(property)), ("as", .string(type)), ("expression", .string(sql))])
        }
        return extra.constants.map { entry($0.property, $0.type, $0.sql) }
            + extra.derived.map { entry($0.property, "string", $0.sql) }
    }

    /// What stands behind FROM for the rows of a table, a view or a query.
    private func source(of table: QualifiedName) -> String {
        if let computed = mapping.computed.first(where: { $0.table == table }) { return computed.rowsSQL }
        let known = catalog.table(table)
        let distinct = mapping.node(of: table)?.distinct
        return distinct?.rows(of: table, isPartitioned: known?.isPartitioned ?? false) ?? known?.ownRowsSQL ?? table.sql
    }

    private func references(_ node: NodeMapping) -> [JSONText] {
        node.references.map { reference in
            let holder = RelationshipEnd(label: node.label, key: node.key)
            let ends = reference.isReversed ? (reference.target, holder) : (holder, reference.target)
            return relationship(
                reference.type, node.table, node.rows, reference.condition, from: ends.0, to: ends.1, [])
        }
    }

    private func join(_ join: JoinMapping) -> JSONText {
        relationship(
            join.type, join.table, join.rows, nil, from: join.from, to: join.to,
            (join.ownKey + join.properties).flatMap(entries) + entries(join.extra))
    }

    private func relationship(
        _ type: String, _ table: QualifiedName, _ rows: RowCondition, _ test: ColumnTest?, from: RelationshipEnd,
        to: RelationshipEnd, _ properties: [JSONText]
    ) -> JSONText {
        let source = source(of: table)
        // The condition has bare names: it is evaluated where no other table is.
        let conditions = (rows.sql.map { ["(\($0))"] } ?? []) + (test.map { ["(\($0.sql))"] } ?? [])
        let condition = test == nil ? rows.sql : conditions.joined(separator: " AND ")
        let filtered = condition.map { "(SELECT * FROM \(source) WHERE \($0))" } ?? source
        var query = EndQuery(source: filtered, taken: catalog.table(table)?.columns.map(\.name) ?? [])
        let ends = [from, to].map { end in
            let node = mapping.nodes.first { $0.label == end.label }
            return query.byNodeKey(end, of: node, from: node.map { self.source(of: $0.table) } ?? "")
        }
        let isTable = catalog.view(table) == nil
        let rows: [(String, JSONText)] =
            query.joins.isEmpty && source == table.sql && isTable
            ? [("table", .string(table.sql)), ("where", condition.map(JSONText.string) ?? .null)]
            : [("select", .string(query.sql))]
        let keys = ends.map { end in
            JSONText.object([("label", .string(end.label)), ("key", .array(end.key.flatMap(entries)))])
        }
        return .object(
            [("type", .string(type))] + rows
                + [("from", keys[0]), ("to", keys[1]), ("properties", .array(properties))])
    }

    /// One for the property, or two where it holds values of another type, too: then the one that is not NULL counts.
    private func entries(_ property: PropertyMapping) -> [JSONText] {
        property.printedValues(of: property.column).map { value in
            let expression = value.expression.map { [("expression", JSONText.string($0))] } ?? []
            return .object(
                [
                    ("column", .string(property.column)), ("property", .string(property.property)),
                    ("as", .string(value.type)),
                ] + expression + policies(of: property.conversion))
        }
    }

    /// What the file chose; for people, as the expression has it all.
    private func policies(of conversion: ValueConversion) -> [(String, JSONText)] {
        let policy = conversion.policy
        var members: [(String, JSONText)] = []
        if policy.otherwise != .error { members.append(("otherwise", .string(policy.otherwise.rawValue))) }
        if policy.nulls != .error { members.append(("nulls", .string(policy.nulls.rawValue))) }
        if policy.dimensions != .error { members.append(("dimensions", .string(policy.dimensions.rawValue))) }
        if policy.scale != 0 { members.append(("scale", .number(policy.scale))) }
        if let years = policy.years {
            members.append(("years", .array([.number(years.lowerBound), .number(years.upperBound)])))
        }
        if let zone = policy.zone { members.append(("zone", .string(zone.description))) }
        if let part = conversion.part { members.append(("part", .string(part.description))) }
        return members
    }
}

/// The rows of a relationship's table with the key of each node at hand, also where a foreign key refers to another
/// unique key of the node: that takes a join.
private struct EndQuery {
    /// What stands behind FROM.
    let source: String
    /// Column names that stand for something already.
    var taken: [String]
    var columns: [String] = []
    var joins: [String] = []

    init(source: String, taken: [String]) {
        self.source = source
        self.taken = taken
    }

    var sql: String {
        "SELECT \((["s.*"] + columns).joined(separator: ", ")) FROM \(source) AS s\(joins.joined())"
    }

    /// - Parameter source: What stands behind FROM for the node's table.
    mutating func byNodeKey(_ end: RelationshipEnd, of node: NodeMapping?, from source: String) -> RelationshipEnd {
        guard let node, node.key.map(\.property) != end.key.map(\.property) else { return end }
        let alias = "j\(joins.count + 1)"
        let conditions = end.key.map { part in
            let own = (node.key + node.properties).first { $0.property == part.property }?.column ?? part.property
            return "\(alias).\(QualifiedName.quoted(own)) = s.\(QualifiedName.quoted(part.column))"
        }
        let rows = node.rows.sql.map { "(SELECT * FROM \(source) WHERE \($0))" } ?? source
        joins.append(
            " JOIN \(rows) AS \(alias) ON \(conditions.joined(separator: " AND "))")
        var result = RelationshipEnd(label: end.label, key: [])
        for part in node.key {
            let name = unusedName(alias + "_" + part.column)
            columns.append("\(alias).\(QualifiedName.quoted(part.column)) AS \(QualifiedName.quoted(name))")
            var key = part
            key.column = name
            result.key.append(key)
        }
        return result
    }

    private mutating func unusedName(_ wanted: String) -> String {
        var name = wanted
        while taken.contains(name) { name += "_" }
        taken.append(name)
        return name
    }
}
