// Part of Lockstep. See LICENSE.

internal import Bolt

// `bytea`. Binary: the bytes. Text: `\x` and two hexadecimal digits a byte, or, under `bytea_output` escape, printable
// ASCII as it is, `\\` for a backslash and `\ooo` for the rest. As a string it is the hexadecimal form in either case.

extension ValueConversion {
    func encodeBytea(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if isBinary {
            appendHeader(count: bytes.byteCount, to: &out)
            if target == .bytes { return out.appendRaw(bytes) }
            for index in 0..<bytes.byteCount { append(bytes.byte(at: index), to: &out) }
        } else if bytes.byteCount >= 2, bytes.extracting(0..<2).isEqual(to: "\\x") {
            try encodeHexadecimal(bytes.extracting(2..<bytes.byteCount), into: &out)
        } else {
            try encodeEscaped(bytes, into: &out)
        }
    }

    private func encodeHexadecimal(_ digits: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        guard digits.byteCount % 2 == 0 else { throw ValueError(.malformed) }
        appendHeader(count: digits.byteCount / 2, to: &out)
        for index in stride(from: 0, to: digits.byteCount, by: 2) {
            let high = try value(ofHexDigit: digits.byte(at: index))
            append(high << 4 | (try value(ofHexDigit: digits.byte(at: index + 1))), to: &out)
        }
    }

    private func encodeEscaped(_ text: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        var count = 0
        var cursor = TextCursor(text)
        while !cursor.isAtEnd {
            _ = try unescaped(&cursor)
            count += 1
        }
        appendHeader(count: count, to: &out)
        cursor = TextCursor(text)
        while !cursor.isAtEnd { append(try unescaped(&cursor), to: &out) }
    }

    private func unescaped(_ cursor: inout TextCursor) throws(ValueError) -> UInt8 {
        let byte = cursor.next
        cursor.position += 1
        guard byte == UInt8(ascii: "\\") else { return byte }
        if cursor.skip(byte) { return byte }
        var value = 0
        for _ in 0..<3 {
            let digit = cursor.next &- UInt8(ascii: "0")
            guard digit < 8 else { throw ValueError(.malformed) }
            value = value << 3 | Int(digit)
            cursor.position += 1
        }
        guard let octal = UInt8(exactly: value) else { throw ValueError(.malformed) }
        return octal
    }

    func value(ofHexDigit digit: UInt8) throws(ValueError) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): return digit - UInt8(ascii: "A") + 10
        default: throw ValueError(.malformed)
        }
    }

    private func appendHeader(count: Int, to out: inout PackStreamBuffer) {
        if target == .bytes { return out.appendBytesHeader(byteCount: count) }
        out.appendStringHeader(byteCount: 2 + 2 * count)
        out.appendByte(UInt8(ascii: "\\"))
        out.appendByte(UInt8(ascii: "x"))
    }

    @inline(__always) private func append(_ byte: UInt8, to out: inout PackStreamBuffer) {
        if target == .bytes { return out.appendByte(byte) }
        out.appendByte(hexDigit(byte >> 4))
        out.appendByte(hexDigit(byte & 15))
    }
}
