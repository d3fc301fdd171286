// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct ValueChoiceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var type: OID
        /// The names of all choices, the natural one first; one that needs text has a `*`.
        var choices: [String]

        init(_ type: OID, _ choices: String...) {
            self.type = type
            self.choices = choices
        }

        var testDescription: String { "type \(type): \(choices.joined(separator: ", "))" }
    }

    @Test(arguments: [
        Row(16, "boolean", "string"), Row(21, "integer", "float", "string"), Row(23, "integer", "float", "string"),
        Row(20, "integer", "float", "string"), Row(26, "integer", "string"), Row(700, "float", "string*"),
        Row(701, "float", "string*"), Row(1700, "string", "float", "integer"), Row(25, "string"), Row(1043, "string"),
        Row(1042, "string"), Row(19, "string"), Row(18, "string"), Row(114, "string"), Row(3802, "string"),
        Row(2950, "string"), Row(17, "bytes", "string"), Row(1082, "date", "string"), Row(1083, "localtime", "string"),
        Row(1266, "time", "string"), Row(1114, "localdatetime", "string"), Row(1184, "datetime", "string"),
        Row(1186, "duration", "string*"), Row(869, "string"), Row(650, "string"), Row(829, "string"),
        Row(774, "string"), Row(1560, "string"), Row(1562, "string"), Row(28, "integer", "string"),
        Row(29, "integer", "string"), Row(5069, "string"), Row(27, "string"), Row(3220, "string"), Row(142, "string"),
        Row(4072, "string"), Row(790, "string*", "integer"), Row(600, "string*", "point"), Row(628, "string*"),
        // Arrays.
        Row(1007, "list<integer>", "list<float>", "list<string>", "string*"), Row(1009, "list<string>", "string*"),
        Row(1231, "list<string>", "list<float>", "list<integer>", "string*"),
        Row(1022, "list<float>", "list<string>*", "string*"), Row(1185, "list<datetime>", "list<string>", "string*"),
        Row(1001, "list<string>", "string*"), Row(1041, "list<string>", "string*"),
        Row(791, "list<string>*", "list<integer>", "string*"), Row(629, "list<string>*", "string*"),
        // Parted by semicolons.
        Row(1020, "string*"),
        // Not arrays, though the catalog says so.
        Row(22, "string*"), Row(30, "string*"),
        // Types that the catalog does not know.
        Row(3904, "string*"), Row(99_999, "string*"),
    ])
    func `each type has its choices, the natural one first`(row: Row) {
        let catalog = typeCatalog()
        let choices = ValueConversion.choices(for: row.type, in: catalog)
        #expect(choices.map { $0.name + ($0.isBinaryExact ? "" : "*") } == row.choices)
        #expect(ValueConversion.natural(for: row.type, in: catalog) == choices[0])
        for choice in choices {
            #expect(ValueConversion(type: row.type, in: catalog, as: choice.name) == choice)
        }
        #expect(ValueConversion(type: row.type, in: catalog, as: "map") == nil)
    }

    @Test func `domains, enums and extension types count as what they are made of`() {
        let catalog = typeCatalog([
            .init(oid: 20_001, schema: "public", name: "positive", kind: .domain(base: 23)),
            .init(oid: 20_002, schema: "public", name: "small_positive", kind: .domain(base: 20_001)),
            .init(oid: 20_003, schema: "public", name: "_small_positive", kind: .array(element: 20_002)),
            .init(oid: 20_004, schema: "public", name: "tags", kind: .domain(base: 1009)),
            .init(oid: 20_005, schema: "public", name: "_tags", kind: .array(element: 20_004)),
            .init(oid: 20_006, schema: "public", name: "mood", kind: .enum),
            .init(oid: 20_007, schema: "public", name: "_mood", kind: .array(element: 20_006)),
            .init(oid: 20_008, schema: "public", name: "citext", kind: .base),
            .init(oid: 20_009, schema: "public", name: "address", kind: .composite),
            .init(oid: 20_010, schema: "public", name: "hstore", kind: .base),
            .init(oid: 20_011, schema: "public", name: "span", kind: .range),
            .init(oid: 20_012, schema: "public", name: "vector", kind: .base),
            .init(oid: 20_013, schema: "public", name: "_vector", kind: .array(element: 20_012)),
            .init(oid: 20_014, schema: "public", name: "geometry", kind: .base),
            .init(oid: 20_015, schema: "public", name: "_geometry", kind: .array(element: 20_014)),
        ])
        func natural(_ type: OID) -> ValueConversion { .natural(for: type, in: catalog) }
        #expect(natural(20_001) == ValueConversion(source: .int4, target: .integer))
        #expect(natural(20_002) == ValueConversion(source: .int4, target: .integer))
        #expect(natural(20_003) == ValueConversion(source: .int4, target: .integer, isList: true))
        #expect(natural(20_004) == ValueConversion(source: .text, target: .string, isList: true))
        // Each inner list as its text.
        #expect(natural(20_005) == ValueConversion(source: .printed, target: .string, isList: true))
        #expect(natural(20_006) == ValueConversion(source: .text, target: .string))
        #expect(natural(20_007) == ValueConversion(source: .text, target: .string, isList: true))
        #expect(natural(20_008) == ValueConversion(source: .text, target: .string))
        #expect(natural(20_010) == ValueConversion(source: .hstore, target: .string))
        for oid: OID in [20_009, 20_011] {
            #expect(natural(oid) == ValueConversion(source: .printed, target: .string))
        }
        #expect(natural(20_012) == ValueConversion(source: .vector, target: .float, isList: true))
        #expect(natural(20_013).name == "string", "vectors are lists, and there are no lists of lists")
        #expect(natural(20_014).isBinaryExact)
        #expect(natural(20_015) == ValueConversion(source: .printed, target: .string), "another delimiter")
    }

    @Test func `parts of documents, ranges and hstores have choices of their own`() {
        let catalog = typeCatalog([
            .init(oid: 3910, schema: "pg_catalog", name: "tstzrange", kind: .range),
            .init(oid: 20_001, schema: "public", name: "period", kind: .domain(base: 3910)),
            .init(oid: 20_002, schema: "public", name: "hstore", kind: .base),
            .init(oid: 20_003, schema: "public", name: "span", kind: .range),
        ])
        func names(_ part: String, _ type: OID) -> [String] {
            ValueConversion.choices(forPart: part, of: type, in: catalog).map(\.name)
        }
        #expect(names("lower", 20_001) == ["datetime", "string"])
        #expect(names("upper", 3910) == ["datetime", "string"])
        #expect(names("middle", 3910) == [])
        #expect(names("lower", 20_003) == [], "a user's range: its element is not known")
        #expect(names("colour", 20_002) == ["string"])
        #expect(
            names("a.0.\"b.c\"", 3802) == [
                "string", "integer", "float", "boolean", "list<string>", "list<integer>", "list<float>",
                "list<boolean>",
            ])
        #expect(
            ValueConversion.choices(forPart: "a.0.\"b.c\"", of: 114, in: catalog)[0].part == .path(["a", "0", "b.c"]))
        for wrong in ["", "a.", ".a", "a..b", "\"a", "\"a\"b"] { #expect(names(wrong, 3802) == []) }
        #expect(names("a", 25) == [])
    }
}
