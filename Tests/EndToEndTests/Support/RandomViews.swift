// Part of Lockstep. See LICENSE.

/// Views and queries that become relationships, at random: between the two rows that one row refers to, with how many such rows there
/// are, and from a row to what is two references away.
///
/// The same dice make the same of the same file.
struct RandomViews {
    /// A row of a table, by its key, that is one end.
    private struct End {
        var alias: String
        var key: [String]
        var entry: MappingEntry
    }

    private var dice: Dice
    private let shape: SchemaShape
    private let entries: [MappingEntry]
    private var made = 0

    init(dice: Dice, shape: SchemaShape, file: String) {
        self.dice = dice
        self.shape = shape
        entries = MappingEntry.all(of: file)
    }

    /// The views' SQL, and what comes last in the mapping: their entries, and the queries.
    mutating func make() -> (sql: String, entries: String) {
        var (sql, text, queries) = ("", "", "")
        for table in shape.tables.shuffled(using: &dice) where made < 3 {
            let first = references(of: table).shuffled(using: &dice)
            if first.count > 1, dice.percent(60) { add(fork(table, first[0], first[1]), &sql, &text, &queries) }
            for reference in first.prefix(1) where dice.percent(60) {
                guard let from = end("a", table), let next = shape.table(reference.target),
                    let second = references(of: next).first
                else { continue }
                add(chain(from, table, reference, second), &sql, &text, &queries)
            }
        }
        return (sql, text + (queries.isEmpty ? "" : "queries:\n" + queries))
    }

    /// Those that name the key of a node.
    private func references(of table: SchemaShape.Table) -> [SchemaShape.ForeignKey] {
        table.foreignKeys.filter { reference in
            shape.table(reference.target).flatMap { end("", $0) }.map { Set($0.key) == Set(reference.targetColumns) }
                ?? false
        }
    }

    private func end(_ alias: String, _ table: SchemaShape.Table) -> End? {
        guard let entry = entries.first(where: { $0.table(of: shape)?.name == table.name }), let key = entry.key else {
            return nil
        }
        return End(alias: alias, key: key, entry: entry)
    }

    private func join(_ alias: String, _ reference: SchemaShape.ForeignKey, of holder: String) -> String {
        let equal = zip(reference.columns, reference.targetColumns).map { "\(alias).\"\($1)\" = \(holder).\"\($0)\"" }
        return " JOIN \(SchemaShape.qualified(reference.target)) \(alias) ON \(equal.joined(separator: " AND "))"
    }

    private typealias View = (query: String, from: End, to: End, properties: [String])

    private func columns(_ end: End, _ prefix: String) -> [String] {
        end.key.enumerated().map { "\(end.alias).\"\($1)\" AS \(prefix)\($0)" }
    }

    /// Counted by the keys of both ends.
    private func fork(
        _ table: SchemaShape.Table, _ one: SchemaShape.ForeignKey, _ other: SchemaShape.ForeignKey
    ) -> View? {
        guard let from = shape.table(one.target).flatMap({ end("b", $0) }),
            let to = shape.table(other.target).flatMap({ end("c", $0) })
        else { return nil }
        let ends = columns(from, "f") + columns(to, "t")
        let query =
            "SELECT \(ends.joined(separator: ", ")), count(*) AS times FROM \(SchemaShape.qualified(table.name)) a"
            + join("b", one, of: "a") + join("c", other, of: "a")
            + " GROUP BY \((1...ends.count).map(String.init).joined(separator: ", "))"
        return (query, from, to, ["times"])
    }

    private func chain(
        _ from: End, _ table: SchemaShape.Table, _ first: SchemaShape.ForeignKey, _ second: SchemaShape.ForeignKey
    ) -> View? {
        guard let next = shape.table(first.target), let to = shape.table(second.target).flatMap({ end("c", $0) }) else {
            return nil
        }
        let lacks = next.others.first.map { ["(b.\"\($0.name)\" IS NULL) AS lacks"] } ?? []
        let query =
            "SELECT \((columns(from, "f") + columns(to, "t") + lacks).joined(separator: ", ")) "
            + "FROM \(SchemaShape.qualified(table.name)) a" + join("b", first, of: "a") + join("c", second, of: "b")
        return (query, from, to, lacks.isEmpty ? [] : ["lacks"])
    }

    private mutating func add(_ view: View?, _ sql: inout String, _ text: inout String, _ queries: inout String) {
        guard let view else { return }
        made += 1
        func end(_ end: End, _ prefix: String) -> String {
            let names = end.key.indices.map { "\(prefix)\($0)" }.joined(separator: ", ")
            return "{columns: [\(names)], references: \(end.entry.name)}"
        }
        var lines = [
            "refresh: 1s", "relationship: COMPUTED_\(made)", "from: \(end(view.from, "f"))", "to: \(end(view.to, "t"))",
        ]
        if !view.properties.isEmpty {
            lines.append("properties: {\(view.properties.map { "\($0): \($0)" }.joined(separator: ", "))}")
        }
        if dice.percent(50) {
            lines.append("query: '\(view.query.replacing("'", with: "''"))'")
            queries += "  computed_\(made):\n" + lines.map { "    \($0)\n" }.joined()
        } else {
            sql += "CREATE VIEW computed_\(made) AS \(view.query);\n"
            text += "  public.computed_\(made):\n" + lines.map { "    \($0)\n" }.joined()
        }
    }
}

extension SchemaShape {
    /// The name for who has no `search_path`: what `regclass` prints without a schema is in `public`.
    fileprivate static func qualified(_ name: String) -> String {
        name.hasPrefix("\"") || !name.contains(".") ? "public.\(name)" : name
    }
}
