// Part of Lockstep. See LICENSE.

import PostgreSQL

// Changes of many rows in one statement, of whole tables, and what is no change of a row but in the stream as well.
extension RandomChanges {
    func changeMany() throws -> String? {
        let table = dice.one(of: shape.tables)
        switch dice.pick(100) {
        case 0..<30: return try insertMany(table)
        case 30..<50: return try updateMany(table)
        case 50..<60: return try deleteMany(table)
        case 60..<75: return try shiftKeys(table)
        case 75..<85: return try touchAll(table)
        case 85..<92: return try emitMessage()
        default: return try truncate(table)
        }
    }

    /// Rows that differ in their keys, from some to ``manyRows``, all with the same foreign keys.
    private func insertMany(_ table: SchemaShape.Table) throws -> String? {
        var count = 1
        while count < manyRows, dice.percent(75) { count = min(manyRows, count * 10) }
        var values: [(column: String, value: String)] = []
        for reference in table.foreignKeys {
            guard let target = try anyTarget(of: reference) else { return nil }
            values += zip(reference.columns, target).map { ($0, QualifiedName.literal($1)) }
        }
        for column in table.columns where !values.contains(where: { $0.column == column.name }) {
            let isKey = table.key.contains(column.name) || !column.isNullable
            var series = RandomValue(dice: dice)
            let value = isKey ? series.series(of: column) : nil
            dice = series.dice
            values.append((column.name, value ?? literal(column, in: table)))
        }
        try connection.execute(
            "INSERT INTO \(table.name) (\(values.map { quoted($0.column) }.joined(separator: ", "))) "
                + "SELECT \(values.map(\.value).joined(separator: ", ")) FROM generate_series(1, \(count)) AS g "
                + "ON CONFLICT DO NOTHING")
        return "many inserts"
    }

    private func updateMany(_ table: SchemaShape.Table) throws -> String? {
        guard let column = table.others.randomElement(using: &dice) else { return nil }
        try connection.execute(
            "UPDATE \(table.name) SET \(quoted(column.name)) = \(literal(column, in: table)) WHERE \(some(table))")
        return "many updates"
    }

    private func deleteMany(_ table: SchemaShape.Table) throws -> String? {
        try connection.execute("DELETE FROM \(table.name) WHERE \(some(table))")
        return "many deletes"
    }

    /// Every key a little further: rows take the keys that others leave in the same statement.
    private func shiftKeys(_ table: SchemaShape.Table) throws -> String? {
        guard let column = table.ownKey.first(where: { ["int2", "int4", "int8", "date"].contains($0.type) }) else {
            return nil
        }
        let name = quoted(column.name)
        try connection.execute("UPDATE \(table.name) SET \(name) = \(name) + \(1 + dice.pick(3)) WHERE \(some(table))")
        return "shifted keys"
    }

    /// Updates that change nothing: all TOASTed values come unchanged.
    private func touchAll(_ table: SchemaShape.Table) throws -> String? {
        let name = quoted(table.columns[dice.pick(table.columns.count)].name)
        try connection.execute("UPDATE \(table.name) SET \(name) = \(name)")
        return "touched rows"
    }

    private func emitMessage() throws -> String? {
        try connection.execute("SELECT pg_logical_emit_message(\(dice.percent(50)), 'somebody', 'else''s')")
        return "message"
    }

    private func truncate(_ table: SchemaShape.Table) throws -> String? {
        // Nearly all of a database with foreign keys in every direction goes with it.
        guard dice.percent(40) else { return nil }
        try connection.execute("TRUNCATE \(table.name) CASCADE")
        return "truncate"
    }

    /// A condition that holds for some of the rows, by their keys.
    private func some(_ table: SchemaShape.Table) -> String {
        let key = table.key.isEmpty ? "ctid::text" : table.key.map { quoted($0) + "::text" }.joined(separator: " || ")
        let parts = 2 + dice.pick(5)
        return "abs(hashtext(\(key))::bigint) % \(parts) = \(dice.pick(parts))"
    }
}
