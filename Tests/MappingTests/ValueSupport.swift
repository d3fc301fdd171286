// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

/// Bytes from and to the hexadecimal digits that test tables are written in; blanks are for the eye.
func bytes(hex: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var high: UInt8?
    // By bytes: the oracle has millions of them, and characters are slow without optimization.
    for character in hex.utf8 where character != UInt8(ascii: " ") {
        let digit =
            character <= UInt8(ascii: "9") ? character - UInt8(ascii: "0") : (character | 0x20) - UInt8(ascii: "a") + 10
        precondition(digit < 16)
        if let first = high { bytes.append(first << 4 | digit) }
        high = high == nil ? digit : nil
    }
    precondition(high == nil)
    return bytes
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

extension ValueConversion {
    /// The PackStream bytes of one value, or the error.
    func encoded(_ bytes: [UInt8], isBinary: Bool) -> Result<[UInt8], ValueError> {
        var out = PackStreamBuffer(capacity: 16)
        out.append(true)  // A conversion appends: what stood there stays.
        do throws(ValueError) {
            try unsafe encode(bytes.span.bytes, isBinary: isBinary, into: &out)
        } catch {
            return .failure(error)
        }
        let all = unsafe out.bytes.withUnsafeBytes { unsafe [UInt8]($0) }
        precondition(all[0] == 0xC3)
        return .success(Array(all.dropFirst()))
    }

    func encoded(_ text: String) -> Result<[UInt8], ValueError> { encoded(Array(text.utf8), isBinary: false) }
}

/// A PackStream value in the canonical form that the SQL of the oracle prints too.
struct CanonicalValue {
    enum Failure: Error { case malformed(at: Int) }

    /// What separates a list's elements: no value holds it.
    static let separator = "\u{1F}"

    private let bytes: [UInt8]
    private var position = 0

    /// Reads the only value in `bytes`.
    static func read(_ bytes: [UInt8]) throws -> String {
        var reader = CanonicalValue(bytes: bytes)
        let value = try reader.value()
        guard reader.position == bytes.count else { throw Failure.malformed(at: reader.position) }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count <= bytes.count - position else { throw Failure.malformed(at: position) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func unsigned(_ width: Int) throws -> UInt64 {
        try take(width).reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func value() throws -> String {
        let marker = try take(1).first!
        switch marker {
        case 0x00...0x7F, 0xF0...0xFF: return String(Int8(bitPattern: marker))
        case 0xC8: return String(Int8(truncatingIfNeeded: try unsigned(1)))
        case 0xC9: return String(Int16(truncatingIfNeeded: try unsigned(2)))
        case 0xCA: return String(Int32(truncatingIfNeeded: try unsigned(4)))
        case 0xCB: return String(Int64(bitPattern: try unsigned(8)))
        case 0xC0: return "null"
        case 0xC1: return "float " + hex(Array(try take(8)))
        case 0xC2: return "false"
        case 0xC3: return "true"
        case 0x80...0x8F: return try string(Int(marker & 15))
        case 0xD0...0xD2: return try string(Int(try unsigned(1 << Int(marker - 0xD0))))
        case 0xCC...0xCE: return "bytes " + hex(Array(try take(Int(try unsigned(1 << Int(marker - 0xCC))))))
        case 0x90...0x9F: return try list(Int(marker & 15))
        case 0xD4...0xD6: return try list(Int(try unsigned(1 << Int(marker - 0xD4))))
        case 0xB0...0xBF: return try structure(fields: Int(marker & 15))
        default: throw Failure.malformed(at: position - 1)
        }
    }

    private mutating func string(_ count: Int) throws -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw Failure.malformed(at: position)
        }
        return text
    }

    private mutating func list(_ count: Int) throws -> String {
        var elements: [String] = []
        for _ in 0..<count { elements.append(try value()) }
        return "list" + elements.map { Self.separator + $0 }.joined()
    }

    private mutating func structure(fields: Int) throws -> String {
        let tag = try take(1).first!
        let values = try (0..<fields).map { _ in try value() }
        let names: [UInt8: (String, Int)] = [
            0x44: ("date", 1), 0x74: ("localtime", 1), 0x54: ("time", 2), 0x64: ("localdatetime", 2),
            0x49: ("datetime", 3), 0x69: ("datetime", 3), 0x45: ("duration", 4), 0x58: ("point", 3), 0x59: ("point", 4),
        ]
        guard let (name, count) = names[tag], count == fields else { throw Failure.malformed(at: position) }
        return ([name] + values).joined(separator: " ")
    }
}

/// A catalog of types only: those of `pg_type` that the tests here use, and what a test adds.
func typeCatalog(_ more: [Catalog.DataType] = []) -> Catalog {
    let arrays: [OID: OID] = [
        1000: 16, 1001: 17, 1002: 18, 1003: 19, 1016: 20, 1005: 21, 1007: 23, 1009: 25, 1028: 26, 199: 114, 1021: 700,
        1022: 701, 1014: 1042, 1015: 1043, 1182: 1082, 1183: 1083, 1115: 1114, 1185: 1184, 1187: 1186, 1270: 1266,
        1231: 1700, 2951: 2950, 3807: 3802, 1041: 869, 22: 21, 30: 26, 1011: 28, 1012: 29, 1010: 27, 1561: 1560,
        1563: 1562, 651: 650, 1040: 829, 775: 774, 3221: 3220, 271: 5069, 1017: 600, 791: 790, 143: 142, 4073: 4072,
        1020: 603, 629: 628,
    ]
    var types: [OID: Catalog.DataType] = [:]
    for (array, element) in arrays {
        types[element] = .init(oid: element, schema: "pg_catalog", name: "type\(element)", kind: .base)
        types[array] = .init(oid: array, schema: "pg_catalog", name: "_type\(element)", kind: .array(element: element))
    }
    for type in more { types[type.oid] = type }
    return Catalog(serverVersion: 150_000, database: "test", tables: [], types: types)
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
