// Part of Lockstep. See LICENSE.

import PostgreSQL

// Changes of tables whose rows nothing tells apart, but PostgreSQL itself by their place.
extension RandomChanges {
    func changeKeyless(_ table: SchemaShape.Table) throws -> String? {
        let share = Double(dice.next() >> 11) / Double(1 << 53)
        let anyRow = """
            (SELECT ctid FROM \(table.name) ORDER BY ctid
            OFFSET (SELECT floor(count(*) * \(share)) FROM \(table.name)) LIMIT 1)
            """
        switch dice.pick(10) {
        case 0..<3: return try insert(table)
        case 3..<6:
            try connection.execute("INSERT INTO \(table.name) SELECT * FROM \(table.name) WHERE ctid = \(anyRow)")
            return "equal row"
        case 6..<8:
            guard let column = table.columns.randomElement(using: &dice), !table.isForeign(column.name) else {
                return nil
            }
            try connection.execute(
                "UPDATE \(table.name) SET \(quoted(column.name)) = \(literal(column, in: table)) WHERE ctid = \(anyRow)"
            )
            return "values"
        default:
            try connection.execute("DELETE FROM \(table.name) WHERE ctid = \(anyRow)")
            return "delete"
        }
    }
}
