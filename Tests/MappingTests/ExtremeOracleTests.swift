// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing

@testable import Mapping

/// Arrays that lists of the graph are not, and the ends of types, judged by the server.
extension ValueOracleTests {
    /// One to three dimensions, with NULLs and lower bounds of their own.
    private static let array = """
        (SELECT CASE i % 4
            WHEN 0 THEN '{}'
            WHEN 1 THEN '{' || string_agg(x, ',') || '}'
            WHEN 2 THEN '[0:1][5:7]={{' || string_agg(x, ',') FILTER (WHERE n <= 3) || '},{'
                || string_agg(x, ',') FILTER (WHERE n > 3) || '}}'
            ELSE '{{{' || string_agg(x, '},{') FILTER (WHERE n <= 3) || '}},{{'
                || string_agg(x, '},{') FILTER (WHERE n > 3) || '}}}' END
        FROM (SELECT n, CASE WHEN random() < 0.2 THEN 'NULL' ELSE (VALUE)::text END AS x
            FROM generate_series(1, 6 + 0 * i) n OFFSET 0) s)
        """

    private static let elements: [(OID, String, String, String)] = [
        (1007, "int[]", "list<integer>", "\(Random.int4)"),
        (1016, "int8[]", "list<integer>", "\(Random.int8)"),
        (1231, "numeric[]", "list<string>", "round((\(Random.int8))::numeric / 1000, 2)"),
        (1022, "float8[]", "list<float>", "(random() - 0.5) * 10 ^ (random() * 600 - 300)"),
        (1182, "date[]", "list<date>", Random.nearDate),
        (
            1009, "text[]", "list<string>",
            "'\"' || replace(replace(\(Random.text), '\\', '\\\\'), '\"', '\\\"') || '\"'"
        ),
        (2951, "uuid[]", "list<string>", "\(Random.bits)::uuid"), (1000, "bool[]", "list<boolean>", "random() < 0.5"),
    ]

    @Test(arguments: elements.indices)
    func `arrays with NULLs and dimensions say what the server says under each policy`(index: Int) async throws {
        let (type, name, choice, element) = Self.elements[index]
        let plain = try #require(ValueConversion(type: type, in: typeCatalog(), as: choice))
        let printed = plain.target == .float ? Expected.float : plain.target == .date ? Expected.date : "v::text"
        let list = """
            'list' || coalesce((SELECT string_agg('\(CanonicalValue.separator)' || (\(printed)), '' ORDER BY n)
                FROM unnest(v) WITH ORDINALITY AS e (v, n) WHERE v IS NOT NULL), '')
            """
        let (hasNull, isDeep) = ("array_position(ARRAY(SELECT unnest(v)), NULL) IS NOT NULL", "array_ndims(v) > 1")
        let rows: [(ValuePolicy, String)] = [
            (ValuePolicy(nulls: .drop, dimensions: .flatten), list),
            (ValuePolicy(otherwise: .null, nulls: .drop), "CASE WHEN \(isDeep) THEN 'null' ELSE \(list) END"),
            (ValuePolicy(otherwise: .null, dimensions: .flatten), "CASE WHEN \(hasNull) THEN 'null' ELSE \(list) END"),
            (ValuePolicy(otherwise: .null), "CASE WHEN \(isDeep) OR \(hasNull) THEN 'null' ELSE \(list) END"),
            (ValuePolicy(otherwise: .string), "CASE WHEN \(isDeep) OR \(hasNull) THEN v::text ELSE \(list) END"),
        ]
        for (policy, expected) in rows {
            var conversion = plain
            conversion.policy = policy
            try await check(
                conversion,
                query: """
                    SELECT \(Self.forms(expected)) FROM (SELECT (\(Self.array.replacing("VALUE", with: element)))::\(name) AS v
                        FROM generate_series(1, 400) AS i OFFSET 0) AS s
                    """, comment: "\(name), \(policy)")
        }
    }

    /// SQL values, three hundred times each: the oracle wants so many rows.
    private static let ends: [(OID, String, String, String, String)] = [
        (1700, "numeric", "string", "(repeat('9', 131072) || '.' || repeat('7', 16383))::numeric", "v::text"),
        (1700, "numeric", "string", "('-' || repeat('1', 131072))::numeric", "v::text"),
        (1700, "numeric", "string", "('0.' || repeat('0', 16382) || '1')::numeric", "v::text"),
        (1082, "date", "date", "(ARRAY['4713-01-01 BC', '5874897-12-31'])[1 + i % 2]::date", Expected.date),
        (
            1114, "timestamp", "localdatetime",
            "(ARRAY['4713-01-01 00:00:00 BC', '294276-12-31 23:59:59.999999'])[1 + i % 2]::timestamp",
            "'localdatetime ' || \(Expected.moment)"
        ),
        (
            1186, "interval", "duration",
            """
            (ARRAY['178956970 years 7 months 2147483647 days 2562047788:00:54.775806',
                '-178956970 years -8 months -2147483648 days -2562047788:00:54.775807', '-0.000001 s'])[1 + i % 3]::interval
            """,
            Expected.duration
        ),
        (20, "int8", "integer", "(ARRAY[-9223372036854775808, 9223372036854775807])[1 + i % 2]", "v::text"),
        (25, "text", "string", "repeat('ü', 200000 + i)", "v"),
    ]

    @Test(arguments: ends.indices)
    func `the ends of a type say what the server says`(index: Int) async throws {
        let (type, name, choice, value, expected) = Self.ends[index]
        let conversion = try #require(ValueConversion(type: type, in: typeCatalog(), as: choice))
        // Few: some are long.
        try await check(
            conversion, rows: 4,
            query: """
                SELECT \(Self.forms(expected)) FROM (SELECT (\(value))::\(name) AS v FROM generate_series(1, 4) AS i OFFSET 0)
                    AS s
                """, comment: "\(name) \(value.prefix(40))")
    }
}
