// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

/// Bytes from hexadecimal digits; spaces do not count.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// Reads one value that takes all of the bytes.
private func read(_ bytes: [UInt8]) throws(PackStreamError) -> BoltValue {
    var reader = PackStreamReader(unsafe bytes.span.bytes)
    let value = try reader.readValue()
    try reader.expectEnd()
    return value
}

private func skip(_ bytes: [UInt8]) throws(PackStreamError) -> Int {
    var reader = PackStreamReader(unsafe bytes.span.bytes)
    try reader.skipValue()
    return reader.position
}

struct Golden: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let value: BoltValue
    let bytes: [UInt8]

    init(_ value: BoltValue, _ digits: String, name: String? = nil) {
        self.value = value
        bytes = hex(digits)
        testDescription = name ?? "\(value)"
    }

    init(_ name: String, _ value: BoltValue, header: String, body: [UInt8]) {
        testDescription = name
        self.value = value
        bytes = hex(header) + body
    }

    private static func text(_ count: Int, _ header: String) -> Golden {
        Golden(
            "a string of \(count)", .string(String(repeating: "a", count: count)), header: header,
            body: [UInt8](repeating: 0x61, count: count))
    }

    private static func blob(_ count: Int, _ header: String) -> Golden {
        let body = [UInt8](repeating: 7, count: count)
        return Golden("\(count) bytes", .bytes(body), header: header, body: body)
    }

    private static func list(_ count: Int, _ header: String) -> Golden {
        Golden(
            "a list of \(count)", .list(Array(repeating: 1, count: count)), header: header,
            body: [UInt8](repeating: 1, count: count))
    }

    static let all: [Golden] = [
        Golden(.null, "C0"), Golden(false, "C2"), Golden(true, "C3"),
        Golden(0, "00"), Golden(1, "01"), Golden(127, "7F"), Golden(-1, "FF"), Golden(-16, "F0"),
        Golden(-17, "C8EF"), Golden(-128, "C880"),
        Golden(128, "C90080"), Golden(-129, "C9FF7F"), Golden(32767, "C97FFF"), Golden(-32768, "C98000"),
        Golden(32768, "CA00008000"), Golden(-32769, "CAFFFF7FFF"),
        Golden(2_147_483_647, "CA7FFFFFFF"), Golden(-2_147_483_648, "CA80000000"),
        Golden(2_147_483_648, "CB0000000080000000"), Golden(-2_147_483_649, "CBFFFFFFFF7FFFFFFF"),
        Golden(.integer(.max), "CB7FFFFFFFFFFFFFFF"), Golden(.integer(.min), "CB8000000000000000"),
        Golden(1.1, "C13FF199999999999A"), Golden(0.0, "C10000000000000000"), Golden(-0.0, "C18000000000000000"),
        Golden(.float(.infinity), "C17FF0000000000000"), Golden(.float(-.infinity), "C1FFF0000000000000"),
        Golden("", "80"), Golden("a", "8161"), Golden("A\u{0}B", "83410042"),
        Golden("ABCDEFGHIJKLMNO", "8F4142434445464748494A4B4C4D4E4F"),
        Golden("ABCDEFGHIJKLMNOPQ", "D0114142434445464748494A4B4C4D4E4F5051"),
        Golden("Größenmaßstäbe", "D0124772C3B6C39F656E6D61C39F7374C3A46265"),
        text(16, "D010"), text(255, "D0FF"), text(256, "D10100"), text(65535, "D1FFFF"), text(65536, "D200010000"),
        Golden(.bytes([]), "CC00"), Golden(.bytes([1, 2]), "CC020102"),
        blob(255, "CCFF"), blob(256, "CD0100"), blob(65535, "CDFFFF"), blob(65536, "CE00010000"),
        Golden([], "90"), Golden([1, 2, 3], "93010203"), Golden([[], .null, "a"], "9390C08161"),
        list(15, "9F"), list(16, "D410"), list(255, "D4FF"), list(256, "D50100"), list(65535, "D5FFFF"),
        list(65536, "D600010000"),
        Golden([:], "A0"), Golden(["one": "eins"], "A1836F6E658465696E73"),
        Golden(.date(days: 19_000), "B144C94A38"), Golden(.date(days: -1), "B144FF"),
        Golden(.localTime(nanoseconds: 1), "B17401"),
        Golden(.time(nanoseconds: 1, offsetSeconds: 3600), "B25401C90E10"),
        Golden(.localDateTime(seconds: 1, nanoseconds: 2), "B2640102"),
        Golden(.dateTime(seconds: 1, nanoseconds: 2, offsetSeconds: -3600), "B3490102C9F1F0"),
        Golden(.dateTimeZone(seconds: 1, nanoseconds: 2, zone: "UTC"), "B369010283555443"),
        Golden(.duration(months: 1, days: -2, seconds: 3, nanoseconds: 4), "B44501FE0304"),
        Golden(.point(BoltPoint(srid: 7203, x: 1, y: 2)), "B358C91C23C13FF0000000000000C14000000000000000"),
        Golden(
            .point(BoltPoint(srid: 9157, x: 1, y: 2, z: -1)),
            "B459C923C5C13FF0000000000000C14000000000000000C1BFF0000000000000"),
        Golden(.node(BoltNode(id: 7, labels: ["A"], properties: ["x": 1])), "B34E07918141A1817801"),
        Golden(
            .node(BoltNode(id: 7, labels: [], properties: [:], elementID: "4:x:7")), "B44E0790A085343A783A37"),
        Golden(
            .relationship(BoltRelationship(id: 1, type: "T", properties: [:], ends: .init(startID: 2, endID: 3))),
            "B5520102038154A0"),
        Golden(
            .relationship(
                BoltRelationship(
                    id: 1, type: "T", properties: [:], elementID: "r",
                    ends: .init(startID: 2, endID: 3, startElementID: "s", endElementID: "e"))),
            "B8520102038154A0817281738165"),
        Golden(
            .path(
                BoltPath(
                    nodes: [BoltNode(id: 1, labels: [], properties: [:])],
                    relationships: [BoltRelationship(id: 2, type: "T", properties: [:], elementID: "r")],
                    indices: [-1, 0])),
            "B350 91B34E0190A0 91B472028154A08172 92FF00"),
        Golden(.vector(BoltVector(element: .int16, data: [0, 1, 0, 2])), "B256CC01C9CC0400010002"),
        Golden(
            .uuid(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF), "E000112233445566778899AABBCCDDEEFF"),
        Golden(.structure(tag: 0x21, fields: []), "B021"),
        Golden(.structure(tag: 0x21, fields: Array(repeating: 1, count: 15)), "BF21010101010101010101010101010101"),
    ]
}

@Suite struct `PackStream values` {
    @Test(arguments: Golden.all)
    func `have the bytes of the manual, both ways`(golden: Golden) throws {
        #expect(packed(golden.value) == golden.bytes)
        #expect(try read(golden.bytes) == golden.value)
        #expect(try skip(golden.bytes) == golden.bytes.count)
    }

    @Test(arguments: Golden.all.filter { $0.bytes.count < 1000 })
    func `throw at every shorter prefix`(golden: Golden) {
        for count in 0..<golden.bytes.count {
            let prefix = Array(golden.bytes[..<count])
            #expect(throws: PackStreamError.self, "\(count) bytes") { try read(prefix) }
            #expect(throws: PackStreamError.self, "\(count) bytes") { try skip(prefix) }
        }
    }

    @Test func `have a count of entries before a map`() throws {
        let headers = [15: "AF", 16: "D810", 255: "D8FF", 256: "D90100", 65536: "DA00010000"]
        for (count, header) in headers {
            let map = Dictionary(uniqueKeysWithValues: (0..<count).map { ("k\($0)", BoltValue.integer(Int64($0))) })
            let bytes = packed(.map(map))
            #expect(bytes.starts(with: hex(header)))
            #expect(try read(bytes) == .map(map))
        }
    }

    @Test func `NaN stays NaN`() throws {
        guard case .float(let value) = try read(packed(.float(.nan))) else {
            Issue.record("no float")
            return
        }
        #expect(value.isNaN)
    }

    @Test func `integers may come in a longer form than needed`() throws {
        for digits in ["01", "C801", "C90001", "CA00000001", "CB0000000000000001"] {
            #expect(try read(hex(digits)) == 1)
        }
    }

    @Test func `the last of two equal keys counts`() throws {
        #expect(try read(hex("A2 816101 816102")) == ["a": 2])
    }

    @Test func `legacy date-times with an offset become UTC, with a zone they stay as they are`() throws {
        #expect(
            try read(hex("B346 C90E10 02 C90E10")) == .dateTime(seconds: 0, nanoseconds: 2, offsetSeconds: 3600))
        #expect(try read(hex("B366 01 02 83555443")) == .structure(tag: 0x66, fields: [1, 2, "UTC"]))
    }

    @Test func `a value that the version cannot carry says what it is`() throws {
        let vector = BoltUnsupportedType(name: "V", minimumVersion: BoltVersion(6, 0), message: "m")
        #expect(try read(hex("B43F 8156 06 00 A1876D657373616765816D")) == .unsupported(vector))
        let silent = BoltUnsupportedType(name: "V", minimumVersion: BoltVersion(6, 0))
        #expect(try read(hex("B43F 8156 06 00 A0")) == .unsupported(silent))
        for type in [vector, silent] { #expect(try read(packed(.unsupported(type))) == .unsupported(type)) }
    }

    @Test(arguments: [
        "B1448161",  // a date of a string
        "B43F 8156 C90100 00 A0",  // an unsupported type of version 256
        "B43F 8156 06 00 C0",  // one without a map
        "B24401 02",  // a date of two
        "B25401 CB0000000080000000",  // an offset beyond 32 bits
        "B3490102C0",  // a date-time without an offset
        "B346CB800000000000000001 01",  // legacy, before the beginning of time
        "B34E079101 A0",  // a node with a number for a label
        "B44E07 90A0 01",  // a node with a number for an element id
        "B5520102038154 80",  // a relationship without properties
        "B350 9101 90 90",  // a path over a number
        "B256 CC01C9 CC0100",  // half an element
        "B256 CC01C7 CC0100",  // a vector of nothing known
        "B35801 02 03",  // a point of integers
    ])
    func `a structure of an unexpected shape stays a plain structure`(digits: String) throws {
        let bytes = hex(digits)
        guard case .structure(let tag, let fields) = try read(bytes) else {
            Issue.record("\(try read(bytes))")
            return
        }
        #expect(tag == bytes[1])
        #expect(fields.count == Int(bytes[0] & 0x0F))
        #expect(try skip(bytes) == bytes.count)
    }

    @Test(arguments: [
        ("C4", PackStreamError.Reason.unknownMarker(0xC4)), ("D3", .unknownMarker(0xD3)), ("E1", .unknownMarker(0xE1)),
        ("D2FFFFFFFF61", .sizeBeyondEnd), ("CEFFFFFFFF61", .sizeBeyondEnd), ("D6FFFFFFFF01", .sizeBeyondEnd),
        ("DAFFFFFFFF8161", .sizeBeyondEnd), ("A1C0C0", .keyNotString), ("82C328", .invalidUTF8), ("81FF", .invalidUTF8),
        ("83EDA080", .invalidUTF8), ("0101", .trailingBytes), ("", .truncated), ("B221", .sizeBeyondEnd),
    ])
    func `bytes that are none are refused`(digits: String, reason: PackStreamError.Reason) {
        let error = #expect(throws: PackStreamError.self) { try read(hex(digits)) }
        #expect(error?.reason == reason)
    }

    @Test func `nesting is bounded for values and not for skipping`() throws {
        let deepest = PackStreamReader.nestingMax
        for (count, fits) in [(deepest, true), (deepest + 1, false), (1_000_000, false)] {
            let lists = [UInt8](repeating: 0x91, count: count) + [0x01]
            let structures = [[UInt8]](repeating: [0xB1, 0x21], count: count).joined() + [0x01]
            let maps = [[UInt8]](repeating: [0xA1, 0x80], count: count).joined() + [0x01]
            for bytes: [UInt8] in [lists, Array(structures), Array(maps)] {
                #expect(try skip(bytes) == bytes.count)
                if fits {
                    _ = try read(bytes)
                } else {
                    let error = #expect(throws: PackStreamError.self) { try read(bytes) }
                    #expect(error?.reason == .nestedTooDeep)
                }
            }
        }
    }

    @Test func `large sizes inside one another reserve no memory`() {
        // Each list says that it is as long as all that follows.
        var bytes: [UInt8] = []
        let total = 4 << 20
        for _ in 0..<200 { bytes += hex("D6") + [0x00, 0x30, 0x00, 0x00] }
        bytes += [UInt8](repeating: 0x01, count: total - bytes.count)
        #expect(throws: PackStreamError.self) { try read(bytes) }
    }
}

@Suite struct `Random PackStream values` {
    private static let seed = UInt64.random(in: 0...UInt64.max)

    @Test func `come back as they were written`() throws {
        var random = SplitMix(seed: Self.seed)
        for round in 0..<400 {
            let value = BoltValue.random(using: &random, depth: 4, scalars: .all)
            let bytes = packed(value)
            #expect(try read(bytes) == value, "seed \(Self.seed), round \(round)")
            #expect(try skip(bytes) == bytes.count, "seed \(Self.seed), round \(round)")
        }
    }

    @Test func `throw at every shorter prefix`() {
        var random = SplitMix(seed: Self.seed)
        for round in 0..<60 {
            let bytes = packed(BoltValue.random(using: &random, depth: 2, scalars: .all))
            for count in 0..<min(bytes.count, 400) {
                let prefix = Array(bytes[..<count])
                #expect(throws: PackStreamError.self, "seed \(Self.seed), round \(round), \(count) bytes") {
                    try read(prefix)
                }
            }
        }
    }

    @Test func `never trap when bytes are changed`() {
        var random = SplitMix(seed: Self.seed)
        var readable = 0
        for _ in 0..<3000 {
            var bytes = packed(BoltValue.random(using: &random, depth: 3, scalars: .all))
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            // What can be read can be skipped, to the same place; strings and nesting are not looked at in skipping.
            if let value = try? read(bytes) {
                readable += 1
                #expect((try? skip(bytes)) == bytes.count, "seed \(Self.seed): \(value)")
            }
        }
        #expect(readable > 0)
    }
}

@Suite struct `Reading piece by piece` {
    @Test func `a row is read without making values`() throws {
        let bytes = packed([1, "zwölf", 2.5, .null, true, .bytes([9]), ["k": [1]], .date(days: 3)])
        var reader = PackStreamReader(unsafe bytes.span.bytes)
        #expect(try reader.readListHeader() == 8)
        #expect(try reader.nextKind() == .integer)
        #expect(try reader.readInteger() == 1)
        let text = try reader.readStringBytes()
        #expect(text.byteCount == 6)
        #expect(try reader.readFloat() == 2.5)
        #expect(try reader.readNullIfPresent())
        #expect(try !reader.readNullIfPresent())
        #expect(try reader.readBoolean())
        let blob = try reader.readBytes()
        #expect(blob.byteCount == 1)
        #expect(try reader.readMapHeader() == 1)
        #expect(try reader.readString() == "k")
        let raw = try reader.readRawValue()
        #expect(unsafe raw.withUnsafeBytes { unsafe Array($0) } == [0x91, 0x01])
        let (tag, fields) = try reader.readStructureHeader()
        #expect(tag == 0x44)
        #expect(fields == 1)
        #expect(reader.remaining == 1)
        try reader.skipValue()
        try reader.expectEnd()
        #expect(reader.position == bytes.count)
    }

    @Test func `the wrong type is named`() {
        let bytes = packed("text")
        func reason(_ body: (inout PackStreamReader) throws(PackStreamError) -> Void) -> PackStreamError.Reason? {
            var reader = PackStreamReader(unsafe bytes.span.bytes)
            do throws(PackStreamError) { try body(&reader) } catch { return error.reason }
            return nil
        }
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readInteger() }
                == .typeMismatch(expected: .integer, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readFloat() }
                == .typeMismatch(expected: .float, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readBytes() }
                == .typeMismatch(expected: .bytes, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readListHeader() }
                == .typeMismatch(expected: .list, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readMap() }
                == .typeMismatch(expected: .map, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readStructureHeader() }
                == .typeMismatch(expected: .structure, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in _ = try r.readBoolean() }
                == .typeMismatch(expected: .boolean, marker: 0x84))
        #expect(
            reason { r throws(PackStreamError) in try r.readNull() } == .typeMismatch(expected: .null, marker: 0x84))
    }
}

@Suite struct `A PackStream buffer` {
    @Test func `grows, and keeps what is in it`() {
        var buffer = PackStreamBuffer(capacity: 1)
        for value in 0..<100_000 { buffer.append(Int64(value)) }
        let bytes = unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
        var reader = PackStreamReader(unsafe bytes.span.bytes)
        var count: Int64 = 0
        while !reader.isAtEnd {
            #expect((try? reader.readInteger()) == count)
            count += 1
        }
        #expect(count == 100_000)
        buffer.truncate(to: 3)
        #expect(buffer.count == 3)
        buffer.removeAll()
        #expect(buffer.count == 0)
    }
}
