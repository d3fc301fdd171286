// Part of Lockstep. See LICENSE.

internal import Bolt

// `point`. Binary: two doubles. Text: `(1,2.5)`. Graph: Cartesian, SRID 7203.
// PostGIS. Binary: EWKB; text: that in hexadecimal, upper case. EWKB of a point: byte order (0 big endian, 1 little endian),
// u32 type 1 with flags (80000000 for Z, 40000000 for M, 20000000 for an SRID), i32 SRID where there is one, then X, Y and
// Z as doubles; an empty point has NaNs.
// Graph: structure `58` of SRID, x and y, or `59` with z behind; SRID 4326 (WGS 84) and 7203 (Cartesian) with two
// coordinates, 4979 and 9157 with three.

extension ValueConversion {
    func encodePoint(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if isBinary {
            guard bytes.byteCount == 16 else { throw ValueError(.malformed) }
            out.appendStructureHeader(tag: 0x58, fields: 3)
            out.append(7203 as Int64)
            for index in 0..<2 {
                let value = Double(bitPattern: try bytes.bigEndian(at: 8 * index, as: UInt64.self))
                guard value.isFinite else { throw ValueError(.noPlace) }
                out.append(value)
            }
            return
        }
        guard bytes.byteCount >= 5, bytes.byte(at: 0) == UInt8(ascii: "("),
            bytes.byte(at: bytes.byteCount - 1) == UInt8(ascii: ")")
        else { throw ValueError(.malformed) }
        var comma = 1
        while comma < bytes.byteCount, bytes.byte(at: comma) != UInt8(ascii: ",") { comma += 1 }
        guard comma < bytes.byteCount - 1 else { throw ValueError(.malformed) }
        out.appendStructureHeader(tag: 0x58, fields: 3)
        out.append(7203 as Int64)
        let x = try parseFloat(bytes.extracting(1..<comma), isSingle: false, scratch: &out)
        guard x.isFinite else { throw ValueError(.noPlace) }
        out.append(x)
        let y = try parseFloat(
            bytes.extracting(comma + 1..<bytes.byteCount - 1), isSingle: false, scratch: &out)
        guard y.isFinite else { throw ValueError(.noPlace) }
        out.append(y)
    }

    func encodeGeometry(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if target == .string {
            if isBinary { appendHexadecimal(bytes, to: &out) } else { out.appendString(bytes) }
            return
        }
        if isBinary { return try encodeWKB(bytes, into: &out) }
        var binary = InlineArray<37, UInt8>(repeating: 0)
        let count = bytes.byteCount / 2
        guard bytes.byteCount % 2 == 0 else { throw ValueError(.malformed) }
        // More than a point has: its beginning says what it is.
        for index in 0..<min(count, 37) {
            let high = try value(ofHexDigit: bytes.byte(at: 2 * index))
            binary[index] = high << 4 | (try value(ofHexDigit: bytes.byte(at: 2 * index + 1)))
        }
        try unsafe encodeWKB(binary.span.bytes.extracting(0..<min(count, 37)), into: &out)
    }

    private func encodeWKB(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        guard bytes.byteCount >= 5, bytes.byte(at: 0) <= 1 else { throw ValueError(.malformed) }
        let isLittle = bytes.byte(at: 0) == 1
        func number<Number: FixedWidthInteger & BitwiseCopyable>(
            at offset: Int, as type: Number.Type
        ) throws(ValueError) -> Number {
            let number = try bytes.bigEndian(at: offset, as: type)
            return isLittle ? number.byteSwapped : number
        }
        let type = try number(at: 1, as: UInt32.self)
        guard type & ~0xA000_0000 == 1 else { throw ValueError(.noPoint) }
        let hasZ = type & 0x8000_0000 != 0
        let hasSRID = type & 0x2000_0000 != 0
        let srid = hasSRID ? try number(at: 5, as: Int32.self) : 0
        let start = hasSRID ? 9 : 5
        guard bytes.byteCount == start + (hasZ ? 24 : 16) else { throw ValueError(.malformed) }
        guard srid == 0 || srid == 4326 else { throw ValueError(.unknownReferenceSystem) }
        let isEarth = srid == 4326
        out.appendStructureHeader(tag: hasZ ? 0x59 : 0x58, fields: hasZ ? 4 : 3)
        out.append(isEarth ? (hasZ ? 4979 : 4326) : (hasZ ? 9157 : 7203) as Int64)
        for index in 0..<(hasZ ? 3 : 2) {
            let value = Double(bitPattern: try number(at: start + 8 * index, as: UInt64.self))
            guard !value.isNaN else { throw ValueError(.noPoint) }
            // Neo4j would refuse a latitude beyond the pole, and make another of a longitude beyond the date line.
            let limit = !isEarth || index == 2 ? .greatestFiniteMagnitude : index == 0 ? 180.0 : 90.0
            guard abs(value) <= limit else { throw ValueError(.noPlace) }
            out.append(value)
        }
    }

    /// As PostGIS prints it.
    func appendHexadecimal(_ bytes: RawSpan, to out: inout PackStreamBuffer) {
        func upperCase(_ digit: UInt8) -> UInt8 { digit >= UInt8(ascii: "a") ? digit - 32 : digit }
        out.appendStringHeader(byteCount: 2 * bytes.byteCount)
        for index in 0..<bytes.byteCount {
            out.appendByte(upperCase(hexDigit(bytes.byte(at: index) >> 4)))
            out.appendByte(upperCase(hexDigit(bytes.byte(at: index) & 15)))
        }
    }
}
