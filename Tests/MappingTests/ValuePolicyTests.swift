// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// What policies make of values that their graph type does not have: the same from text and from binary.
struct ValuePolicyTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var conversion: ValueConversion
        var binary: String?
        var text: String
        /// In the canonical form; nil: the reason of the error.
        var expected: String?
        var reason: ValueError.Reason?

        init(
            _ source: ValueConversion.Source, _ target: ValueConversion.Target, isList: Bool = false,
            _ policy: ValuePolicy, _ binary: String?, _ text: String, _ expected: String? = nil,
            _ reason: ValueError.Reason? = nil
        ) {
            conversion = ValueConversion(source: source, target: target, isList: isList, policy: policy)
            self.binary = binary
            self.text = text
            self.expected = expected
            self.reason = reason
        }

        var testDescription: String { "\(conversion.source) \(text) as \(conversion)" }
    }

    private static let drop = ValuePolicy(nulls: .drop)
    private static let flatten = ValuePolicy(dimensions: .flatten)
    private static let null = ValuePolicy(otherwise: .null)
    private static let string = ValuePolicy(otherwise: .string)
    private static let nearest = ValuePolicy(otherwise: .nearest)
    private static let nullInArray = "00000001 00000001 00000017 00000002 00000001 00000004 00000001 ffffffff"
    private static let matrix = """
        00000002 00000000 00000017 00000002 00000001 00000002 00000001 \
        00000004 00000001 00000004 00000002 00000004 00000003 00000004 00000004
        """

    @Test(arguments: [
        Row(.numeric, .integer, ValuePolicy(scale: 2), "0002 0000 4000 0002 000c 0d48", "-12.34", "-1234"),
        Row(.numeric, .integer, ValuePolicy(scale: 4), "0001 ffff 0000 0004 0001", "0.0001", "1"),
        Row(.numeric, .integer, ValuePolicy(scale: 3), "0001 ffff 0000 0004 0001", "0.0001", nil, .notWhole),
        Row(.numeric, .integer, ValuePolicy(scale: 18), "0001 0000 0000 0000 0009", "9", "9000000000000000000"),
        Row(.numeric, .integer, ValuePolicy(scale: 18), "0001 0000 0000 0000 000a", "10", nil, .outOfRange),
        Row(
            .numeric, .integer, ValuePolicy(otherwise: .nearest, scale: 18), "0001 0000 4000 0000 000a", "-10",
            "-9223372036854775808"),
        Row(.numeric, .integer, nearest, "0000 0000 d000 0020", "Infinity", "9223372036854775807"),
        Row(.numeric, .integer, nearest, "0000 0000 c000 0000", "NaN", nil, .notWhole),
        Row(.numeric, .integer, null, "0000 0000 c000 0000", "NaN", "null"),
        Row(.numeric, .integer, string, "0002 0000 4000 0002 000c 0d48", "-12.34", "-12.34"),
        Row(
            .numeric, .float, nearest, "0001 007f 4000 0000 0001", "-1" + String(repeating: "0", count: 508),
            "float ffefffffffffffff"),
        Row(.numeric, .float, null, "0001 007f 0000 0000 0001", "1" + String(repeating: "0", count: 508), "null"),
        Row(.date, .date, null, "7fffffff", "infinity", "null"),
        Row(.date, .date, string, "80000000", "-infinity", "-infinity"),
        Row(.date, .date, string, "00002279", "2024-02-29", "date 19782"),
        Row(.date, .date, nearest, "7fffffff", "infinity", "date 2932896"),
        Row(.date, .date, nearest, "80000000", "-infinity", "date -719162"),
        Row(.date, .date, nearest, "ffda9915", "4713-11-24 BC", "date -719162"),
        Row(.date, .date, ValuePolicy(years: 0...2000), "00002279", "2024-02-29", nil, .outsideYears),
        Row(.date, .date, ValuePolicy(years: 0...2000), "7fffffff", "infinity", nil, .infinite),
        Row(.date, .date, ValuePolicy(otherwise: .string, years: 0...2000), "00002279", "2024-02-29", "2024-02-29"),
        Row(
            .date, .date, ValuePolicy(otherwise: .nearest, years: -4712...5_874_897), "7fffffff", "infinity",
            "date 2145042905"),
        Row(
            .timestamp, .localDateTime, nearest, "7fffffffffffffff", "infinity",
            "localdatetime 253402300799 999999000"),
        Row(
            .timestamptz, .dateTime, ValuePolicy(otherwise: .nearest, years: 1970...1970), "fffca2fec4c81fff",
            "1969-12-31 23:59:59.999999+00", "datetime 0 0 0"),
        Row(
            .timestamptz, .dateTime, ValuePolicy(zone: ValuePolicy.Zone("-03:30")), "fffca2fec4c81fff",
            "1969-12-31 23:59:59.999999+00", "datetime -1 999999000 -12600"),
        Row(
            .timestamptz, .dateTime, ValuePolicy(zone: ValuePolicy.Zone("Europe/Berlin")), "fffca2fec4c81fff",
            "1970-01-01 00:59:59.999999+01", "datetime -1 999999000 Europe/Berlin"),
        Row(
            .timestamptz, .dateTime, isList: true, ValuePolicy(zone: ValuePolicy.Zone("Asia/Tokyo")), nil,
            "{\"1970-01-01 00:00:01+00\"}", "list\u{1F}datetime 1 0 Asia/Tokyo"),
        Row(.timestamptz, .dateTime, string, "8000000000000000", "-infinity", "-infinity"),
        Row(
            .timestamptz, .dateTime, ValuePolicy(otherwise: .string, years: 1970...1970), "fffca2fec4c81fff",
            "1969-12-31 23:59:59.999999+00", "1969-12-31 23:59:59.999999+00"),
        Row(.time, .localTime, nearest, "000000141dd76000", "24:00:00", "localtime 86399999999000"),
        Row(.time, .localTime, string, "000000141dd76000", "24:00:00", "24:00:00"),
        Row(.timetz, .time, string, "000000141dd76000 00006978", "24:00:00-07:30", "24:00:00-07:30"),
        // As PostgreSQL prints money in some of its locales.
        Row(.money, .integer, ValuePolicy(), "fffffffffffe1dc6", "-1.234,50 €", "-123450"),
        Row(.money, .integer, ValuePolicy(), "fffffffffffffb2d", "￥-1,235", "-1235"),
        Row(.money, .integer, ValuePolicy(), "ffffffffffed29bc", "د.ب. 1,234.500-", "-1234500"),
        Row(.money, .integer, ValuePolicy(), "fffffffffffe1dc6", "CHF- 1’234.50", "-123450"),
        Row(
            .tsvector, .string, isList: true, ValuePolicy(), "00000002 612762 00 0000 635c 00 0002 0001 c002",
            #"'a''b' 'c\\':1,2A"#, #"list\#u{1F}a'b\#u{1F}c\"#),
        Row(.tsvector, .string, isList: true, ValuePolicy(), "00000000", "", "list"),
        Row(.tsvector, .string, isList: true, ValuePolicy(), "00000001 6162", "'ab", nil, .malformed),
        Row(.interval, .duration, null, "7fffffffffffffff7fffffff7fffffff", "infinity", "null"),
        Row(.interval, .duration, string, "80000000000000008000000080000000", "-infinity", "-infinity"),
        Row(.int4, .integer, isList: true, drop, nullInArray, "{1,NULL}", "list\u{1F}1"),
        Row(.int4, .integer, isList: true, null, nullInArray, "{1,NULL}", "null"),
        Row(.int4, .integer, isList: true, string, nil, "{1,NULL}", "{1,NULL}"),
        Row(.int4, .integer, isList: true, drop, matrix, "{{1,2},{3,4}}", nil, .severalDimensions),
        Row(.int4, .integer, isList: true, flatten, matrix, "{{1,2},{3,4}}", "list\u{1F}1\u{1F}2\u{1F}3\u{1F}4"),
        Row(.int4, .integer, isList: true, flatten, nil, "[0:1][1:1]={{1},{3}}", "list\u{1F}1\u{1F}3"),
        Row(.int4, .integer, isList: true, flatten, nil, "{{{1},{2}},{{3},{4}}}", "list\u{1F}1\u{1F}2\u{1F}3\u{1F}4"),
        Row(.int4, .integer, isList: true, flatten, nil, "{{1,NULL}}", nil, .nullElement),
        Row(.int4, .integer, isList: true, flatten, nil, "{{1}", nil, .malformed),
        Row(.int4, .integer, isList: true, flatten, nil, "{{1}}}", nil, .malformed),
        Row(.text, .string, isList: true, drop, nil, #"{"NULL",NULL}"#, "list\u{1F}NULL"),
        Row(
            .bytea, .string, isList: true, ValuePolicy(), "00000001 00000000 00000011 00000001 00000001 00000002 00ff",
            #"{"\\x00ff"}"#, "list\u{1F}\\x00ff"),
        Row(
            .printed, .string, isList: true, ValuePolicy(), nil, #"{"[1,2)","(\"a\",)"}"#,
            "list\u{1F}[1,2)\u{1F}(\"a\",)"),
        Row(
            .geometry, .point, null, "0101000000000000000000f87f000000000000f87f",
            "0101000000000000000000F87F000000000000F87F", "null"),
        Row(
            .geometry, .point, ValuePolicy(), "0101000020e6100000 0000000000806640 0000000000004640",
            "0101000020E610000000000000008066400000000000004640",
            "point 4326 float 4066800000000000 float 4046000000000000"),
        Row(
            .geometry, .point, ValuePolicy(), "0101000020e6100000 0100000000806640 0000000000004640",
            "0101000020E610000001000000008066400000000000004640", nil, .noPlace),
        Row(
            .geometry, .point, ValuePolicy(), "0101000000 0000000000807640 000000000000f07f",
            "01010000000000000000807640000000000000F07F", nil, .noPlace),
        Row(.point, .point, ValuePolicy(), "7ff0000000000000 0000000000000000", "(Infinity,0)", nil, .noPlace),
        Row(.point, .point, null, "0000000000000000 7ff8000000000000", "(0,NaN)", "null"),
        Row(.point, .point, string, nil, "(0,NaN)", "(0,NaN)"),
        Row(.geometry, .point, ValuePolicy(), "010200000000000000", "010200000000000000", nil, .noPoint),
        Row(
            .geometry, .point, string, "0101000020110f0000000000000000f03f0000000000000440",
            "0101000020110F0000000000000000F03F0000000000000440", "0101000020110F0000000000000000F03F0000000000000440"),
        Row(
            .geometry, .point, ValuePolicy(), "0101000020110f0000000000000000f03f0000000000000440",
            "0101000020110F0000000000000000F03F0000000000000440", nil, .unknownReferenceSystem),
    ])
    func `a value that does not fit becomes what its policy says`(row: Row) throws {
        func check(_ result: Result<[UInt8], ValueError>) throws {
            if let expected = row.expected {
                #expect(try CanonicalValue.read(result.get()) == expected)
            } else {
                #expect(result == .failure(ValueError(try #require(row.reason))))
            }
        }
        try check(row.conversion.encoded(row.text))
        if let binary = row.binary {
            #expect(row.conversion.isBinaryExact)
            try check(row.conversion.encoded(bytes(hex: binary), isBinary: true))
        }
    }

    @Test func `a policy does not hide bytes that are no value`() {
        for policy in [Self.null, Self.string, Self.nearest] {
            let conversion = ValueConversion(source: .date, target: .date, policy: policy)
            #expect(conversion.encoded([1], isBinary: true) == .failure(ValueError(.malformed)))
            #expect(conversion.encoded("tomorrow") == .failure(ValueError(.malformed)))
        }
    }

    @Test(arguments: [
        (#"{"a": {"b": 1}, "c": [true, "x\u00fc\ud83d\ude00\n"]}"#, "a.b", "string", "1"),
        (#"{"a": {"b": 1}}"#, "a", "string", #"{"b": 1}"#), (#"{"a": null}"#, "a", "string", "null"),
        (#"{"a": 1}"#, "b", "integer", "null"), (#"{"a": 1, "a": 2}"#, "a", "integer", "2"),
        (#"{ "a" : { "b" : [ 1 , 2 ] } }"#, "a.b.1", "integer", "2"), (#"[[1],[2]]"#, "1.0", "integer", "2"),
        (#"{"a": []}"#, "a.0", "string", "null"), (#"{"a": []}"#, "a", "list<string>", "list"),
        (#"{"c": [true, "x\u00fc\ud83d\ude00\n"]}"#, "c.1", "string", "xü😀\n"),
        (#"{"c": [true, "x", {"y": [1]}]}"#, "c", "list<string>", "list\u{1F}true\u{1F}x\u{1F}{\"y\": [1]}"),
        (#"{"c": [1, 2.50]}"#, "c", "list<float>", "list\u{1F}float 3ff0000000000000\u{1F}float 4004000000000000"),
        (#"{"c": 1.5E2}"#, "c", "float", "float 4062c00000000000"), (#"{"c": 5.0}"#, "c", "integer", "5"),
        (#"{"a.b": {"c\"d": false}}"#, #""a.b".c"d"#, "boolean", "false"), (#""text""#, "a", "string", "null"),
        (#"{"a": "}{][\\\""}"#, "a", "string", #"}{][\""#), ("7", "a", "integer", "null"),
    ])
    func `a path finds what it names`(document: String, path: String, type: String, expected: String) throws {
        for oid: OID in [114, 3802] {
            let choices = ValueConversion.choices(forPart: path, of: oid, in: typeCatalog())
            let conversion = try #require(choices.first { $0.name == type })
            #expect(try CanonicalValue.read(conversion.encoded(document).get()) == expected)
            let binary = (oid == 3802 ? [1] : []) + Array(document.utf8)
            #expect(try CanonicalValue.read(conversion.encoded(binary, isBinary: true).get()) == expected)
        }
    }

    @Test(arguments: [
        (#"{"a": "x"}"#, "integer", ValueError.Reason.otherKind), (#"{"a": 1.5}"#, "integer", .notWhole),
        (#"{"a": 1e3}"#, "integer", .notWhole), (#"{"a": 1}"#, "boolean", .otherKind),
        (#"{"a": {}}"#, "list<string>", .otherKind), (#"{"a": [1, null]}"#, "list<integer>", .nullElement),
        (#"{"a": 99999999999999999999}"#, "integer", .outOfRange), (#"{"a": "\u0000"}"#, "string", .malformed),
        (#"{"a": "\ud800"}"#, "string", .malformed), (#"{"a": "#, "string", .malformed), ("", "string", .malformed),
    ])
    func `a part of another kind is an error`(document: String, type: String, reason: ValueError.Reason) throws {
        let choices = ValueConversion.choices(forPart: "a", of: 114, in: typeCatalog())
        let conversion = try #require(choices.first { $0.name == type })
        #expect(conversion.encoded(document) == .failure(ValueError(reason)))
    }

    @Test func `damaged documents give a value or an error and never trap`() throws {
        var random = SeededGenerator(seed: 20_261_121)
        let document = Array(#"{"a": {"b": [1, -2.5e3, "x\u00fc\"", null, {"c": [[]]}]}, "d": true}"#.utf8)
        for path in ["a.b", "a.b.2", "d", "a.b.4.c.0"] {
            for conversion in ValueConversion.choices(forPart: path, of: 114, in: typeCatalog()) {
                for _ in 0..<200 {
                    var damaged = document
                    for _ in 0...2 {
                        let place = Int.random(in: 0..<damaged.count, using: &random)
                        if Bool.random(using: &random) {
                            damaged.remove(at: place)
                        } else {
                            damaged[place] = "0-.e{}[]\"\\:, u".utf8.randomElement(using: &random)!
                        }
                    }
                    _ = conversion.encoded(damaged, isBinary: false)
                }
            }
        }
    }
}
