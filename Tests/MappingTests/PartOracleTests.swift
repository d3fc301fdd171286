// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing

@testable import Mapping

/// Fields of composites, bounds of ranges and ranges of multiranges that a database brings along: random ones, judged by the
/// server.
extension ValueOracleTests {
    private static let types = """
        CREATE TYPE part_mood AS ENUM ('sad', 'ok "so, (so)"', E'tab\\tand \\\\');
        CREATE TYPE part_place AS (street text, gone int, no int, tags text[], since date, mood part_mood, "Odd.Name" numeric);
        ALTER TYPE part_place DROP ATTRIBUTE gone;
        CREATE DOMAIN part_home AS part_place;
        CREATE TYPE part_range AS RANGE (subtype = text);
        CREATE DOMAIN part_span AS part_range;
        CREATE TYPE part_dates AS RANGE (subtype = date);
        CREATE TYPE part_person AS (name text, home part_home, period tstzrange, notes part_place[]);
        CREATE TABLE part_all (person part_person, span part_span, dates part_dates, spans int4multirange, own part_multirange,
            words tsvector)
        """

    private static let text = "CASE WHEN random() < 0.1 THEN NULL ELSE \(Random.text) END"
    private static let place = """
        CASE WHEN random() < 0.1 THEN NULL ELSE ROW(\(text), CASE WHEN i % 7 = 0 THEN NULL ELSE \(Random.int4) END,
            ARRAY[\(Random.text), \(Random.text)], \(Random.nearDate), (enum_range(NULL::part_mood))[1 + i % 3],
            round(random()::numeric, 3))::part_place END
        """
    private static let person = """
        ROW(\(text), \(place), tstzrange('2000-01-01 00:00+00'::timestamptz + i * interval '1.000001 hour', NULL), NULL)::part_person
        """
    private static let span = """
        (SELECT part_range(CASE WHEN random() < 0.2 THEN NULL ELSE least(a, b) END, CASE WHEN random() < 0.2 THEN NULL ELSE
            greatest(a, b) END, (ARRAY['[]', '()', '[)', '(]'])[1 + i % 4])
        FROM (SELECT \(Random.text) COLLATE "C" AS a, \(Random.text) COLLATE "C" AS b OFFSET 0) AS s)
        """

    private static let words = "to_tsvector('simple', \(Random.text) || ' it''s ' || i || ' x')"

    /// Column, part, `as`, the value and what is expected, where `v` is the value.
    private static let cases: [(String, String, String, String, String)] = [
        ("person", "name", "string", person, "coalesce((v).name, 'null')"),
        ("person", "home.street", "string", person, "coalesce(((v).home).street, 'null')"),
        ("person", "home.no", "integer", person, "coalesce(((v).home).no::text, 'null')"),
        ("person", "home.since", "date", person, "coalesce('date ' || (((v).home).since - date '1970-01-01'), 'null')"),
        ("person", "home.mood", "string", person, "coalesce(((v).home).mood::text, 'null')"),
        ("person", "home.\"Odd.Name\"", "string", person, "coalesce((((v).home).\"Odd.Name\")::text, 'null')"),
        (
            "person", "home.tags", "list<string>", person,
            "coalesce('list\u{1F}' || array_to_string(((v).home).tags, '\u{1F}'), 'null')"
        ),
        ("person", "period", "string", person, "((v).period)::text"),
        ("span", "lower", "string", span, "coalesce(lower(v), 'null')"),
        ("span", "upper", "string", span, "coalesce(upper(v), 'null')"),
        (
            "dates", "lower", "date", "part_dates(date '2000-01-01' + i, NULL)",
            "coalesce('date ' || (lower(v) - date '1970-01-01'), 'null')"
        ),
        (
            "spans", "", "list<string>",
            "(SELECT range_agg(int4range(n * 10 + i % 3, n * 10 + i % 3 + i % 4)) FROM generate_series(0, i % 5) n)",
            "'list' || coalesce((SELECT string_agg('\u{1F}' || r::text, '' ORDER BY r) FROM unnest(v) r), '')"
        ),
        (
            "words", "", "list<string>", words,
            "'list' || coalesce((SELECT string_agg('\u{1F}' || x, '' ORDER BY n) "
                + "FROM unnest(tsvector_to_array(v)) WITH ORDINALITY AS e (x, n)), '')"
        ),
        (
            "own", "", "list<string>",
            "(SELECT range_agg(x) FROM (SELECT \(span) AS x FROM generate_series(0, i % 3) OFFSET 0) AS s)",
            "'list' || coalesce((SELECT string_agg('\u{1F}' || r::text, '' ORDER BY r) FROM unnest(v) r), '')"
        ),
    ]

    @Test func `parts of a database's own types say what the server says`() async throws {
        let catalog = try await Self.run { connection throws(PostgresError) in
            try connection.execute(Self.types)
            return try CatalogReader.read(connection)
        }
        let table = try #require(catalog.table(QualifiedName(schema: "public", name: "part_all")))
        for (name, part, choice, generator, expected) in Self.cases {
            let column = try #require(table.column(name))
            let choices =
                part.isEmpty
                ? ValueConversion.choices(for: column.type, in: catalog)
                : ValueConversion.choices(forPart: part, of: column.type, in: catalog)
            let conversion = try #require(choices.first { $0.name == choice }, "\(name) \(part): \(choices)")
            try await check(
                conversion,
                query: """
                    SELECT \(Self.forms(expected)) FROM (SELECT (\(generator))::\(column.formattedType) AS v
                        FROM generate_series(1, 1000) AS i OFFSET 0) AS s WHERE num_nonnulls(v) = 1
                    """, comment: "\(name) \(part)")
            try await damage(
                conversion,
                query: """
                    SELECT \(Self.forms(expected)) FROM (SELECT (\(generator))::\(column.formattedType) AS v
                        FROM generate_series(1, 40) AS i OFFSET 0) AS s WHERE num_nonnulls(v) = 1
                    """)
            // What the plan says is the same.
            let property = PropertyMapping(column: "v", property: "p", conversion: conversion, columnType: "")
            let printed = try #require(property.printedValues(of: "v").first)
            let sql = "(\(printed.expression ?? "t.v"))" + (conversion.isList ? "::text[]" : "::text")
            let canonical =
                conversion.isList
                ? "'list' || coalesce((SELECT string_agg('\u{1F}' || x, '' ORDER BY n) "
                    + "FROM unnest(\(sql)) WITH ORDINALITY AS e (x, n)), '')" : sql
            let wanted =
                conversion.target == .date
                ? "coalesce('date ' || ((\(sql))::date - date '1970-01-01'), 'null')"
                : conversion.isList
                    ? "CASE WHEN \(sql) IS NULL THEN 'null' ELSE \(canonical) END"
                    : "coalesce(\(canonical), 'null')"
            let differing = try await Self.run { connection throws(PostgresError) in
                try connection.query(
                    """
                    SELECT count(*) FILTER (WHERE (\(wanted)) IS DISTINCT FROM (\(expected))), count(*)
                    FROM (SELECT (\(generator))::\(column.formattedType) AS v FROM generate_series(1, 500) AS i OFFSET 0)
                        AS t WHERE num_nonnulls(v) = 1
                    """)[0]
            }
            #expect(differing[0] == "0" && differing[1] != "0", "\(name) \(part)")
        }
    }

    /// Bytes that the server did not send give a value or an error, and never trap.
    private func damage(_ conversion: ValueConversion, query: String) async throws {
        let rows = try await Self.run { connection throws(PostgresError) in
            try connection.query(query).map { row in (0..<2).map { bytes(hex: row[$0]!) } }
        }
        var random = SeededGenerator(seed: 20_261_128)
        for row in rows {
            for round in 0..<200 {
                let isBinary = conversion.isBinaryExact && round % 2 == 0
                var damaged = row[isBinary ? 0 : 1]
                for _ in 0...round % 3 {
                    let place = Int.random(in: 0...damaged.count, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: damaged.insert(UInt8.random(in: 0...255, using: &random), at: place)
                    case 1: damaged.removeLast(damaged.count - place)
                    case 2 where place < damaged.count: damaged.remove(at: place)
                    case _ where place < damaged.count:
                        damaged[place] = "()[]{},\"\\' 0".utf8.randomElement(using: &random)!
                    default: damaged += damaged
                    }
                }
                // A text takes any bytes over; all else has to be whole.
                if case .success(let packed) = conversion.encoded(damaged, isBinary: isBinary),
                    conversion.target != .string
                {
                    _ = try CanonicalValue.read(packed)
                }
            }
        }
    }
}
