// Part of Lockstep. See LICENSE.

/// A time zone as the system's files describe it: when its offset from UTC changes, and to what.
///
/// | part of the file | bytes |
/// |---|---|
/// | header | `TZif`, version, 15 unused, then six counts `u32`: UTC marks, standard marks, leap seconds, transitions, types, letters of names |
/// | body | transitions (`i64`; `i32` in version 1), their types `u8`, types (offset `i32`, is summer `u8`, name `u8`), names, leap seconds, marks |
///
/// From version 2 on the file holds all of it twice, with 4 bytes for a moment and then with 8, and ends with a rule for
/// the time after the last transition, between two line feeds. Numbers are big endian.
///
/// - SeeAlso: https://www.rfc-editor.org/rfc/rfc8536
struct ZoneFile: Sendable {
    private struct Transition {
        let seconds: Int64
        let offset: Int64
    }

    private let transitions: [Transition]
    private let firstOffset: Int64
    private let rule: ZoneRule?

    /// - Returns: Nil where the bytes are no such file.
    init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard var header = Header(&reader) else { return nil }
        var width = 4
        if header.version >= UInt8(ascii: "2") {
            guard reader.skip(header.bodyBytes(width: 4)), let second = Header(&reader) else { return nil }
            header = second
            width = 8
        }
        guard header.types > 0, header.bodyBytes(width: width) <= reader.left else { return nil }
        let moments = (0..<header.transitions).map { _ in reader.integer(width) }
        let types = (0..<header.transitions).map { _ in Int(reader.integer(1)) & 0xFF }
        let offsets = (0..<header.types).map { _ in
            let offset = reader.integer(4)
            _ = reader.skip(2)
            return offset
        }
        guard types.allSatisfy({ $0 < offsets.count }) else { return nil }
        transitions = zip(moments, types).map { Transition(seconds: $0, offset: offsets[$1]) }
        firstOffset = offsets[0]
        _ = reader.skip(header.bytesBehindTypes(width: width))
        rule = width == 8 ? ZoneRule(reader.rest.dropFirst().prefix { $0 != 10 }) : nil
    }

    /// The seconds that local time is ahead of UTC.
    ///
    /// - Parameter seconds: Since 1970-01-01T00:00Z.
    func offset(at seconds: Int64) -> Int64 {
        if let last = transitions.last, seconds >= last.seconds { return rule?.offset(at: seconds) ?? last.offset }
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].seconds <= seconds { low = middle + 1 } else { high = middle }
        }
        if transitions.isEmpty { return rule?.offset(at: seconds) ?? firstOffset }
        return low == 0 ? firstOffset : transitions[low - 1].offset
    }

    /// The offset at a local time, given as the seconds that a clock there shows since 1970-01-01T00:00.
    ///
    /// Where clocks are set back and show the time twice, the first is meant; where they are set forward and leave it
    /// out, the offset before that.
    func offset(atLocal local: Int64) -> Int64 {
        let before = offset(at: local &- 86_400)
        let after = offset(at: local &+ 86_400)
        for candidate in [before, after] where offset(at: local &- candidate) == candidate { return candidate }
        return before
    }
}

private struct Header {
    let version: UInt8
    let utcMarks: Int
    let standardMarks: Int
    let leapSeconds: Int
    let transitions: Int
    let types: Int
    let letters: Int

    /// More than any zone has; a file with more is none of ours.
    private static let countMax: Int64 = 100_000

    init?(_ reader: inout ByteReader) {
        guard reader.left >= 44, reader.take(4) == Array("TZif".utf8) else { return nil }
        version = UInt8(truncatingIfNeeded: reader.integer(1))
        _ = reader.skip(15)
        let counts = (0..<6).map { _ in reader.integer(4) }
        guard counts.allSatisfy({ (0...Self.countMax).contains($0) }) else { return nil }
        utcMarks = Int(counts[0])
        standardMarks = Int(counts[1])
        leapSeconds = Int(counts[2])
        transitions = Int(counts[3])
        types = Int(counts[4])
        letters = Int(counts[5])
    }

    func bytesBehindTypes(width: Int) -> Int { letters + leapSeconds * (width + 4) + standardMarks + utcMarks }

    func bodyBytes(width: Int) -> Int { transitions * (width + 1) + types * 6 + bytesBehindTypes(width: width) }
}

/// Reads from the front; the caller has seen that there is enough.
private struct ByteReader {
    private(set) var rest: ArraySlice<UInt8>
    var left: Int { rest.count }

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count <= left else { return false }
        rest = rest.dropFirst(count)
        return true
    }

    /// A signed number of so many bytes.
    mutating func integer(_ width: Int) -> Int64 {
        let unsigned = take(width).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let unused = UInt64(64 - width * 8)
        return Int64(bitPattern: unsigned << unused) >> Int64(unused)
    }
}
