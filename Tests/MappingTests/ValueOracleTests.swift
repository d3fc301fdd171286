// Part of Lockstep. See LICENSE.

import Foundation
import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

/// Random values of one type, made, printed and taken apart by the server.
struct OracleCase: Sendable, CustomTestStringConvertible {
    var type: OID
    var typeName: String
    /// The `as`; nil is the natural one.
    var choice: String?
    var policy: ValuePolicy
    /// SQL that gives a random value for each row `i`.
    var generator: String
    /// SQL that gives the canonical form of the value `v`, by other means than its text; see ``CanonicalValue``.
    var expected: String

    init(
        _ type: OID, _ typeName: String, as choice: String? = nil, policy: ValuePolicy = ValuePolicy(),
        _ generator: String, expected: String
    ) {
        self.type = type
        self.typeName = typeName
        self.choice = choice
        self.policy = policy
        self.generator = generator
        self.expected = expected
    }

    func conversion(in catalog: Catalog) -> ValueConversion? {
        var conversion =
            choice.map { ValueConversion(type: type, in: catalog, as: $0) } ?? .natural(for: type, in: catalog)
        conversion?.policy = policy
        return conversion
    }

    var testDescription: String { "\(typeName) as \(choice ?? "its natural type"): \(generator.prefix(30))" }
}

/// SQL of random things.
enum Random {
    static let bits = "md5(random()::text)"
    static let int8 = "('x' || substr(\(bits), 1, 16))::bit(64)::bigint"
    static let int4 = "('x' || substr(\(bits), 1, 8))::bit(32)::int"
    /// Long, short, with zeros in front and behind, of every scale.
    static let numeric = """
        (CASE WHEN random() < 0.02 THEN (ARRAY['NaN', 'Infinity', '-Infinity', '0', '0.00'])[1 + floor(random() * 5)::int]
            ELSE CASE WHEN random() < 0.5 THEN '-' ELSE '' END
                || left('0' || translate(\(bits) || \(bits), 'abcdef', '000009'), 1 + floor(random() ^ 2 * 60)::int)
                || CASE WHEN random() < 0.3 THEN repeat('0', floor(random() * 20)::int) ELSE '' END
                || CASE WHEN random() < 0.3 THEN ''
                    ELSE '.' || repeat('0', floor(random() ^ 3 * 20)::int)
                        || left(translate(\(bits) || \(bits), 'abcdef', '000009'), 1 + floor(random() ^ 2 * 60)::int) END
                || CASE WHEN random() < 0.1 THEN 'e' || floor(random() * 8000 - 4000)::int ELSE '' END
            END)::numeric
        """
    /// What fits an `Int64`, now and then with zeros behind the point.
    static let wholeNumeric =
        "round((\(int8))::numeric / 10::numeric ^ floor(random() * 19)::int, 0)"
        + "::numeric + CASE WHEN random() < 0.5 THEN 0.000 ELSE 0 END"
    static let text = """
        (SELECT coalesce(string_agg((ARRAY['a', 'Z', ' ', '"', '\\', ',', '{', '}', 'NULL', 'ü', '日本', '😀', E'\\n', ''''])
            [1 + floor(random() * 14)::int], ''), '') FROM generate_series(1, floor(random() * 6)::int + 0 * i))
        """
    static let version4 =
        "set_masklen(inet '0.0.0.0' + (\(int4)::bigint & 4294967295), CASE WHEN i % 3 = 0 THEN i % 33 ELSE 32 END)"
    /// With many words of zeros.
    static let version6 = """
        set_masklen((SELECT string_agg(CASE WHEN random() < 0.6 THEN '0' WHEN random() < 0.3 THEN 'ffff' WHEN random() < 0.3
            THEN '1' ELSE to_hex((random() * 65535)::int >> floor(random() * 16)::int) END, ':')
            FROM generate_series(1, 8 + 0 * i))::inet, CASE WHEN i % 3 = 0 THEN i % 129 ELSE 128 END)
        """
    static let date = "date '2000-01-01' + (-2451507 + floor(random() * 2147483647)::bigint % 2147484000)::int"
    static let nearDate = "date '2000-01-01' + floor(random() * 400000 - 200000)::int"
    static let clock = "floor(random() * 86400000000)::bigint * interval '1 microsecond'"
    static let timestamp = "(date '2000-01-01' + floor(random() * 109000000 - 2451507)::int)::timestamp + \(clock)"
    static let interval = """
        make_interval(months => (\(int4)) / (1 + floor(random() * 3)::int * 1000000),
            days => (\(int4)) / (1 + floor(random() * 3)::int * 1000000))
            + (floor(random() * 3)::int - 1) * (\(int8) / 100000) * interval '1 microsecond'
        """
}

/// SQL that takes a value `v` apart.
enum Expected {
    static let float = "'float ' || encode(float8send(v::float8), 'hex')"
    static let date = "'date ' || (v - date '1970-01-01')"
    static let clock =
        "(extract(hour from v)::bigint * 3600000000 + extract(minute from v)::bigint * 60000000"
        + " + extract(microseconds from v)::bigint) * 1000"
    // Not by extract(epoch …), which rounds far from 1970.
    static let moment =
        "((v::date - date '1970-01-01')::bigint * 86400 + extract(hour from v)::bigint * 3600"
        + " + extract(minute from v)::bigint * 60 + extract(microseconds from v)::bigint / 1000000)"
        + " || ' ' || extract(microseconds from v)::bigint % 1000000 * 1000"
    static let duration = """
        (SELECT 'duration ' || (extract(year from v) * 12 + extract(month from v))::bigint || ' '
            || extract(day from v)::bigint || ' ' || floor(us / 1000000)::bigint || ' '
            || ((us - floor(us / 1000000) * 1000000) * 1000)::bigint
        FROM (SELECT extract(hour from v)::numeric * 3600000000 + extract(minute from v)::numeric * 60000000
            + extract(microseconds from v)::numeric) AS s(us))
        """
}

extension OracleCase {
    static let all: [OracleCase] = [
        .init(16, "bool", "random() < 0.5", expected: "v::text"),
        .init(16, "bool", as: "string", "random() < 0.5", expected: "v::text"),
        .init(21, "int2", "(\(Random.int4) >> 16)::int2", expected: "v::text"),
        .init(23, "int4", "\(Random.int4) >> floor(random() * 32)::int", expected: "v::text"),
        .init(20, "int8", "\(Random.int8) >> floor(random() * 64)::int", expected: "v::text"),
        .init(20, "int8", as: "string", "\(Random.int8) >> floor(random() * 64)::int", expected: "v::text"),
        .init(20, "int8", as: "float", "\(Random.int8) >> floor(random() * 64)::int", expected: Expected.float),
        .init(26, "oid", "(\(Random.int4)::bigint & 4294967295)::oid", expected: "v::text"),
        .init(700, "float4", "((random() - 0.5) * 10 ^ (random() * 70 - 35))::float4", expected: Expected.float),
        .init(701, "float8", "(random() - 0.5) * 10 ^ (random() * 600 - 300)", expected: Expected.float),
        .init(701, "float8", "round((random() * 1000)::numeric, 2)::float8", expected: Expected.float),
        .init(1700, "numeric", Random.numeric, expected: "v::text"),
        .init(
            1700, "numeric", as: "float", "(\(Random.int8))::numeric / 10::numeric ^ floor(random() * 40)::int",
            expected: Expected.float),
        .init(1700, "numeric", as: "integer", Random.wholeNumeric, expected: "trunc(v)::text"),
        .init(25, "text", Random.text, expected: "v"), .init(1043, "varchar(40)", Random.text, expected: "v::text"),
        .init(1042, "char(30)", Random.text, expected: "rtrim(v, ' ')"),
        .init(19, "name", "left(\(Random.text), 20)::name", expected: "v::text"),
        .init(
            18, "\"char\"", "('\\' || lpad((i % 4)::text || (i / 8 % 8)::text || (i % 8)::text, 3, '0'))::\"char\"",
            expected: "v::text"),
        .init(2950, "uuid", "\(Random.bits)::uuid", expected: "v::text"),
        .init(
            17, "bytea", "decode(left(\(Random.bits), 2 * floor(random() * 16)::int), 'hex')",
            expected: "'bytes ' || encode(v, 'hex')"),
        .init(
            17, "bytea", as: "string", "decode(left(\(Random.bits), 2 * floor(random() * 16)::int), 'hex')",
            expected: "'\\x' || encode(v, 'hex')"),
        .init(114, "json", "json_build_object(\(Random.text), random())", expected: "v::text"),
        .init(3802, "jsonb", "jsonb_build_object(\(Random.text), random())", expected: "v::text"),
        .init(1082, "date", Random.date, expected: Expected.date),
        .init(1082, "date", Random.nearDate, expected: Expected.date),
        .init(1083, "time", "time '00:00' + \(Random.clock)", expected: "'localtime ' || \(Expected.clock)"),
        .init(1083, "time(0)", "time '00:00' + \(Random.clock) * 0.9", expected: "'localtime ' || \(Expected.clock)"),
        .init(
            1266, "timetz",
            """
            (((time '00:00' + \(Random.clock))::text) || (ARRAY['+', '-'])[1 + floor(random() * 2)::int]
                || lpad(floor(random() * 15)::text, 2, '0') || ':' || lpad(floor(random() * 60)::text, 2, '0')
                || CASE WHEN random() < 0.5 THEN '' ELSE ':' || lpad(floor(random() * 60)::text, 2, '0') END)::timetz
            """, expected: "'time ' || \(Expected.clock) || ' ' || extract(timezone from v)::int"),
        .init(1114, "timestamp", Random.timestamp, expected: "'localdatetime ' || \(Expected.moment)"),
        .init(
            1184, "timestamptz", "(\(Random.timestamp)) AT TIME ZONE 'UTC'",
            expected: "'datetime ' || \(Expected.moment) || ' 0'"),
        .init(1186, "interval", Random.interval, expected: Expected.duration),
        .init(1082, "date", as: "string", Random.date, expected: "v::text"),
        .init(1083, "time", as: "string", "time '00:00' + \(Random.clock)", expected: "v::text"),
        .init(1114, "timestamp", as: "string", Random.timestamp, expected: "v::text"),
        .init(
            1184, "timestamptz", as: "string", "(\(Random.timestamp)) AT TIME ZONE 'UTC'", expected: "v::text"),
        .init(
            1266, "timetz", as: "string",
            "((time '00:00' + \(Random.clock))::text || '-' || lpad((i % 15)::text, 2, '0') || ':30')::timetz",
            expected: "v::text"),
        .init(
            1700, "numeric", as: "integer", policy: ValuePolicy(scale: 3), "(\(Random.wholeNumeric)) / 1000",
            expected: "trunc(v * 1000)::text"),
        .init(
            1700, "numeric", as: "integer", policy: ValuePolicy(scale: 18),
            "(\(Random.int8))::numeric * 0.000000000000000001",
            expected: "trunc(v * 1000000000000000000)::text"),
        .init(28, "xid", "(\(Random.int4)::bigint & 4294967295)::text::xid", expected: "v::text"),
        .init(29, "cid", "(\(Random.int4)::bigint & 4294967295)::text::cid", expected: "v::text"),
        .init(5069, "xid8", "(\(Random.int8)::numeric + 9223372036854775808)::text::xid8", expected: "v::text"),
        .init(
            3220, "pg_lsn", "(to_hex(\(Random.int4) >> i % 32) || '/' || to_hex(\(Random.int4)))::pg_lsn",
            expected: "v::text"),
        .init(
            27, "tid", "('(' || i::bigint * 2147483 % 4294967296 || ',' || i % 65536 || ')')::tid", expected: "v::text"),
        .init(1562, "varbit", "left((\(Random.int8)::bit(64))::text, i % 65)::varbit", expected: "v::text"),
        .init(1560, "bit(13)", "\(Random.int4)::bit(13)", expected: "v::text"),
        .init(869, "inet", Random.version4, expected: "format('%s', v)"),
        .init(869, "inet", Random.version6, expected: "format('%s', v)"),
        .init(650, "cidr", "network(\(Random.version4))", expected: "v::text"),
        .init(650, "cidr", "network(\(Random.version6))", expected: "v::text"),
        .init(829, "macaddr", "left(\(Random.bits), 12)::macaddr", expected: "v::text"),
        .init(774, "macaddr8", "left(\(Random.bits), 16)::macaddr8", expected: "v::text"),
        .init(
            790, "money", as: "integer", "((\(Random.int8) >> 1 + i % 60)::numeric / 100)::money",
            expected: "(v::numeric * 100)::bigint::text"),
        .init(
            600, "point", as: "point", "point((random() - 0.5) * 10 ^ (random() * 300), random())",
            expected:
                "'point 7203 float ' || encode(float8send(v[0]), 'hex') || ' float ' || encode(float8send(v[1]), 'hex')"
        ),
        .init(
            3614, "tsvector", as: "list<string>",
            """
            (SELECT coalesce(setweight(array_to_tsvector(array_agg(DISTINCT x) FILTER (WHERE x <> '')), 'B'), '')
                || to_tsvector('simple', 'it''s ' || i || ' word a\\b')
            FROM (SELECT \(Random.text) AS x FROM generate_series(0, i % 4) OFFSET 0) AS s)
            """,
            expected: """
                'list' || coalesce((SELECT string_agg('\(CanonicalValue.separator)' || x, '' ORDER BY n)
                    FROM unnest(tsvector_to_array(v)) WITH ORDINALITY AS e (x, n)), '')
                """),
        .init(142, "xml", "xmlelement(name a, \(Random.text))", expected: "v::text"),
        .init(4072, "jsonpath", "('$.\"' || i || 'ü\".b[*] ? (@ > ' || i || ')')::jsonpath", expected: "v::text"),
    ]
}

/// Text and binary of random values encode alike, and say what the server says.
@Suite(.postgres(), .serialized)
struct ValueOracleTests {
    /// `LOCKSTEP_SEED`, a number between -1 and 1, or the one that every test run takes.
    static let seed = ProcessInfo.processInfo.environment["LOCKSTEP_SEED"].flatMap { Double($0) } ?? 0.424_242
    static let rows = 2000

    /// Settings that a session may have, in both forms that the types concerned print.
    static let sessions = [
        "SET bytea_output = hex; SET IntervalStyle = iso_8601; SET extra_float_digits = 1",
        "SET bytea_output = escape; SET IntervalStyle = postgres; SET extra_float_digits = 3",
    ]

    /// The three forms of a value `v`, then its canonical form, in hexadecimal. A record's binary form has its only
    /// field's behind 12 bytes.
    static func forms(_ expected: String) -> String {
        """
        encode(substr(record_send(ROW(v)), 13), 'hex'), encode(convert_to(format('%s', v), 'UTF8'), 'hex'),
        encode(convert_to(v::text, 'UTF8'), 'hex'), encode(convert_to((\(expected))::text, 'UTF8'), 'hex')
        """
    }

    static func run<Result: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection) throws(PostgresError) -> Result
    ) async throws -> Result {
        let url = PostgresServer.current.url()
        return try await DedicatedThread.run(name: "oracle") { () throws(PostgresError) in
            let connection = try PostgresConnection(PostgresConfiguration(url), stop: StopSignal())
            defer { connection.close() }
            return try body(connection)
        }
    }

    /// Encodes all forms of each value and compares with what the server says of it.
    func check(
        _ conversion: ValueConversion, rows least: Int = 300, query: String, comment: Comment
    ) async throws {
        for session in Self.sessions {
            let rows = try await Self.run { connection throws(PostgresError) in
                try connection.execute("\(session); SELECT setseed(\(Self.seed))")
                return try connection.query(query).map { row in (0..<4).map { bytes(hex: row[$0]!) } }
            }
            #expect(rows.count >= least, comment)
            var wrong: [String] = []
            for row in rows {
                let expected = String(decoding: row[3], as: UTF8.self)
                for index in (conversion.isBinaryExact ? 0 : 1)..<3 {
                    let packed = conversion.encoded(row[index], isBinary: index == 0)
                    if try CanonicalValue.read(packed.get()) == expected { continue }
                    let value = index == 0 ? hex(row[index]) : String(decoding: row[index], as: UTF8.self)
                    wrong.append("\(value): \(try CanonicalValue.read(packed.get())), expected \(expected)")
                }
            }
            #expect(wrong.prefix(5) == [], "\(comment), \(session), seed \(Self.seed), \(wrong.count) wrong")
        }
    }

    @Test(arguments: OracleCase.all)
    func `text and binary of a value say what the server says`(oracle: OracleCase) async throws {
        let catalog = typeCatalog()
        let conversion = try #require(oracle.conversion(in: catalog))
        try await check(
            conversion,
            query: """
                SELECT \(Self.forms(oracle.expected))
                FROM (SELECT (\(oracle.generator))::\(oracle.typeName) AS v
                    FROM generate_series(1, \(Self.rows)) AS i OFFSET 0) AS s
                """, comment: "\(oracle.testDescription)")
    }

    // A list of byte arrays is no property; and of their two text forms, arrays have hexadecimal only.
    @Test(arguments: OracleCase.all.filter { $0.type != 17 && $0.type != 3614 })
    func `text and binary of an array say what the server says of each element`(oracle: OracleCase) async throws {
        let catalog = typeCatalog()
        let element = try #require(oracle.conversion(in: catalog))
        let array = try #require(catalog.types.values.first { $0.kind == .array(element: oracle.type) && $0.oid > 30 })
        var conversion = try #require(ValueConversion(type: array.oid, in: catalog, as: "list<\(element.name)>"))
        #expect(conversion == ValueConversion(source: element.source, target: element.target, isList: true))
        conversion.policy = oracle.policy
        let expected = """
            'list' || coalesce((SELECT string_agg('\(CanonicalValue.separator)' || (\(oracle.expected)), '' ORDER BY n)
                FROM unnest(v) WITH ORDINALITY AS e (v, n)), '')
            """
        try await check(
            conversion,
            query: """
                SELECT \(Self.forms(expected))
                FROM (SELECT coalesce(array_agg((\(oracle.generator))::\(oracle.typeName)) FILTER (WHERE i % 50 <> 0), '{}')
                        AS v
                    FROM generate_series(1, \(Self.rows)) AS i GROUP BY i * i % 997 * (i % 50)) AS s
                """, comment: "\(oracle.testDescription)[]")
    }

    @Test func `the catalog leads to the right conversions for user types and all they are made of`() async throws {
        let catalog = try await Self.run { connection throws(PostgresError) in
            try connection.execute(
                """
                CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree;
                CREATE TYPE mood AS ENUM ('sad', 'ok "so, so"');
                CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
                CREATE DOMAIN tiny AS positive CHECK (VALUE < 9);
                CREATE DOMAIN names AS text[];
                CREATE TYPE pair AS (a int, b text);
                CREATE TABLE everything (a mood, b mood[], c positive, d tiny[], e names, f citext, g citext[], h pair,
                    i int4range, j inet, k money, l int2vector, m numeric(10, 2), n bit varying, o xml, p point, q tsvector,
                    r hstore, s ltree, t pair[], u int4range[], v box[], w cidr)
                """)
            return try CatalogReader.read(connection)
        }
        let table = try #require(catalog.table(QualifiedName(schema: "public", name: "everything")))
        let found = table.columns.map { column in
            let conversion = ValueConversion.natural(for: column.type, in: catalog)
            return "\(column.name) \(conversion.source) \(conversion.name)"
        }
        #expect(
            found == [
                "a text string", "b text list<string>", "c int4 integer", "d int4 list<integer>", "e text list<string>",
                "f text string", "g text list<string>", "h printed string", "i printed string", "j inet string",
                "k printed string", "l printed string", "m numeric string", "n bit string", "o text string",
                "p printed string", "q printed string", "r hstore string", "s jsonb string", "t printed list<string>",
                "u printed list<string>", "v printed string", "w cidr string",
            ])
        let natural = Dictionary(
            uniqueKeysWithValues: table.columns.map { ($0.name, ValueConversion.natural(for: $0.type, in: catalog)) })
        let values: [(column: String, generator: String, expected: String)] = [
            ("a", "(enum_range(NULL::mood))[1 + i % 2]", "v::text"),
            ("b", "enum_range(NULL::mood)", "'list\u{1F}sad\u{1F}ok \"so, so\"'"), ("c", "i::positive", "v::text"),
            ("d", "ARRAY[i % 8 + 1]::tiny[]", "'list\u{1F}' || v[1]"),
            ("e", "ARRAY['a,b', '']::names", "'list\u{1F}a,b\u{1F}'"),
            ("f", "'Ab' || i::citext", "v::text"), ("g", "ARRAY['Ab', '\"']::citext[]", "'list\u{1F}Ab\u{1F}\"'"),
            ("r", #"hstore(ARRAY['a"\', 'ü', i::text], ARRAY['1', NULL, 'x"'])"#, "v::text"),
            ("s", "('Top.' || i || '.a_b')::ltree", "v::text"),
        ]
        for value in values {
            try await check(
                natural[value.column]!,
                query: """
                    SELECT \(Self.forms(value.expected))
                    FROM (SELECT \(value.generator) AS v FROM generate_series(1, 300) AS i) AS s
                    """, comment: "column \(value.column)")
        }
    }

    @Test func `an address is the same printed and cast to text`() async throws {
        let rows = try await Self.run { connection throws(PostgresError) in
            try connection.query(
                """
                SELECT format('%s', v), v::text FROM unnest(
                    ARRAY['10.1.2.3', '10.1.2.3/24', '0.0.0.0/0', '::', '::1/32', 'fe80::1', '::ffff:1.2.3.4', '1::/127']::inet[]
                ) AS v
                """
            ).map { [$0[0]!, $0[1]!] }
        }
        let conversion = ValueConversion.natural(for: 869, in: typeCatalog())
        for row in rows {
            #expect(try conversion.encoded(row[1]).get() == conversion.encoded(row[0]).get())
            #expect(try CanonicalValue.read(conversion.encoded(row[0]).get()) == row[0])
        }
    }

    /// The golden vectors are what this server gives, and none is invented.
    @Test(
        arguments: ValueVector.all.filter {
            let source = $0.conversion.source
            return $0.binary != nil && ![.float8, .hstore, .geometry, .vector, .halfvec].contains(source)
        })
    func `the server prints and sends the golden vectors`(vector: ValueVector) async throws {
        let names: [ValueConversion.Source: String] = [.char: "\"char\"", .bit: "varbit", .lsn: "pg_lsn"]
        let name = names[vector.conversion.source] ?? "\(vector.conversion.source)"
        let type = vector.conversion.isList ? "\(name)[]" : name
        let isEscaped = vector.text.contains("\\") && !vector.text.contains("\\x") && vector.conversion.source == .bytea
        let sent = try await Self.run { connection throws(PostgresError) in
            try connection.execute(isEscaped ? "SET bytea_output = escape" : "SET IntervalStyle = postgres")
            let literal = QualifiedName.literal(vector.text)
            return try connection.query(
                "SELECT encode(substr(record_send(ROW(\(literal)::\(type))), 13), 'hex')")[0][0]!
        }
        #expect(sent == hex(bytes(hex: vector.binary!)))
    }
}
