// Part of Lockstep. See LICENSE.

import PostgreSQL

/// What random changes have to know of a database's tables. Read from the catalog by SQL of its own, so that a fault of
/// the program's catalog reader does not hide from the tests that use it.
struct SchemaShape {
    struct Column {
        var name: String
        var type: String
        /// `typcategory` of pg_type: N numbers, S strings, ...
        var category: String
        var isNullable: Bool
        /// Characters that fit, where the type has a bound.
        var length: Int?
    }

    struct ForeignKey {
        var columns: [String]
        var target: String
        var targetColumns: [String]
    }

    struct Table {
        /// Quoted, with the schema.
        var name: String
        /// The primary key; empty where there is none.
        var key: [String]
        var columns: [Column]
        var foreignKeys: [ForeignKey] = []

        func column(_ name: String) -> Column? { columns.first { $0.name == name } }
        var others: [Column] { columns.filter { column in !key.contains(column.name) && !isForeign(column.name) } }
        func isForeign(_ column: String) -> Bool { foreignKeys.contains { $0.columns.contains(column) } }
        /// Ordinary columns of the key, which can be given any new value.
        var ownKey: [Column] { columns.filter { key.contains($0.name) && !isForeign($0.name) } }
    }

    /// In order of their names, but partitions.
    var tables: [Table]

    init(_ connection: PostgresConnection) throws {
        let list = { (text: String?) in (text ?? "").split(separator: "\u{1F}").map(String.init) }
        tables = try connection.query(
            """
            SELECT c.oid::regclass::text AS name, array_to_string(ARRAY(
                SELECT a.attname FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number ORDER BY k.place), E'\\x1f') AS key
            FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'lockstep') ORDER BY 1
            """
        ).map { Table(name: $0["name"] ?? "", key: list($0["key"]), columns: []) }
        for index in tables.indices {
            let name = tables[index].name
            tables[index].columns = try connection.query(
                """
                SELECT a.attname AS name, t.typname AS type, t.typcategory AS category, a.attnotnull AS required,
                    CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 0 THEN a.atttypmod - 4 END AS length
                FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
                ORDER BY a.attnum
                """, [name]
            ).map {
                Column(
                    name: $0["name"] ?? "", type: $0["type"] ?? "", category: $0["category"] ?? "",
                    isNullable: $0["required"] == "f", length: $0["length"].flatMap { Int($0) })
            }
            tables[index].foreignKeys = try connection.query(
                """
                SELECT confrelid::regclass::text AS target, array_to_string(ARRAY(
                    SELECT attname FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
                    JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.number ORDER BY place), E'\\x1f') AS own,
                    array_to_string(ARRAY(
                    SELECT attname FROM unnest(confkey) WITH ORDINALITY AS k (number, place)
                    JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.number ORDER BY place), E'\\x1f') AS theirs
                FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'f' ORDER BY conname
                """, [name]
            ).map {
                ForeignKey(columns: list($0["own"]), target: $0["target"] ?? "", targetColumns: list($0["theirs"]))
            }
        }
    }

    func table(_ name: String) -> Table? { tables.first { $0.name == name } }

    /// Makes every foreign key follow the key that it refers to, so that primary keys can be changed.
    static func letForeignKeysFollow(_ connection: PostgresConnection) throws {
        let constraints = try connection.query(
            """
            SELECT conrelid::regclass::text AS name, quote_ident(conname) AS constraint, pg_get_constraintdef(oid) AS text
            FROM pg_constraint WHERE contype = 'f' AND confupdtype = 'a'
            """)
        for row in constraints {
            guard let name = row["name"], let constraint = row["constraint"], let text = row["text"] else { continue }
            try connection.execute(
                "ALTER TABLE \(name) DROP CONSTRAINT \(constraint), "
                    + "ADD CONSTRAINT \(constraint) \(text) ON UPDATE CASCADE")
        }
    }
}
