// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

@testable import Verify

/// A key goes over to the graph, comes back as a literal, and is the same value to PostgreSQL.
@Suite(.postgres(), .serialized)
struct KeyLiteralTests {
    struct KeyType: Sendable, CustomTestStringConvertible {
        var name: String
        var conversion: ValueConversion
        /// SQL that gives a value for each row `i`.
        var generator: String

        init(_ name: String, _ source: ValueConversion.Source, _ target: ValueConversion.Target, _ generator: String) {
            self.name = name
            conversion = ValueConversion(source: source, target: target)
            self.generator = generator
        }

        var testDescription: String { name }
    }

    private static let days = "(floor(random() * 109000000) - 2451507)::int"
    private static let clock = "floor(random() * 86400000000)::bigint * interval '1 microsecond'"

    static let types = [
        KeyType("boolean", .bool, .boolean, "i % 2 = 0"), KeyType("int", .int4, .integer, "i * 7919 - 100000"),
        KeyType("bigint", .int8, .string, "i * 9007199254740993 % 4611686018427387904"),
        KeyType("numeric", .numeric, .string, "(random() * 1000)::numeric(12, 3) - 500"),
        KeyType("real", .float4, .float, "((random() - 0.5) * 10 ^ (random() * 60 - 30))::real"),
        KeyType("float8", .float8, .float, "(random() - 0.5) * 10 ^ (random() * 600 - 300)"),
        KeyType("float8", .float8, .float, "(ARRAY['NaN', 'Infinity', '-Infinity', '-0'])[i % 4 + 1]::float8"),
        KeyType("text", .text, .string, "repeat('a''\\\"{},ü', i % 3) || i"),
        KeyType("uuid", .uuid, .string, "md5(i::text)::uuid"),
        KeyType("bytea", .bytea, .bytes, "decode(left(md5(i::text), 2 * (i % 12)), 'hex')"),
        KeyType("char(8)", .bpchar, .string, "left(i::text, i % 5)"),
        KeyType("date", .date, .date, "date '2000-01-01' + floor(random() * 2147483647 - 2451507)::int"),
        KeyType("time", .time, .localTime, "time '00:00' + \(clock)"),
        KeyType("timetz", .timetz, .time, "(time '00:00' + \(clock))::text::timetz AT TIME ZONE interval '-7:30:15'"),
        KeyType("timestamp", .timestamp, .localDateTime, "(date '2000-01-01' + \(days))::timestamp + \(clock)"),
        KeyType(
            "timestamptz", .timestamptz, .dateTime,
            "((date '2000-01-01' + \(days))::timestamp + \(clock)) AT TIME ZONE 'UTC'"),
        KeyType(
            "interval", .interval, .duration,
            "make_interval(months => i % 50 - 25, days => i % 31 - 15) + (i % 3 - 1) * \(clock)"),
    ]

    @Test(arguments: types)
    func `a key's literal is the key`(type: KeyType) async throws {
        try await check(type.name, type.conversion, type.generator, rows: 500)
    }

    // A byte array in a list is no key that a graph can have.
    @Test(arguments: types.filter { $0.conversion.target != .bytes })
    func `an array key's literal is the key`(type: KeyType) async throws {
        var conversion = type.conversion
        conversion.isList = true
        try await check(
            "\(type.name)[]", conversion, "ARRAY[(\(type.generator))::\(type.name), (\(type.generator))::\(type.name)]",
            rows: 200)
    }

    private func check(
        _ type: String, _ conversion: ValueConversion, _ generator: String, rows: Int
    ) async throws {
        let url = PostgresServer.current.url()
        let wrong = try await DedicatedThread.run(name: "keys") { () throws(PostgresError) -> [String] in
            let connection = try PostgresConnection(PostgresConfiguration(url), stop: StopSignal())
            defer { connection.close() }
            try connection.execute(
                """
                SELECT setseed(0.25); DROP TABLE IF EXISTS keys;
                CREATE TABLE keys AS SELECT i, (\(generator))::\(type) AS v FROM generate_series(1, \(rows)) AS i
                """)
            let found = try connection.query("SELECT i, concat(v) FROM keys ORDER BY i")
            let pairs = found.map { "(\($0[0]!), \(Self.literal($0[1]!, conversion)))" }
            // `IS NOT DISTINCT FROM` and the binary form: -0 and 0 are equal, but not the same.
            return try connection.query(
                """
                SELECT concat(v, ' became ', w) FROM keys JOIN (VALUES \(pairs.joined(separator: ", "))) AS l (i, w) USING (i)
                WHERE v IS DISTINCT FROM w::\(type) OR record_send(ROW(v)) <> record_send(ROW(w::\(type)))
                """
            ).map { $0[0]! }
        }
        #expect(wrong.prefix(5) == [], "\(wrong.count) wrong")
    }

    private static func literal(_ text: String, _ conversion: ValueConversion) -> String {
        let bytes = Array(text.utf8)
        var packed = PackStreamBuffer()
        do {
            try unsafe conversion.encode(bytes.span.bytes, isBinary: false, into: &packed)
            var reader = PackStreamReader(packed.bytes)
            return try reader.readValue().sqlLiteral ?? "'no literal'"
        } catch {
            return "'\(error)'"
        }
    }

    @Test func `what no row can have has no literal`() {
        let values: [BoltValue] = [
            .null, .map([:]), .date(days: 3_000_000_000), .localTime(nanoseconds: 1), .string("a\u{0}b"),
            .localTime(nanoseconds: -1), .dateTime(seconds: .max, nanoseconds: 0, offsetSeconds: 0), .list([.null]),
        ]
        for value in values { #expect(value.sqlLiteral == nil) }
        #expect(BoltValue.null.printed == "null")
        #expect(BoltValue.string("it's").printed == "'it''s'")
        #expect(BoltValue.integer(-7).printed == "-7")
    }
}
