// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import Threading

/// Changes a database at random, through every table with a primary key or none: values, foreign keys, keys, rows that come and
/// go, keys that are used again, in transactions of mixed sizes, some rolled back in part or whole, some prepared first.
///
/// What a constraint refuses is undone by its savepoint and not counted. Changes of many rows in one statement, up to
/// `manyRows` of them, and of whole tables are in `RandomChanges+Many.swift`.
final class RandomChanges {
    let connection: PostgresConnection
    let shape: SchemaShape
    var dice: Dice
    /// Rows that one statement makes at the most; 0 leaves out changes of many rows and of whole tables.
    let manyRows: Int
    /// Transactions can be prepared.
    private let prepares: Bool
    /// Keys that rows have left, by table.
    private var leftKeys: [String: [[String]]] = [:]
    private var made = 0
    /// Committed changes by kind of operation.
    private(set) var counts: [String: Int] = [:]

    init(_ connection: PostgresConnection, dice: Dice, manyRows: Int = 0) throws {
        self.connection = connection
        self.dice = dice
        self.manyRows = manyRows
        shape = try SchemaShape(connection)
        prepares = try connection.query("SHOW max_prepared_transactions").first?[0] != "0"
    }

    /// What there is to do to one row; a run of some hundreds does each.
    static let kinds = ["values", "foreign key", "foreign key to null", "insert", "delete", "key", "swap"]

    /// Runs on a thread of its own until `count` changes are committed.
    ///
    /// - Returns: How many of each kind.
    @discardableResult
    static func make(
        _ count: Int, on url: String, dice: Dice, manyRows: Int = 0
    ) async throws -> [String: Int] {
        try await DedicatedThread.run(name: "random-changes") { () throws(RandomChangesFailure) in
            do {
                let changes = try RandomChanges(
                    PostgresConnection(PostgresConfiguration(url)), dice: dice, manyRows: manyRows)
                try changes.run(count)
                return changes.counts
            } catch {
                throw RandomChangesFailure(description: "seed \(dice.seed): \(error)")
            }
        }
    }

    func run(_ count: Int) throws {
        while made < count {
            let size =
                switch dice.pick(10) {
                case 0..<5: 1
                case 5..<9: 2 + dice.pick(9)
                default: 20 + dice.pick(80)
                }
            try connection.execute("BEGIN")
            var done: [String] = []
            for _ in 0..<size { if let kind = try attempt() { done.append(kind) } }
            if dice.percent(12) {
                try connection.execute("ROLLBACK")
                continue
            }
            guard try commit() else { continue }
            made += done.count
            for kind in done { counts[kind, default: 0] += 1 }
        }
    }

    /// False where a constraint that is checked late refuses the whole, or it was prepared and then rolled back.
    private func commit() throws(PostgresError) -> Bool {
        do throws(PostgresError) {
            guard prepares, dice.percent(8) else {
                try connection.execute("COMMIT")
                return true
            }
            let name = QualifiedName.literal("random \(dice.next())")
            try connection.execute("PREPARE TRANSACTION \(name)")
            let goesOn = dice.percent(70)
            try connection.execute("\(goesOn ? "COMMIT" : "ROLLBACK") PREPARED \(name)")
            return goesOn
        } catch {
            if error.sqlState == nil { throw error }
            return false
        }
    }

    /// One change inside a savepoint; its kind where it went through. Some are taken back, whatever they did.
    private func attempt() throws -> String? {
        try connection.execute("SAVEPOINT attempt")
        do {
            let kind = try change()
            if dice.percent(6) {
                try connection.execute("ROLLBACK TO attempt")
                return nil
            }
            return kind
        } catch let error as PostgresError where error.sqlState != nil {
            try connection.execute("ROLLBACK TO attempt")
            return nil
        }
    }

    private func change() throws -> String? {
        if manyRows > 0, dice.percent(4) { return try changeMany() }
        let table = dice.one(of: shape.tables)
        guard !table.key.isEmpty else { return try changeKeyless(table) }
        guard let row = try anyRow(of: table) else { return try insert(table) }
        switch dice.pick(100) {
        case 0..<25: return try setValues(table, row)
        case 25..<45: return try setForeignKey(table, row)
        case 45..<65: return try insert(table)
        case 65..<80: return try delete(table, row)
        case 80..<93: return try changeKey(table, row)
        default: return try swapKeys(table, row)
        }
    }

    // MARK: Kinds of changes

    private func setValues(_ table: SchemaShape.Table, _ row: [String]) throws -> String? {
        let columns = table.others.filter { _ in dice.percent(40) }
        guard !columns.isEmpty else { return nil }
        let sets = columns.map { "\(quoted($0.name)) = \(literal($0, in: table))" }
        try connection.execute(
            "UPDATE \(table.name) SET \(sets.joined(separator: ", ")) WHERE \(condition(table, row))")
        return "values"
    }

    private func setForeignKey(_ table: SchemaShape.Table, _ row: [String]) throws -> String? {
        guard !table.foreignKeys.isEmpty else { return nil }
        let reference = dice.one(of: table.foreignKeys)
        let isNullable = reference.columns.allSatisfy { table.column($0)?.isNullable == true }
        var values = reference.columns.map { _ in "NULL" }
        if !isNullable || !dice.percent(25) {
            guard let target = try anyTarget(of: reference) else { return nil }
            values = target.map(QualifiedName.literal)
        }
        let sets = zip(reference.columns, values).map { "\(quoted($0)) = \($1)" }
        try connection.execute(
            "UPDATE \(table.name) SET \(sets.joined(separator: ", ")) WHERE \(condition(table, row))")
        return values[0] == "NULL" ? "foreign key to null" : "foreign key"
    }

    /// Copies a row under a new key, with other foreign keys.
    func insert(_ table: SchemaShape.Table) throws -> String? {
        var values: [String: String] = [:]
        for column in table.columns { values[column.name] = literal(column, in: table) }
        for reference in table.foreignKeys {
            let isNullable = reference.columns.allSatisfy { table.column($0)?.isNullable == true }
            let target = isNullable && dice.percent(30) ? nil : try anyTarget(of: reference)
            for (index, column) in reference.columns.enumerated() {
                values[column] = target.map { QualifiedName.literal($0[index]) } ?? "NULL"
            }
        }
        if !table.key.isEmpty, let key = usedKey(table), table.ownKey.count == table.key.count {
            for (name, value) in zip(table.key, key) { values[name] = QualifiedName.literal(value) }
        }
        let columns = table.columns.map(\.name)
        try connection.execute(
            "INSERT INTO \(table.name) (\(columns.map(quoted).joined(separator: ", "))) VALUES ("
                + columns.map { values[$0] ?? "NULL" }.joined(separator: ", ") + ")")
        return "insert"
    }

    /// Deletes a row; where others refer to it, they are set to NULL or go first.
    private func delete(_ table: SchemaShape.Table, _ row: [String]) throws -> String? {
        if dice.percent(50) {
            for other in shape.tables {
                for reference in other.foreignKeys
                where reference.target == table.name && reference.targetColumns == table.key {
                    let refers = zip(reference.columns, row).map { "\(quoted($0)) = \(QualifiedName.literal($1))" }
                        .joined(separator: " AND ")
                    let isNullable = reference.columns.allSatisfy { other.column($0)?.isNullable == true }
                    if isNullable {
                        let sets = reference.columns.map { quoted($0) + " = NULL" }.joined(separator: ", ")
                        try connection.execute("UPDATE \(other.name) SET \(sets) WHERE \(refers)")
                    } else {
                        try connection.execute("DELETE FROM \(other.name) WHERE \(refers)")
                    }
                }
            }
        }
        try connection.execute("DELETE FROM \(table.name) WHERE \(condition(table, row))")
        leftKeys[table.name, default: []].append(row)
        return "delete"
    }

    private func changeKey(_ table: SchemaShape.Table, _ row: [String]) throws -> String? {
        guard let column = table.ownKey.randomElement(using: &dice) else { return nil }
        var value = literal(column, in: table)
        if let key = usedKey(table), let place = table.key.firstIndex(of: column.name) {
            value = QualifiedName.literal(key[place])
        }
        try connection.execute(
            "UPDATE \(table.name) SET \(quoted(column.name)) = \(value) WHERE \(condition(table, row))")
        leftKeys[table.name, default: []].append(row)
        return "key"
    }

    /// Exchanges the keys of two rows by way of a third.
    private func swapKeys(_ table: SchemaShape.Table, _ row: [String]) throws -> String? {
        guard table.ownKey.count == 1, table.key.count == 1, let other = try anyRow(of: table), other != row else {
            return nil
        }
        let name = quoted(table.key[0])
        let aside = literal(table.ownKey[0], in: table)
        for (from, to) in [
            (QualifiedName.literal(row[0]), aside), (QualifiedName.literal(other[0]), QualifiedName.literal(row[0])),
            (aside, QualifiedName.literal(other[0])),
        ] {
            try connection.execute("UPDATE \(table.name) SET \(name) = \(to) WHERE \(name) = \(from)")
        }
        return "swap"
    }

    // MARK: Choices

    func quoted(_ name: String) -> String { QualifiedName.quoted(name) }

    private func condition(_ table: SchemaShape.Table, _ row: [String]) -> String {
        zip(table.key, row).map { "\(quoted($0)) = \(QualifiedName.literal($1))" }.joined(separator: " AND ")
    }

    private func anyRow(of table: SchemaShape.Table) throws -> [String]? {
        try any(table.name, table.key, orderedBy: table.key)
    }

    func anyTarget(of reference: SchemaShape.ForeignKey) throws -> [String]? {
        try any(reference.target, reference.targetColumns, orderedBy: reference.targetColumns)
    }

    private func any(_ table: String, _ columns: [String], orderedBy order: [String]) throws -> [String]? {
        let share = Double(dice.next() >> 11) / Double(1 << 53)
        let rows = try connection.query(
            """
            SELECT \(columns.map { quoted($0) + "::text" }.joined(separator: ", ")) FROM \(table)
            ORDER BY \(order.map(quoted).joined(separator: ", "))
            OFFSET (SELECT floor(count(*) * \(share)) FROM \(table)) LIMIT 1
            """)
        let values = rows.first.map { row in columns.indices.compactMap { row[$0] } }
        // A unique column that is NULL names no row.
        return values?.count == columns.count ? values : nil
    }

    /// Now and then a key that a row of the table has left.
    private func usedKey(_ table: SchemaShape.Table) -> [String]? {
        guard dice.percent(50), let keys = leftKeys[table.name], !keys.isEmpty else { return nil }
        return dice.one(of: keys)
    }

    /// A value as an expression of SQL, or a row's present one where the type is not known.
    func literal(_ column: SchemaShape.Column, in table: SchemaShape.Table) -> String {
        if column.isNullable, dice.percent(20) { return "NULL" }
        var values = RandomValue(dice: dice)
        defer { dice = values.dice }
        if let value = values.expression(of: column) { return value }
        let name = quoted(column.name)
        return "(SELECT \(name) FROM \(table.name) WHERE \(name) IS NOT NULL LIMIT 1)"
    }
}

struct RandomChangesFailure: Error, CustomStringConvertible {
    var description: String
}
