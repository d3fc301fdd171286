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
        case (.integer, _):
            let whole = isBinary ? try BinaryNumeric(bytes).scaled(by: policy.scale) : try textScaled(bytes)
            out.append(try nearest(whole))
        case (.float, true):
            let start = out.count
            try BinaryNumeric(bytes).appendPrinted(asValue: false, to: &out)
            let value = try parseFloat(
                endOf: &out, from: start, isSingle: false, isNearest: policy.otherwise == .nearest)
            out.truncate(to: start)
            out.append(value)
        case (.float, false): out.append(try parseFloat(bytes, isSingle: false, scratch: &out))
        case (_, true): try BinaryNumeric(bytes).appendPrinted(asValue: true, to: &out)
        case (_, false): out.appendString(bytes)
        }
    }

    private func nearest(_ number: WholeNumber) throws(ValueError) -> Int64 {
        switch number {
        case .value(let value): return value
        case .beyond(let isNegative):
            guard policy.otherwise == .nearest else { throw ValueError(.outOfRange) }
            return isNegative ? .min : .max
        }
    }

    private func textScaled(_ bytes: RawSpan) throws(ValueError) -> WholeNumber {
        if bytes.isEqual(to: "NaN") { throw ValueError(.notWhole) }
        if bytes.isEqual(to: "Infinity") { return .beyond(isNegative: false) }
        if bytes.isEqual(to: "-Infinity") { return .beyond(isNegative: true) }
        var cursor = TextCursor(bytes)
        let isNegative = cursor.sign()
        let start = cursor.position
        while cursor.nextIsDigit { cursor.position += 1 }
        let end = cursor.position
        guard end > start else { throw ValueError(.malformed) }
        let hasPoint = cursor.skip(UInt8(ascii: "."))
        let fraction = cursor.position
        while cursor.nextIsDigit { cursor.position += 1 }
        guard cursor.position > fraction || !hasPoint else { throw ValueError(.malformed) }
        try cursor.expectEnd()
        // Zeros behind the scale say nothing.
        for index in min(fraction + policy.scale, bytes.byteCount)..<bytes.byteCount
        where bytes.byte(at: index) != UInt8(ascii: "0") {
            throw ValueError(.notWhole)
        }
        var sum = WholeNumber.Sum(isNegative: isNegative)
        for index in start..<end { sum.append(Int64(bytes.byte(at: index) - UInt8(ascii: "0")), unit: 10) }
        for index in fraction..<fraction + policy.scale {
            let isThere = hasPoint && index < bytes.byteCount
            sum.append(isThere ? Int64(bytes.byte(at: index) - UInt8(ascii: "0")) : 0, unit: 10)
        }
        return sum.number
    }
}

/// A whole number, as far as 64 bits hold it.
enum WholeNumber {
    case value(Int64)
    case beyond(isNegative: Bool)

    /// Puts a number together from its digits, the highest first.
    struct Sum {
        let isNegative: Bool
        private var value: Int64 = 0
        private var isBeyond = false

        init(isNegative: Bool) { self.isNegative = isNegative }

        /// Makes room below for digits of base `unit` and puts `digit` there.
        @inline(__always) mutating func append(_ digit: Int64, unit: Int64) {
            let (shifted, over) = value.multipliedReportingOverflow(by: unit)
            // The sign that holds every number is the number's own.
            let (sum, beyond) =
                isNegative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
            value = sum
            isBeyond = isBeyond || over || beyond
        }

        var number: WholeNumber { isBeyond ? .beyond(isNegative: isNegative) : .value(value) }
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

    /// The number times 10 to the power of `scale`, where that is whole.
    ///
    /// - Throws: `notWhole` where it is not, even if it is also beyond what 64 bits hold.
    func scaled(by scale: Int) throws(ValueError) -> WholeNumber {
        switch kind {
        case .finite: break
        case .nan: throw ValueError(.notWhole)
        case .infinity: return .beyond(isNegative: false)
        case .negativeInfinity: return .beyond(isNegative: true)
        }
        // The digits of base 10,000 that are taken whole, and of the next one the first `rest` places.
        let last = weight + scale / 4
        let rest = scale % 4
        let unit = rest == 0 ? 1 : rest == 1 ? 10 : rest == 2 ? 100 : 1000
        let (taken, left) = digit(last + 1).quotientAndRemainder(dividingBy: 10_000 / unit)
        guard left == 0 else { throw ValueError(.notWhole) }
        for index in max(last + 2, 0)..<max(digitCount, last + 2, 0) where digit(index) != 0 {
            throw ValueError(.notWhole)
        }
        var sum = WholeNumber.Sum(isNegative: isNegative)
        if last >= 0 {
            for index in 0...last { sum.append(Int64(digit(index)), unit: 10_000) }
        }
        if rest > 0 { sum.append(Int64(taken), unit: Int64(unit)) }
        return sum.number
    }
}
