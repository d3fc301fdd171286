// Part of Lockstep. See LICENSE.

/// A schema that nobody designed: two to twelve tables with keys of all kinds, foreign keys in every direction, also in
/// cycles, join tables, unique keys that are referred to, every replica identity, partitions, generated columns, odd names,
/// columns of every type.
///
/// The same dice give the same SQL.
struct RandomSchema {
    /// The statements that make it, in an empty database.
    private(set) var sql = ""

    private var dice: Dice
    private let hasRules: Bool
    /// ArcadeDB finds no nodes by a date-time.
    private let keyTypes: [String]
    private var tables: [Table] = []
    private var names: Set<String> = []
    /// What has to come behind all tables.
    private var later: [String] = []

    private struct Table {
        var name: String
        /// Name and type of each.
        var key: [(name: String, type: String)]
        var columns: [String] = []
        /// A unique column beside the key that others may refer to.
        var unique: (name: String, type: String)?
        /// By hash, in two partitions.
        var isPartitioned = false
        /// The stream carries whole old rows.
        var isFull = false
    }

    /// - Parameter hasRules: With columns that rules of ``RandomMapping`` go by, and tables without a key.
    init(dice: Dice, zonedKeys: Bool, hasRules: Bool) {
        self.dice = dice
        self.hasRules = hasRules
        keyTypes = Self.keyTypes + (zonedKeys ? ["timestamptz"] : [])
        sql = "CREATE SCHEMA other;\n" + Self.typeDefinitions
        let count = 2 + self.dice.pick(9)
        for number in 0..<count { addTable(number) }
        for index in tables.indices { for _ in 0..<self.dice.pick(4) { addReference(from: index) } }
        for number in 0..<self.dice.pick(3) { addJoin(number) }
        if hasRules { for number in 0..<self.dice.pick(3) { addLog(number) } }
        for index in tables.indices { chooseIdentity(index) }
        for table in tables {
            sql += "CREATE TABLE \(table.name) (\n    " + table.columns.joined(separator: ",\n    ") + "\n)"
            sql += table.isPartitioned ? " PARTITION BY HASH (id);\n" : ";\n"
        }
        sql += later.map { $0 + ";\n" }.joined()
    }

    // MARK: Tables

    private static let keyTypes = [
        "int", "int", "bigint", "smallint", "uuid", "text", "varchar(12)", "char(6)", "date", "numeric(12, 2)",
        "boolean",
    ]

    private static let scalarTypes = [
        "boolean", "smallint", "int", "bigint", "real", "double precision", "numeric", "numeric(10, 2)", "money",
        "text", "varchar(30)", "char(4)", "name", "\"char\"", "uuid", "bytea", "json", "jsonb", "jsonpath", "xml",
        "date", "time", "timetz", "timestamp", "timestamptz", "interval", "bit(5)", "varbit", "inet", "cidr", "macaddr",
        "macaddr8", "point", "line", "lseg", "box", "path", "polygon", "circle", "int4range", "int8range", "numrange",
        "daterange", "tsrange", "tstzrange", "int4multirange", "int8multirange", "nummultirange", "datemultirange",
        "tsmultirange", "tstzmultirange", "tsvector", "tsquery", "oid", "xid", "xid8", "cid", "tid", "pg_lsn",
        "regclass", "regtype", "refcursor", "int2vector", "oidvector", "pg_snapshot", "txid_snapshot",
    ]

    private static let extensions = ["hstore", "ltree", "citext"]

    /// The SQL that makes the types that PostgreSQL does not bring along.
    static let typeDefinitions =
        extensions.map { "CREATE EXTENSION \($0);\n" }.joined() + """
            CREATE TYPE mood AS ENUM ('sad', 'ok', 'very ''glad''');
            CREATE DOMAIN amount AS numeric(12, 3) CHECK (VALUE IS NULL OR VALUE > -100000);
            CREATE TYPE pair AS (a int, b text);

            """

    /// Common ones more often.
    static let types =
        scalarTypes + scalarTypes.filter { !["\"char\"", "int2vector", "oidvector"].contains($0) }.map { $0 + "[]" }
        + extensions
        + Array(repeating: ["text", "int", "timestamptz", "jsonb", "numeric", "mood", "amount", "pair"], count: 6)
        .flatMap(\.self) + ["mood[]"]

    private mutating func addTable(_ number: Int) {
        let words = ["item", "Order", "user", "täg", "select", "a b", "log\"ged", "Märchen", "group"]
        let schema = dice.percent(20) ? "other" : "public"
        var name = dice.one(of: words)
        if !names.insert(schema + name).inserted {
            name += "_\(number)"
            names.insert(schema + name)
        }
        var table = Table(name: "\(schema).\(quoted(name))", key: [])
        for part in 0..<(dice.percent(25) ? 2 : 1) {
            // A boolean has too few values to be a key by itself.
            var type = dice.one(of: keyTypes)
            if type == "boolean" && part == 0 { type = "int" }
            table.key.append((part == 0 ? "id" : "Part \(part)", type))
        }
        table.columns = table.key.map { "\(quoted($0.name)) \($0.type)" }
        for column in 0..<dice.pick(7) {
            let isRequired = dice.percent(15)
            let type = isRequired ? dice.one(of: ["int", "text", "date"]) : dice.one(of: Self.types)
            table.columns.append("\(quoted("c\(column)")) \(type)\(isRequired ? " NOT NULL" : "")")
            if type == "text", dice.percent(50) {
                later.append("ALTER TABLE \(table.name) ALTER c\(column) SET STORAGE EXTERNAL")
            }
        }
        if table.key[0].type == "int", dice.percent(15) {
            table.columns.append("generated int GENERATED ALWAYS AS (id % 1000) STORED")
        }
        table.isPartitioned = dice.percent(12)
        if table.isPartitioned {
            for part in 0..<2 {
                later.insert(
                    "CREATE TABLE public.part_\(number)_\(part) PARTITION OF \(table.name) "
                        + "FOR VALUES WITH (MODULUS 2, REMAINDER \(part))", at: 0)
            }
        } else if dice.percent(30) {
            let type = dice.one(of: ["int", "text", "uuid"])
            table.unique = ("code", type)
            table.columns.append("code \(type) \(dice.percent(50) ? "NOT NULL " : "")UNIQUE")
        }
        if hasRules, !table.isPartitioned, dice.percent(35) {
            table.columns.append("gone boolean")
            table.isFull = true
        }
        table.columns.append(
            "PRIMARY KEY (\(list(table.key.map(\.name))))"
                + (!table.isPartitioned && dice.percent(15) ? " DEFERRABLE INITIALLY DEFERRED" : ""))
        tables.append(table)
    }

    // MARK: What joins them

    /// - Parameter count: Of tables that may be referred to; nil for all.
    private mutating func addReference(from index: Int, among count: Int? = nil) {
        let target = tables[dice.pick(count ?? tables.count)]
        let number = tables[index].columns.count
        var columns: [String] = []
        var referenced = target.key
        if let unique = target.unique, dice.percent(30) { referenced = [unique] }
        let isRequired = dice.percent(20) && target.name != tables[index].name
        for (part, column) in referenced.enumerated() {
            columns.append("r\(number)_\(part)")
            tables[index].columns.insert(
                "r\(number)_\(part) \(column.type)\(isRequired ? " NOT NULL" : "")", at: 0)
        }
        let isDeferrable = dice.percent(30)
        // A key that is checked late cannot be referred to.
        guard !target.columns.contains(where: { $0.contains("DEFERRABLE") }) || referenced.count < target.key.count
        else { return }
        let action = dice.one(of: isRequired ? ["CASCADE", "NO ACTION"] : ["CASCADE", "SET NULL", "NO ACTION"])
        later.append(
            "ALTER TABLE \(tables[index].name) ADD FOREIGN KEY (\(list(columns))) REFERENCES \(target.name) "
                + "(\(list(referenced.map(\.name)))) ON UPDATE CASCADE ON DELETE \(action)"
                + (isDeferrable ? " DEFERRABLE INITIALLY DEFERRED" : "")
                + (!tables[index].isPartitioned && dice.percent(15) ? " NOT VALID" : ""))
    }

    private mutating func addJoin(_ number: Int) {
        let fitting = tables.filter { table in !table.columns.contains { $0.contains("DEFERRABLE") } }
        guard !fitting.isEmpty else { return }
        let ends = [dice.one(of: fitting), dice.one(of: fitting)]
        var table = Table(name: "public.join_\(number)", key: [])
        for (end, prefix) in zip(ends, ["a", "b"]) {
            let own = end.key.indices.map { (name: "\(prefix)\($0)", type: end.key[$0].type) }
            table.key += own
            table.columns += own.map { "\($0.name) \($0.type)" }
            later.append(
                "ALTER TABLE \(table.name) ADD FOREIGN KEY (\(list(own.map(\.name)))) REFERENCES \(end.name) "
                    + "ON UPDATE CASCADE ON DELETE CASCADE")
        }
        for column in 0..<dice.pick(3) { table.columns.append("p\(column) \(dice.one(of: Self.types))") }
        table.columns.append("PRIMARY KEY (\(list(table.key.map(\.name))))")
        tables.append(table)
    }

    /// A table without a key, in which rows may be equal.
    private mutating func addLog(_ number: Int) {
        var table = Table(name: "public.log_\(number)", key: [], isFull: true)
        for column in 0..<1 + dice.pick(4) { table.columns.append("c\(column) \(dice.one(of: Self.types))") }
        let keyed = tables.count - number
        tables.append(table)
        for _ in 0..<dice.pick(3) { addReference(from: tables.count - 1, among: keyed) }
    }

    private mutating func chooseIdentity(_ index: Int) {
        let table = tables[index]
        // Each partition has one of its own.
        if table.isPartitioned { return }
        // A deferrable key is no replica identity.
        let isDeferrable = table.columns.contains { $0.hasPrefix("PRIMARY KEY") && $0.contains("DEFERRABLE") }
        if table.isFull || isDeferrable || dice.percent(25) {
            later.append("ALTER TABLE \(table.name) REPLICA IDENTITY FULL")
        } else if let unique = table.unique, table.columns.contains("code \(unique.type) NOT NULL UNIQUE"),
            dice.percent(40)
        {
            let constraint = table.name.split(separator: ".", maxSplits: 1)[1].replacing("\"", with: "")
            guard !table.name.contains("\"\"") else { return }
            later.append(
                "ALTER TABLE \(table.name) REPLICA IDENTITY USING INDEX \(quoted("\(constraint)_code_key"))")
        }
    }

    private func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }

    private func list(_ names: [String]) -> String { names.map(quoted).joined(separator: ", ") }
}
