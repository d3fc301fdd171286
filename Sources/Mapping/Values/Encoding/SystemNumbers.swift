// Part of Lockstep. See LICENSE.

internal import Bolt

// Numbers that go over as PostgreSQL prints them, or nearly.
// `xid8`. Binary: u64. Text: decimal. `pg_lsn`. Binary: u64. Text: both halves in hexadecimal, `16/B374D848`.
// `tid`. Binary: u32 block, u16 place in it. Text: `(7,3)`.
// `money`. Binary: i64 of the currency's smallest unit. Text: as the server's locale writes it, `-$1,234.50`.
// `bit`, `bit varying`. Binary: i32 count of bits, then these, filled up with zeros. Text: `0101`.

extension ValueConversion {
    func encodeSystemNumber(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        var text = InlineArray<20, UInt8>(repeating: 0)
        var start = 20
        func prepend(_ byte: UInt8) {
            start -= 1
            text[start] = byte
        }
        func prepend(_ number: UInt64, base: UInt64) {
            var rest = number
            repeat {
                let digit = hexDigit(UInt8(rest % base))
                prepend(digit >= UInt8(ascii: "a") ? digit - 32 : digit)
                rest /= base
            } while rest > 0
        }
        switch source {
        case .xid8: prepend(try bytes.bigEndian(as: UInt64.self), base: 10)
        case .lsn:
            let position = try bytes.bigEndian(as: UInt64.self)
            prepend(position & 0xFFFF_FFFF, base: 16)
            prepend(UInt8(ascii: "/"))
            prepend(position >> 32, base: 16)
        default:
            guard bytes.byteCount == 6 else { throw ValueError(.malformed) }
            prepend(UInt8(ascii: ")"))
            prepend(UInt64(try bytes.bigEndian(at: 4, as: UInt16.self)), base: 10)
            prepend(UInt8(ascii: ","))
            prepend(UInt64(try bytes.bigEndian(at: 0, as: UInt32.self)), base: 10)
            prepend(UInt8(ascii: "("))
        }
        unsafe out.appendString(text.span.bytes.extracting(start..<20))
    }

    func encodeMoney(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if isBinary { return out.append(try bytes.bigEndian(as: Int64.self)) }
        // Whatever stands between them, the digits are those of the smallest unit.
        var isNegative = false
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            isNegative = isNegative || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "(")
        }
        var sum = WholeNumber.Sum(isNegative: isNegative)
        var hasDigits = false
        for index in 0..<bytes.byteCount where isDigit(bytes.byte(at: index)) {
            sum.append(Int64(bytes.byte(at: index) - UInt8(ascii: "0")), unit: 10)
            hasDigits = true
        }
        guard hasDigits, case .value(let value) = sum.number else { throw ValueError(.malformed) }
        out.append(value)
    }

    func encodeBits(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        let count = Int(try bytes.bigEndian(at: 0, as: Int32.self))
        guard count >= 0, bytes.byteCount == 4 + (count + 7) / 8 else { throw ValueError(.malformed) }
        out.appendStringHeader(byteCount: count)
        for index in 0..<count {
            out.appendByte(UInt8(ascii: "0") + (bytes.byte(at: 4 + index / 8) >> UInt8(7 - index % 8) & 1))
        }
    }
}
