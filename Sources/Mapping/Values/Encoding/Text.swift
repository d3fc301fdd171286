// Part of Lockstep. See LICENSE.

internal import Bolt

// Types whose text form is the graph's string, and whose binary form is nearly that.

extension ValueConversion {
    /// `character(n)` without its padding, which PostgreSQL itself leaves out of comparisons and casts: a key of
    /// `char(5)` is the same as one of `char(10)` that refers to it.
    func encodePadded(_ bytes: RawSpan, into out: inout PackStreamBuffer) {
        var end = bytes.byteCount
        while end > 0, bytes.byte(at: end - 1) == UInt8(ascii: " ") { end -= 1 }
        out.appendString(bytes.extracting(0..<end))
    }

    /// `"char"`: binary is the byte itself; text is nothing for zero and `\ooo` for a byte that is no ASCII.
    func encodeChar(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        guard bytes.byteCount == 1 else { throw ValueError(.malformed) }
        let byte = bytes.byte(at: 0)
        if byte == 0 {
            out.appendStringHeader(byteCount: 0)
        } else if byte < 0x80 {
            out.appendString(bytes)
        } else {
            out.appendStringHeader(byteCount: 4)
            out.appendByte(UInt8(ascii: "\\"))
            out.appendByte(UInt8(ascii: "0") + byte >> 6)
            out.appendByte(UInt8(ascii: "0") + byte >> 3 & 7)
            out.appendByte(UInt8(ascii: "0") + byte & 7)
        }
    }

    /// `jsonb`, `jsonpath`, `ltree`: binary is a version byte, always 1 so far, and the text.
    @inline(__always)
    func encodeVersioned(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        guard bytes.byteCount > 0, bytes.byte(at: 0) == 1 else { throw ValueError(.malformed) }
        out.appendString(bytes.extracting(1..<bytes.byteCount))
    }

    /// `uuid`: binary is its 16 bytes, text the 36 characters that go over.
    @inline(__always)
    func encodeUUID(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        guard bytes.byteCount == 16 else { throw ValueError(.malformed) }
        var text = InlineArray<36, UInt8>(repeating: UInt8(ascii: "-"))
        var position = 0
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 { position += 1 }
            let byte = bytes.byte(at: index)
            text[position] = hexDigit(byte >> 4)
            text[position + 1] = hexDigit(byte & 15)
            position += 2
        }
        unsafe out.appendString(text.span.bytes)
    }
}

/// The lower-case hexadecimal digit of a number below 16.
@inline(__always) func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
}
