// Part of Lockstep. See LICENSE.

internal import Bolt

// Binary: big endian, two's complement; `oid` unsigned. Text: decimal. `bool` is one byte, or `t`, `f`, and as a cast
// to `text` prints it `true`, `false`.

extension ValueConversion {
    @inline(__always)
    func encodeInteger(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let value = isBinary ? try binaryInteger(bytes) : try textInteger(bytes)
        switch target {
        case .float: out.append(Double(value))
        case .string: appendDecimal(value, to: &out)
        default: out.append(value)
        }
    }

    @inline(__always)
    private func binaryInteger(_ bytes: RawSpan) throws(ValueError) -> Int64 {
        switch source {
        case .int2: Int64(try bytes.bigEndian(as: Int16.self))
        case .int4: Int64(try bytes.bigEndian(as: Int32.self))
        case .oid: Int64(try bytes.bigEndian(as: UInt32.self))
        default: try bytes.bigEndian(as: Int64.self)
        }
    }

    private func textInteger(_ bytes: RawSpan) throws(ValueError) -> Int64 {
        var cursor = TextCursor(bytes)
        let value = try cursor.integer()
        try cursor.expectEnd()
        return value
    }

    func appendDecimal(_ value: Int64, to out: inout PackStreamBuffer) {
        appendDecimal(value.magnitude, isNegative: value < 0, to: &out)
    }

    func appendDecimal(_ value: UInt64, isNegative: Bool, to out: inout PackStreamBuffer) {
        var magnitude = value
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var start = 20
        repeat {
            let (rest, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(digit)
            magnitude = rest
        } while magnitude > 0
        if isNegative {
            start -= 1
            digits[start] = UInt8(ascii: "-")
        }
        unsafe out.appendString(digits.span.bytes.extracting(start..<20))
    }

    @inline(__always)
    func encodeBool(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let value: Bool
        if isBinary {
            guard bytes.byteCount == 1 else { throw ValueError(.malformed) }
            value = bytes.byte(at: 0) != 0
        } else {
            value = try textBool(bytes)
        }
        if target == .string {
            out.append(value ? "true" : "false")
        } else {
            out.append(value)
        }
    }

    private func textBool(_ bytes: RawSpan) throws(ValueError) -> Bool {
        if bytes.isEqual(to: "t") || bytes.isEqual(to: "true") { return true }
        if bytes.isEqual(to: "f") || bytes.isEqual(to: "false") { return false }
        throw ValueError(.malformed)
    }
}
