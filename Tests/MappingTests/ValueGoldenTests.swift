// Part of Lockstep. See LICENSE.

import Mapping
import Testing

/// One value: its binary form as PostgreSQL 15's `…send` gave it, its text form, and the bytes for the graph.
struct ValueVector: Sendable, CustomTestStringConvertible {
    var conversion: ValueConversion
    var binary: String?
    var text: String
    var packed: String

    init(
        _ source: ValueConversion.Source, _ target: ValueConversion.Target, isList: Bool = false, _ binary: String?,
        _ text: String, _ packed: String
    ) {
        conversion = ValueConversion(source: source, target: target, isList: isList)
        self.binary = binary
        self.text = text
        self.packed = packed
    }

    var testDescription: String { "\(conversion.source) \(text.prefix(40)) as \(conversion.name)" }

    static let all: [ValueVector] = [
        .init(.bool, .boolean, "01", "t", "c3"), .init(.bool, .boolean, "00", "f", "c2"),
        .init(.bool, .string, "01", "t", "84 74727565"), .init(.bool, .string, "00", "false", "85 66616c7365"),
        .init(.int2, .integer, "8000", "-32768", "c98000"), .init(.int4, .integer, "0000002a", "42", "2a"),
        .init(.int8, .integer, "8000000000000000", "-9223372036854775808", "cb8000000000000000"),
        .init(
            .int8, .string, "8000000000000000", "-9223372036854775808", "d0142d39323233333732303336383534373735383038"),
        .init(.int8, .string, "0000000000000000", "0", "8130"),
        .init(.int4, .float, "ffffffff", "-1", "c1bff0000000000000"),
        .init(.oid, .integer, "ffffffff", "4294967295", "cb00000000ffffffff"),
        .init(.float4, .float, "3dcccccd", "0.1", "c13fb99999a0000000"),
        .init(.float8, .float, "3fb999999999999a", "0.1", "c13fb999999999999a"),
        .init(.float8, .float, "8000000000000000", "-0", "c18000000000000000"),
        .init(.float8, .float, "7ff8000000000000", "NaN", "c17ff8000000000000"),
        .init(.float8, .float, "fff8000000000001", "NaN", "c17ff8000000000000"),
        .init(.float8, .float, "fff0000000000000", "-Infinity", "c1fff0000000000000"),
        .init(.float4, .float, "7f800000", "Infinity", "c17ff0000000000000"),
        .init(.float8, .float, "0000000000000001", "5e-324", "c10000000000000001"),
        .init(.float8, .float, "7fefffffffffffff", "1.7976931348623157e+308", "c17fefffffffffffff"),
        .init(.numeric, .string, "0000000000000000", "0", "8130"),
        .init(.numeric, .string, "0000000000000003", "0.000", "85302e303030"),
        .init(.numeric, .string, "0002 0000 4000 0002 000c 0d48", "-12.34", "862d31322e3334"),
        .init(.numeric, .string, "0001 ffff 0000 0004 0001", "0.0001", "86302e30303031"),
        .init(.numeric, .string, "0001 0002 0000 0000 0001", "100000000", "89313030303030303030"),
        .init(.numeric, .string, "0000 0000 c000 0000", "NaN", "834e614e"),
        .init(.numeric, .string, "0000 0000 f000 0020", "-Infinity", "892d496e66696e697479"),
        .init(.numeric, .float, "0002 0000 4000 0002 000c 0d48", "-12.34", "c1c028ae147ae147ae"),
        .init(.numeric, .float, "0000 0000 d000 0020", "Infinity", "c17ff0000000000000"),
        .init(.numeric, .integer, "0001 0000 0000 0002 000c", "12.00", "0c"),
        .init(
            .numeric, .integer, "0005 0004 4000 0000 039a 0d2c 0170 1565 16b0", "-9223372036854775808",
            "cb8000000000000000"),
        .init(.text, .string, "4772c3b6c39f65", "Größe", "874772c3b6c39f65"), .init(.text, .string, "", "", "80"),
        .init(.bpchar, .string, "616220202020", "ab    ", "826162"), .init(.bpchar, .string, "2020", "  ", "80"),
        .init(.char, .string, "41", "A", "8141"), .init(.char, .string, "00", "", "80"),
        .init(.char, .string, "ff", "\\377", "845c333737"),
        .init(
            .uuid, .string, "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "d024 61306565626339392d396330622d346566382d626236642d366262396264333830613131"),
        .init(.bytea, .bytes, "00ff5c27", "\\x00ff5c27", "cc0400ff5c27"), .init(.bytea, .bytes, "", "\\x", "cc00"),
        .init(.bytea, .bytes, "00ff5c27", "\\000\\377\\\\'", "cc0400ff5c27"),
        .init(.bytea, .string, "00ff5c27", "\\x00ff5c27", "8a5c783030666635633237"),
        .init(.bytea, .string, "00ff5c27", "\\000\\377\\\\'", "8a5c783030666635633237"),
        .init(.date, .date, "ffffd533", "1970-01-01", "b14400"),
        .init(.date, .date, "00002279", "2024-02-29", "b144c94d46"),
        .init(.date, .date, "ffda9915", "4713-11-24 BC", "b144caffdac3e2"),
        .init(.date, .date, "7fda970c", "5874897-12-31", "b144ca7fdac1d9"),
        .init(.time, .localTime, "000000141dd75fff", "23:59:59.999999", "b174cb00004e94914efc18"),
        .init(.timetz, .time, "0000000000000001 00006978", "00:00:00.000001-07:30", "b254c903e8c99688"),
        .init(.timetz, .time, "0000000000000001 ffff9688", "00:00:00.000001+07:30", "b254c903e8c96978"),
        .init(.timestamp, .localDateTime, "fffca2fec4b8ddc0", "1969-12-31 23:59:59", "b264ff00"),
        .init(
            .timestamp, .localDateTime, "fffca2fec4c81fff", "1969-12-31 23:59:59.999999", "b264ffca3b9ac618"),
        .init(.timestamptz, .dateTime, "fffca2fec4e6a480", "1970-01-01 00:00:02+00", "b349020000"),
        .init(.timestamptz, .dateTime, "fffca2fec4e6a480", "1970-01-01 05:30:02+05:30", "b349020000"),
        .init(.interval, .duration, "ffffffffffffffff 00000003 ffffffff", "P-1M3DT-0.000001S", "b445ff03ffca3b9ac618"),
        .init(
            .interval, .duration, "ffffffffffffffff 00000003 ffffffff", "-1 mons +3 days -00:00:00.000001",
            "b445ff03ffca3b9ac618"),
        .init(.interval, .duration, "0000000000000000 00000000 00000000", "PT0S", "b44500000000"),
        .init(.interval, .duration, "0000000000000000 00000000 00000000", "00:00:00", "b44500000000"),
        .init(.interval, .duration, "0000000000000000 00000000 0000000e", "1 year 2 mons", "b4450e000000"),
        .init(.interval, .duration, "0000000000000000 00000001 00000000", "1 day", "b44500010000"),
        .init(.interval, .duration, "0000000000000000 ffffffff 0000000c", "1 year -1 days", "b4450cff0000"),
        .init(
            .interval, .duration, "94b6301f22735001 00000000 00000000", "-2147483000:00:54.775807",
            "b4450000cbfffff8f800239849ca0d5ce9e8"),
        .init(
            .interval, .duration, "94b6301f22735001 00000000 00000000", "PT-2147483000H-54.775807S",
            "b4450000cbfffff8f800239849ca0d5ce9e8"),
        .init(
            .interval, .duration, "0000000000000000 80000000 80af3a00", "P-178000000Y-2147483648D",
            "b445ca80af3a00ca800000000000"),
        .init(.jsonb, .string, "017b2261223a20317d", "{\"a\": 1}", "887b2261223a20317d"),
        .init(.inet, .string, "02200004 0a000001", "10.0.0.1/32", "88 31302e302e302e31"),
        .init(.inet, .string, "02200004 0a000001", "10.0.0.1", "88 31302e302e302e31"),
        .init(.inet, .string, "02080004 0a000000", "10.0.0.0/8", "8a 31302e302e302e302f38"),
        .init(.inet, .string, "03800010 00000000000000000000000000000001", "::1/128", "833a3a31"),
        .init(.inet, .string, "03200010 00000000000000000000000000000001", "::1/32", "863a3a312f3332"),
        .init(.cidr, .string, "02200104 0a000001", "10.0.0.1/32", "8b 31302e302e302e312f3332"),
        .init(.macaddr, .string, "08002b010203", "08:00:2b:01:02:03", "d011 30383a30303a32623a30313a30323a3033"),
        .init(.bit, .string, "00000005 a8", "10101", "853130313031"), .init(.bit, .string, "00000000", "", "80"),
        .init(
            .xid8, .string, "ffffffffffffffff", "18446744073709551615", "d014 3138343436373434303733373039353531363135"),
        .init(.lsn, .string, "00000016b374d848", "16/B374D848", "8b 31362f4233373444383438"),
        .init(.tid, .string, "00000007 0003", "(7,3)", "85 28372c3329"),
        .init(.money, .integer, "fffffffffffe1dc0", "-$1,234.56", "cafffe1dc0"),
        .init(
            .point, .point, "3ff0000000000000 4004000000000000", "(1,2.5)",
            "b358c91c23c13ff0000000000000c14004000000000000"),
        // The binary form of these is that of their documentation.
        .init(
            .hstore, .string, "00000002 00000001 61 00000002 2231 00000001 62 ffffffff", #""a"=>"\"1", "b"=>NULL"#,
            "d015 2261223d3e225c2231222c202262223d3e4e554c4c"),
        .init(
            .geometry, .point, "0101000020e6100000000000000000f03f0000000000000440",
            "0101000020E6100000000000000000F03F0000000000000440", "b358c910e6c13ff0000000000000c14004000000000000"),
        .init(
            .geometry, .point, "00800000013ff000000000000040040000000000004008000000000000",
            "00800000013FF000000000000040040000000000004008000000000000",
            "b459c923c5c13ff0000000000000c14004000000000000c14008000000000000"),
        .init(.geometry, .string, "010100", "010100", "86303130313030"),
        .init(
            .vector, .float, isList: true, "00020000 3f800000 3dcccccd", "[1,0.1]",
            "92 c13ff0000000000000 c13fb99999a0000000"),
        .init(
            .halfvec, .float, isList: true, "00050000 3c00 c100 0001 03ff 7bff",
            "[1,-2.5,5.9604645e-08,6.097555e-05,65504]",
            "95 c13ff0000000000000 c1c004000000000000 c13e70000000000000 c13f0ff80000000000 c140effc0000000000"),
        .init(.date, .string, "ffda9915", "4713-11-24 BC", "8d343731332d31312d3234204243"),
        .init(.time, .string, "000000141dd76000", "24:00:00", "8832343a30303a3030"),
        .init(.printed, .string, nil, "$1.00", "8524312e3030"),
        .init(.int4, .integer, isList: true, "00000000 00000000 00000017", "{}", "90"),
        .init(
            .int4, .integer, isList: true,
            "00000001 00000000 00000017 00000002 00000001 00000004 00000001 00000004 fffffffe", "{1,-2}", "9201fe"),
        .init(
            .int4, .integer, isList: true,
            "00000001 00000000 00000017 00000002 00000000 00000004 00000001 00000004 fffffffe", "[0:1]={1,-2}",
            "9201fe"),
        .init(
            .text, .string, isList: true,
            "00000001 00000000 00000019 00000004 00000001 00000000 00000004 4e554c4c 00000003 615c22 00000003 7b2c7d",
            #"{"","NULL","a\\\"","{,}"}"#, "94 80 844e554c4c 83615c22 837b2c7d"),
        .init(
            .bpchar, .string, isList: true, "00000001 00000000 00000412 00000001 00000001 00000004 225c2020",
            #"{"\"\\  "}"#, "91 82225c"),
        .init(
            .timestamptz, .dateTime, isList: true,
            "00000001 00000000 000004a0 00000001 00000001 00000008 fffca2fec4e6a480", #"{"1970-01-01 00:00:02+00"}"#,
            "91b349020000"),
    ]
}

struct ValueGoldenTests {
    @Test(arguments: ValueVector.all)
    func `text and binary give the same golden bytes`(vector: ValueVector) throws {
        #expect(hex(try vector.conversion.encoded(vector.text).get()) == hex(bytes(hex: vector.packed)))
        if let binary = vector.binary {
            #expect(vector.conversion.isBinaryExact)
            let packed = try vector.conversion.encoded(bytes(hex: binary), isBinary: true).get()
            #expect(hex(packed) == hex(bytes(hex: vector.packed)))
        } else {
            #expect(!vector.conversion.isBinaryExact)
            #expect(vector.conversion.encoded([1], isBinary: true) == .failure(ValueError(.binaryNotTaken)))
        }
    }

    /// Strings and byte arrays have no end of their own; every other form is as long as it says.
    @Test(arguments: ValueVector.all.filter { $0.binary != nil })
    func `every truncated or lengthened binary value is an error`(vector: ValueVector) throws {
        let whole = bytes(hex: vector.binary!)
        let endsAnywhere: [ValueConversion.Source] = [.text, .bpchar, .bytea, .jsonb]
        if vector.conversion.source == .geometry, vector.conversion.target == .string { return }
        for length in 0..<whole.count
        where vector.conversion.isList || !endsAnywhere.contains(vector.conversion.source) {
            #expect(
                vector.conversion.encoded(Array(whole.prefix(length)), isBinary: true)
                    == .failure(ValueError(.malformed)))
        }
        if vector.conversion.isList || !endsAnywhere.contains(vector.conversion.source) {
            #expect(
                vector.conversion.encoded(whole + [0], isBinary: true) == .failure(ValueError(.malformed)))
        }
    }

    @Test(arguments: ValueVector.all)
    func `damaged bytes give a value or an error and never trap`(vector: ValueVector) throws {
        var random = SeededGenerator(seed: 20_241_120)
        let isBinaryTaken = vector.binary != nil
        for round in 0..<400 {
            let isBinary = isBinaryTaken && round % 2 == 0
            var damaged = isBinary ? bytes(hex: vector.binary!) : Array(vector.text.utf8)
            for _ in 0...round % 3 {
                let place = Int.random(in: 0...damaged.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: damaged.insert(UInt8.random(in: 0...255, using: &random), at: place)
                case 1 where place < damaged.count: damaged.remove(at: place)
                case _ where place < damaged.count:
                    damaged[place] = "0123456789-+.:,{}[]\"\\ ".utf8.randomElement(using: &random)!
                default: damaged += damaged
                }
            }
            // A string takes any bytes over, so what comes out is not always valid; all else has to be.
            if case .success(let packed) = vector.conversion.encoded(damaged, isBinary: isBinary),
                vector.conversion.target != .string
            {
                _ = try CanonicalValue.read(packed)
            }
        }
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var vector: ValueVector
        var reason: ValueError.Reason

        init(
            _ reason: ValueError.Reason, _ source: ValueConversion.Source, _ target: ValueConversion.Target,
            isList: Bool = false, _ binary: String?, _ text: String
        ) {
            vector = ValueVector(source, target, isList: isList, binary, text, "")
            self.reason = reason
        }

        var testDescription: String { "\(vector.testDescription): \(reason)" }
    }

    @Test(arguments: [
        Fault(.infinite, .date, .date, "7fffffff", "infinity"), Fault(.infinite, .date, .date, "80000000", "-infinity"),
        Fault(.infinite, .timestamp, .localDateTime, "7fffffffffffffff", "infinity"),
        Fault(.infinite, .timestamptz, .dateTime, "8000000000000000", "-infinity"),
        Fault(.infinite, .interval, .duration, "7fffffffffffffff7fffffff7fffffff", "infinity"),
        Fault(.infinite, .interval, .duration, "80000000000000008000000080000000", "-infinity"),
        Fault(.endOfDay, .time, .localTime, "000000141dd76000", "24:00:00"),
        Fault(.endOfDay, .timetz, .time, "000000141dd76000 00000000", "24:00:00+00"),
        Fault(.notWhole, .numeric, .integer, "0002 0000 4000 0002 000c 0d48", "-12.34"),
        Fault(.notWhole, .numeric, .integer, "0001 ffff 0000 0004 0001", "0.0001"),
        Fault(.notWhole, .numeric, .integer, "0000 0000 c000 0000", "NaN"),
        Fault(.outOfRange, .numeric, .integer, "0000 0000 d000 0020", "Infinity"),
        Fault(.outOfRange, .numeric, .integer, "0005 0004 0000 0000 039a 0d2c 0170 1565 16b0", "9223372036854775808"),
        Fault(
            .notWhole, .numeric, .integer, "0009 0007 0000 0001 0001 0000 0000 0000 0000 0000 0000 0000 1388",
            "10000000000000000000000000000.5"),
        Fault(.outOfRange, .numeric, .float, "0001 007f 0000 0000 0001", "1" + String(repeating: "0", count: 508)),
        Fault(
            .nullElement, .int4, .integer, isList: true,
            "00000001 00000001 00000017 00000002 00000001 00000004 00000001 ffffffff", "{1,NULL}"),
        Fault(
            .severalDimensions, .int4, .integer, isList: true,
            "00000002 00000000 00000017 00000001 00000001 00000001 00000001 00000004 00000001", "{{1}}"),
        Fault(.severalDimensions, .int4, .integer, isList: true, nil, "[0:0][1:1]={{1}}"),
        Fault(.malformed, .bool, .boolean, "0101", "yes"), Fault(.malformed, .int4, .integer, "00", "1x"),
        Fault(.malformed, .int4, .integer, "", ""), Fault(.malformed, .float8, .float, "00", " 1"),
        Fault(.malformed, .float8, .float, "00", "0x10"), Fault(.malformed, .float8, .float, "00", "1e5z"),
        Fault(.malformed, .float8, .float, "00", ""), Fault(.malformed, .float8, .float, "00", "-"),
        Fault(.malformed, .numeric, .string, "0001 0000 0000 0000 2710", ""),
        Fault(.malformed, .numeric, .string, "0000 0000 1000 0000", ""),
        Fault(.malformed, .date, .date, "00", "2024-13-01"), Fault(.malformed, .date, .date, "00", "2024-01-01 AD"),
        Fault(.malformed, .date, .date, "00", "0000-01-01"), Fault(.malformed, .date, .date, "00", "tomorrow"),
        Fault(.malformed, .time, .localTime, "ffffffffffffffff", "23:60:00"),
        Fault(.malformed, .time, .localTime, "000000141dd76001", "24:00:00.5"),
        Fault(.malformed, .timetz, .time, "0000000000000000 000fffff", "00:00:00"),
        Fault(.malformed, .timetz, .time, "0000000000000000 80000000", "00:00:00+"),
        Fault(.malformed, .timestamp, .localDateTime, "00", "2024-01-01T00:00:00"),
        Fault(.malformed, .timestamptz, .dateTime, "00", "2024-01-01 00:00:00"),
        Fault(.malformed, .interval, .duration, "00", "P1X"), Fault(.malformed, .interval, .duration, "00", "P1"),
        Fault(.malformed, .interval, .duration, "00", "1 day 2"), Fault(.malformed, .interval, .duration, "00", ""),
        Fault(.malformed, .interval, .duration, "00", "1 fortnight"),
        Fault(.malformed, .bytea, .bytes, nil, "\\x0"), Fault(.malformed, .bytea, .bytes, nil, "\\xzz"),
        Fault(.malformed, .bytea, .bytes, nil, "\\40"), Fault(.malformed, .bytea, .bytes, nil, "\\777"),
        Fault(.malformed, .jsonb, .string, "02", ""), Fault(.malformed, .char, .string, "4141", ""),
        Fault(.malformed, .int4, .integer, isList: true, "ffffffff 00000000 00000017", "{1"),
        Fault(.malformed, .int4, .integer, isList: true, "00000001 00000000 00000017 7fffffff 00000001", "{1,}"),
        Fault(.malformed, .int4, .integer, isList: true, "00000001 00000000 00000017 ffffffff 00000001", "{1}2"),
        Fault(
            .malformed, .int4, .integer, isList: true,
            "00000001 00000000 00000017 00000001 00000001 7fffffff 00000001", "{\"1"),
        Fault(
            .malformed, .int4, .integer, isList: true,
            "00000001 00000000 00000017 00000001 00000001 fffffffe 00000001", "{\"1\\"),
        Fault(.malformed, .int4, .integer, isList: true, nil, "{\"\\1\"}"),
        Fault(.malformed, .int4, .integer, isList: true, nil, "[1:1"),
        Fault(.malformed, .int4, .integer, isList: true, nil, ""),
    ])
    func `a value that cannot go over is an error with a remedy`(fault: Fault) {
        let conversion = fault.vector.conversion
        let expected: Result<[UInt8], ValueError> = .failure(ValueError(fault.reason))
        if let binary = fault.vector.binary {
            #expect(conversion.encoded(bytes(hex: binary), isBinary: true) == expected)
        }
        // For some of the malformed binary values there is no text to go with them.
        if !fault.vector.text.isEmpty || conversion.target != .string {
            #expect(conversion.encoded(fault.vector.text) == expected)
        }
    }

    @Test(arguments: ValueError.Reason.allCases)
    func `each error says what to do`(reason: ValueError.Reason) {
        let text = ValueError(reason).description
        let remedies = ["Choose `as: string`", "Report this", "report this"]
        #expect(remedies.contains { text.contains($0) })
    }
}
