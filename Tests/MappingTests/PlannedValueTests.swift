// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

@testable import Mapping

/// One type and policy, and values at which they matter.
struct PlannedCase: Sendable, CustomTestStringConvertible {
    var type: OID
    var typeName: String
    var choice: String
    var policy: ValuePolicy
    var part: String?
    /// SQL literals.
    var values: [String]

    init(
        _ type: OID, _ typeName: String, as choice: String, policy: ValuePolicy = ValuePolicy(), part: String? = nil,
        _ values: String...
    ) {
        self.type = type
        self.typeName = typeName
        self.choice = choice
        self.policy = policy
        self.part = part
        self.values = values
    }

    var testDescription: String { "\(typeName) \(part ?? "") as \(choice), \(policy)" }

    private static let null = ValuePolicy(otherwise: .null)
    private static let string = ValuePolicy(otherwise: .string)
    private static let nearest = ValuePolicy(otherwise: .nearest)

    static let all: [PlannedCase] = ordinary + arrays + parts

    private static let ordinary: [PlannedCase] = [
        .init(
            1700, "numeric", as: "integer", policy: ValuePolicy(scale: 2), "12.34", "-0.5000", "92233720368547758.07",
            "0"),
        .init(1700, "numeric", as: "integer", policy: null, "12", "1.5", "NaN", "9223372036854775808", "-Infinity"),
        .init(
            1700, "numeric", as: "integer", policy: string, "12.00", "1.5", "NaN", "-9223372036854775809", "Infinity"),
        .init(
            1700, "numeric", as: "integer", policy: ValuePolicy(otherwise: .nearest, scale: 1), "1.5", "1e30", "-1e30",
            "Infinity", "-Infinity"),
        .init(
            1700, "numeric", as: "float", policy: null, "1e400", "1e300", "NaN", "-Infinity", "1.7976931348623157e308"),
        .init(1700, "numeric", as: "float", policy: string, "-1e400", "0.1"),
        .init(1700, "numeric", as: "float", policy: nearest, "-1e400", "1e400", "0.1", "NaN", "Infinity"),
        .init(1082, "date", as: "date", policy: null, "infinity", "-infinity", "2024-02-29", "4713-11-24 BC"),
        .init(1082, "date", as: "date", policy: string, "infinity", "-infinity", "2024-02-29", "5874897-12-31"),
        .init(
            1082, "date", as: "date", policy: nearest, "infinity", "-infinity", "2024-02-29", "0044-03-15 BC",
            "10000-01-01"),
        .init(
            1082, "date", as: "date", policy: ValuePolicy(otherwise: .string, years: -43...2023), "2024-02-29",
            "0044-03-15 BC",
            "0045-03-15 BC", "2023-12-31"),
        .init(1114, "timestamp", as: "localdatetime", policy: null, "infinity", "2024-02-29 12:00:00.5"),
        .init(
            1114, "timestamp", as: "localdatetime", policy: nearest, "infinity", "-infinity",
            "294276-12-31 23:59:59.999999"),
        .init(
            1184, "timestamptz", as: "datetime", policy: ValuePolicy(otherwise: .string, years: 1...9999), "infinity",
            "9999-12-31 23:59:59.999999+00", "10000-01-01 00:00+00", "0001-01-01 00:00+00", "0001-12-31 23:59:59+00 BC"),
        .init(1083, "time", as: "localtime", policy: null, "24:00", "12:00"),
        .init(1083, "time", as: "localtime", policy: nearest, "24:00", "23:59:59.999999"),
        .init(1266, "timetz", as: "time", policy: string, "24:00-03", "12:00+05:30"),
        .init(1266, "timetz", as: "time", policy: nearest, "24:00-03", "12:00+05:30"),
        .init(1186, "interval", as: "duration", policy: null, "1 year 2 days"),
        .init(790, "money", as: "integer", "1234.56", "-0.01", "0"),
        .init(600, "point", as: "point", "(1,2.5)"),
        .init(600, "point", as: "point", policy: null, "(Infinity,0)", "(1,NaN)", "(-1.7976931348623157e308,5e-324)"),
        .init(600, "point", as: "point", policy: string, "(0,-Infinity)", "(1,2)"),
        .init(869, "inet", as: "string", "10.0.0.1", "10.0.0.0/8", "::1"),
    ]

    private static let arrays: [PlannedCase] = [
        .init(1007, "int[]", as: "list<integer>", policy: ValuePolicy(nulls: .drop), "{1,NULL,2}", "{}", "{NULL}"),
        .init(
            1007, "int[]", as: "list<integer>", policy: ValuePolicy(dimensions: .flatten), "{{1,2},{3,4}}", "{}", "{5}"),
        .init(1007, "int[]", as: "list<integer>", policy: null, "{1,NULL}", "{{1}}", "{1}", "{}"),
        .init(1007, "int[]", as: "list<integer>", policy: string, "{1,NULL}", "{{1}}", "{1}", "[5:6]={1,2}"),
        .init(
            1009, "text[]", as: "list<string>", policy: ValuePolicy(nulls: .drop, dimensions: .flatten),
            "{{a,NULL},{\"\",b}}"),
        .init(1182, "date[]", as: "list<date>", policy: nearest, "{infinity,2024-01-01}"),
        .init(1182, "date[]", as: "list<date>", policy: null, "{infinity,2024-01-01}", "{2024-01-01}"),
        .init(
            1231, "numeric[]", as: "list<integer>", policy: ValuePolicy(otherwise: .null, nulls: .drop, scale: 1),
            "{1.5,NULL,2.50}", "{1.55}"),
        .init(1041, "inet[]", as: "list<string>", "{10.0.0.1,10.0.0.0/8}"),
        .init(1001, "bytea[]", as: "list<string>", #"{"\\x00ff","\\x"}"#),
        .init(3614, "tsvector", as: "list<string>", "'a' 'it''s':1A,3 'x\\\\y'", ""),
        .init(629, "line[]", as: "list<string>", #"{"{1,2,3}"}"#),
    ]

    private static let parts: [PlannedCase] = [
        .init(
            3910, "tstzrange", as: "datetime", part: "lower", "[2024-01-01 00:00+00,2025-01-01 00:00+00)", "empty",
            "(,)"),
        .init(3910, "tstzrange", as: "datetime", policy: null, part: "upper", "[2024-01-01 00:00+00,infinity)"),
        .init(3910, "tstzrange", as: "datetime", policy: string, part: "upper", "[2024-01-01 00:00+00,infinity)"),
        .init(3904, "int4range", as: "integer", part: "upper", "[1,5]", "(,7)", "[3,)"),
        .init(3906, "numrange", as: "string", part: "lower", "[1.50,5]"),
        .init(3912, "daterange", as: "string", part: "upper", "[2024-01-01,2024-12-31]"),
        .init(3802, "jsonb", as: "string", part: "a.b", #"{"a": {"b": "x\"ü"}}"#, #"{"a": {"b": {"c": [1.50]}}}"#, "1"),
        .init(114, "json", as: "string", part: "a", #"{"a": 1, "a": {"b":  2}}"#, #"{"a":"\u00fc\ud83d\ude00\/"}"#),
        .init(3802, "jsonb", as: "integer", part: "a.0", #"{"a": [7.0]}"#, #"{"a": []}"#, #"{"a": null}"#),
        .init(
            3802, "jsonb", as: "integer", policy: null, part: "a", #"{"a": 7}"#, #"{"a": "x"}"#, #"{"a": 1.5}"#, "{}"),
        .init(
            3802, "jsonb", as: "integer", policy: string, part: "a", #"{"a": 7}"#, #"{"a": "x"}"#, #"{"a": [1]}"#, "{}"),
        .init(3802, "jsonb", as: "float", policy: string, part: "a", #"{"a": 1.25}"#, #"{"a": true}"#),
        .init(114, "json", as: "float", part: "a", #"{"a": 1.25E3}"#),
        .init(
            3802, "jsonb", as: "boolean", policy: null, part: "a", #"{"a": true}"#, #"{"a": "yes"}"#, #"{"a": null}"#),
        .init(3802, "jsonb", as: "list<string>", part: "t", #"{"t": ["a", 1, {"x": null}]}"#, #"{"t": []}"#, "{}"),
        .init(
            3802, "jsonb", as: "list<integer>", policy: null, part: "t", #"{"t": [1, 2]}"#, #"{"t": [1, "a"]}"#,
            #"{"t": 5}"#),
        .init(
            3802, "jsonb", as: "list<string>", policy: ValuePolicy(otherwise: .string, nulls: .drop), part: "t",
            #"{"t": ["a", null]}"#, #"{"t": {"x": 1}}"#, #"{"t": null}"#),
    ]
}

/// What `lockstep plan --json` says of a value, asked of the server, is what the conversion makes of it.
@Suite(.postgres(), .serialized) struct PlannedValueTests {
    @Test(arguments: PlannedCase.all)
    func `the contract's SQL gives what goes over`(planned: PlannedCase) throws {
        let catalog = typeCatalog()
        let choices =
            planned.part.map { ValueConversion.choices(forPart: $0, of: planned.type, in: catalog) }
            ?? ValueConversion.choices(for: planned.type, in: catalog)
        var conversion = try #require(choices.first { $0.name == planned.choice })
        conversion.policy = planned.policy
        let property = PropertyMapping(column: "v", property: "p", conversion: conversion, columnType: "")
        let printed = property.printedValues(of: "v")
        let connection = try PostgresConnection(try PostgresConfiguration(PostgresServer.current.url()))
        defer { connection.close() }
        for value in planned.values + [nil] {
            let literal = (value.map(QualifiedName.literal) ?? "NULL") + "::" + planned.typeName
            let columns = printed.map { entry in
                let source = "(\(entry.expression ?? "t.v"))"
                return entry.type.hasPrefix("list<")
                    ? "\(source)::text[]::text" : entry.type == "bytes" ? source : "\(source)::text"
            }
            let row = try connection.query(
                """
                SELECT encode(substr(record_send(ROW(v)), 13), 'hex'), format('%s', v), \(columns.joined(separator: ", "))
                FROM (SELECT \(literal) AS v OFFSET 0) AS t
                """)[0]
            // What the contract's reader takes: the entry that is not NULL.
            var expected: [UInt8] = [0xC0]
            for (index, entry) in printed.enumerated() {
                guard let text = row[2 + index] else { continue }
                #expect(expected == [0xC0], "two entries have a value")
                expected = try Self.reading(entry.type, text)
            }
            guard let value else {
                #expect(expected == [0xC0], "NULL is absent")
                continue
            }
            let fromText = try conversion.encoded(row[1]!).get()
            #expect(hex(fromText) == hex(expected), "\(value) from text")
            if conversion.isBinaryExact {
                let fromBinary = try conversion.encoded(bytes(hex: row[0]!), isBinary: true).get()
                #expect(hex(fromBinary) == hex(expected), "\(value) from binary")
            }
        }
    }

    /// What text means as a type of the contract.
    private static func reading(_ type: String, _ text: String) throws -> [UInt8] {
        let name = type.hasPrefix("list<") ? String(type.dropFirst(5).dropLast()) : type
        let sources: [String: (ValueConversion.Source, ValueConversion.Target)] = [
            "string": (.text, .string), "integer": (.int8, .integer), "float": (.float8, .float),
            "boolean": (.bool, .boolean), "date": (.date, .date), "localtime": (.time, .localTime),
            "time": (.timetz, .time), "localdatetime": (.timestamp, .localDateTime),
            "datetime": (.timestamptz, .dateTime), "duration": (.interval, .duration), "point": (.point, .point),
        ]
        let (source, target) = try #require(sources[name])
        return try ValueConversion(source: source, target: target, isList: type != name).encoded(text).get()
    }
}
