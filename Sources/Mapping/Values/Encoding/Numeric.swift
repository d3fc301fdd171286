// Part of Lockstep. See LICENSE.

internal import Bolt

/// A `numeric` in its binary form, not copied.
///
/// | field | width | |
/// |---|---|---|
/// | count of digits | u16 | |
/// | weight | i16 | of the first digit, as a power of 10,000 |
/// | sign | u16 | `0000` +, `4000` -, `C000` NaN, `D000` Infinity, `F000` -Infinity |
/// | scale | u16 | decimal digits behind the point that are printed |
/// | digits | u16 each | 0–9999 |
///
/// - SeeAlso: `numeric_send` and `get_str_from_var` in PostgreSQL's `src/backend/utils/adt/numeric.c`.
struct BinaryNumeric: ~Escapable {
    enum Kind { case finite, nan, infinity, negativeInfinity }

    let kind: Kind
    let isNegative: Bool
    let weight: Int
    let scale: Int
    let digitCount: Int
    private let bytes: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) throws(ValueError) {
        self.bytes = bytes
        digitCount = Int(try bytes.bigEndian(at: 0, as: UInt16.self))
        weight = Int(try bytes.bigEndian(at: 2, as: Int16.self))
        let sign = try bytes.bigEndian(at: 4, as: UInt16.self)
        scale = Int(try bytes.bigEndian(at: 6, as: UInt16.self) & 0x3FFF)
        isNegative = sign == 0x4000
        switch sign {
        case 0x0000, 0x4000: kind = .finite
        case 0xC000: kind = .nan
        case 0xD000: kind = .infinity
        case 0xF000: kind = .negativeInfinity
        default: throw ValueError(.malformed)
        }
        guard bytes.byteCount == 8 + 2 * digitCount else { throw ValueError(.malformed) }
        for index in 0..<digitCount where loadDigit(index) > 9999 { throw ValueError(.malformed) }
    }

    @inline(__always) private func loadDigit(_ index: Int) -> Int {
        // Inside the bytes: their count was compared with that of the digits.
        Int(UInt16(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 8 + 2 * index, as: UInt16.self)))
    }

    /// The digit at a place before or behind the stored ones is zero.
    @inline(__always) func digit(_ index: Int) -> Int { index >= 0 && index < digitCount ? loadDigit(index) : 0 }
}

extension ValueConversion {
    func encodeNumeric(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        switch (target, isBinary) {
        case (.integer, true): out.append(try BinaryNumeric(bytes).integer())
        case (.integer, false): out.append(try textNumericInteger(bytes))
        case (.float, true):
            let start = out.count
            try BinaryNumeric(bytes).appendPrinted(asValue: false, to: &out)
            let value = try parseFloat(endOf: &out, from: start, isSingle: false)
            out.truncate(to: start)
            out.append(value)
        case (.float, false): out.append(try parseFloat(bytes, isSingle: false, scratch: &out))
        case (_, true): try BinaryNumeric(bytes).appendPrinted(asValue: true, to: &out)
        case (_, false): out.appendString(bytes)
        }
    }

    private func textNumericInteger(_ bytes: RawSpan) throws(ValueError) -> Int64 {
        if bytes.isEqual(to: "NaN") || bytes.isEqual(to: "Infinity") || bytes.isEqual(to: "-Infinity") {
            throw ValueError(.notWhole)
        }
        // From the end: zeros behind the point say nothing, and what is left of it must be an integer.
        var end = bytes.byteCount
        while end > 0, isDigit(bytes.byte(at: end - 1)) { end -= 1 }
        if end > 0, bytes.byte(at: end - 1) == UInt8(ascii: ".") {
            for index in end..<bytes.byteCount where bytes.byte(at: index) != UInt8(ascii: "0") {
                throw ValueError(.notWhole)
            }
            end -= 1
        } else {
            end = bytes.byteCount
        }
        var cursor = TextCursor(bytes.extracting(0..<end))
        let value = try cursor.integer()
        try cursor.expectEnd()
        return value
    }
}

extension BinaryNumeric {
    /// Appends exactly what PostgreSQL prints.
    ///
    /// - Parameter asValue: As a PackStream string; else the bare characters.
    func appendPrinted(asValue: Bool, to out: inout PackStreamBuffer) {
        switch kind {
        case .nan: appendWord("NaN", asValue: asValue, to: &out)
        case .infinity: appendWord("Infinity", asValue: asValue, to: &out)
        case .negativeInfinity: appendWord("-Infinity", asValue: asValue, to: &out)
        case .finite: appendNumber(asValue: asValue, to: &out)
        }
    }

    private func appendWord(_ word: StaticString, asValue: Bool, to out: inout PackStreamBuffer) {
        if asValue { out.appendStringHeader(byteCount: word.utf8CodeUnitCount) }
        for index in 0..<word.utf8CodeUnitCount { unsafe out.appendByte(word.utf8Start[index]) }
    }

    private func appendNumber(asValue: Bool, to out: inout PackStreamBuffer) {
        let first = weight < 0 ? 0 : digit(0)
        let firstWidth = first >= 1000 ? 4 : first >= 100 ? 3 : first >= 10 ? 2 : 1
        let wholeWidth = firstWidth + 4 * max(weight, 0)
        let width = (isNegative ? 1 : 0) + wholeWidth + (scale > 0 ? 1 + scale : 0)
        if asValue { out.appendStringHeader(byteCount: width) }
        out.reserve(width)
        if isNegative { out.appendByte(UInt8(ascii: "-")) }
        append(first, places: 4 - firstWidth..<4, to: &out)
        if weight > 0 {
            for index in 1...weight { append(digit(index), places: 0..<4, to: &out) }
        }
        guard scale > 0 else { return }
        out.appendByte(UInt8(ascii: "."))
        var left = scale
        var index = weight + 1
        while left > 0 {
            let width = min(left, 4)
            append(digit(index), places: 0..<width, to: &out)
            left -= width
            index += 1
        }
    }

    /// Appends some of the four decimal digits of a digit of base 10,000.
    @inline(__always) private func append(_ digit: Int, places: Range<Int>, to out: inout PackStreamBuffer) {
        var unit = 1000
        for place in 0..<4 {
            if places.contains(place) { out.appendByte(UInt8(ascii: "0") + UInt8(digit / unit % 10)) }
            unit /= 10
        }
    }

    /// The number as an integer, where it is one and an `Int64` holds it.
    func integer() throws(ValueError) -> Int64 {
        guard kind == .finite else { throw ValueError(.notWhole) }
        // Digits behind the point first: 1e30 + 0.5 is not whole, rather than out of range.
        for index in max(weight + 1, 0)..<max(digitCount, weight + 1, 0) where digit(index) != 0 {
            throw ValueError(.notWhole)
        }
        guard weight >= 0 else { return 0 }
        var value: Int64 = 0
        for index in 0...weight {
            let (shifted, over) = value.multipliedReportingOverflow(by: 10_000)
            let step = Int64(digit(index))
            let (sum, beyond) =
                isNegative ? shifted.subtractingReportingOverflow(step) : shifted.addingReportingOverflow(step)
            guard !over, !beyond else { throw ValueError(.outOfRange) }
            value = sum
        }
        return value
    }
}
