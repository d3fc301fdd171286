// Part of Lockstep. See LICENSE.

internal import Bolt

// Ranges. Binary: flags (01 empty, 02 and 04 inclusive, 08 no lower and 10 no upper bound), then for each bound that is
// there i32 length and bytes. Text: `empty`, `[1,5)`, `(,5]`, `["2024-01-01 00:00:00",)`.

extension ValueConversion {
    /// Appends one bound of a range as `source` says; null where there is none.
    func encodeBound(
        _ bytes: RawSpan, isUpper: Bool, isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        guard !isBinary else {
            let bounds = try binaryBounds(bytes)
            guard let bound = isUpper ? bounds.upper : bounds.lower else { return out.appendNull() }
            return try encodeScalar(bytes.extracting(bound), isBinary: true, into: &out)
        }
        guard let (place, isEscaped) = try textBound(bytes, isUpper: isUpper) else { return out.appendNull() }
        let bound = bytes.extracting(place)
        guard isEscaped else { return try encodeScalar(bound, isBinary: false, into: &out) }
        let plain = bound.unescaped
        try unsafe encodeScalar(plain.span.bytes, isBinary: false, into: &out)
    }

    private func binaryBounds(_ bytes: RawSpan) throws(ValueError) -> (lower: Range<Int>?, upper: Range<Int>?) {
        guard bytes.byteCount > 0 else { throw ValueError(.malformed) }
        let flags = bytes.byte(at: 0)
        var offset = 1
        func bound(_ isThere: Bool) throws(ValueError) -> Range<Int>? {
            guard isThere else { return nil }
            let length = Int(try bytes.bigEndian(at: offset, as: Int32.self))
            offset += 4
            guard length >= 0, length <= bytes.byteCount - offset else { throw ValueError(.malformed) }
            defer { offset += length }
            return offset..<offset + length
        }
        let isEmpty = flags & 0x01 != 0
        let lower = try bound(!isEmpty && flags & 0x08 == 0)
        let upper = try bound(!isEmpty && flags & 0x10 == 0)
        guard offset == bytes.byteCount else { throw ValueError(.malformed) }
        return (lower, upper)
    }

    private func textBound(
        _ bytes: RawSpan, isUpper: Bool
    ) throws(ValueError) -> (place: Range<Int>, isEscaped: Bool)? {
        if bytes.isEqual(to: "empty") { return nil }
        var cursor = TextCursor(bytes)
        guard cursor.skip(UInt8(ascii: "[")) || cursor.skip(UInt8(ascii: "(")) else { throw ValueError(.malformed) }
        let lower = try cursor.quotedField { $0 == UInt8(ascii: ",") }
        try cursor.expect(UInt8(ascii: ","))
        let upper = try cursor.quotedField { $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: ")") }
        guard cursor.skip(UInt8(ascii: "]")) || cursor.skip(UInt8(ascii: ")")) else { throw ValueError(.malformed) }
        try cursor.expectEnd()
        return isUpper ? upper : lower
    }

    /// Appends the ranges of a multirange, `{[1,3),[5,7)}`, each as it stands there.
    func encodeMultirange(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard !isBinary else { throw ValueError(.binaryNotTaken) }
        var count = 0
        var cursor = TextCursor(bytes)
        try cursor.expect(UInt8(ascii: "{"))
        while try cursor.nextRange(isFirst: count == 0) != nil { count += 1 }
        out.appendListHeader(count)
        cursor.position = 1
        for index in 0..<count {
            guard let place = try cursor.nextRange(isFirst: index == 0) else { throw ValueError(.malformed) }
            out.appendString(bytes.extracting(place))
        }
    }
}

extension TextCursor {
    /// Steps over a range inside a multirange; nil behind the last one, which has to be the end.
    fileprivate mutating func nextRange(isFirst: Bool) throws(ValueError) -> Range<Int>? {
        if skip(UInt8(ascii: "}")) {
            try expectEnd()
            return nil
        }
        if !isFirst { try expect(UInt8(ascii: ",")) }
        let start = position
        guard skip(UInt8(ascii: "[")) || skip(UInt8(ascii: "(")) else { throw ValueError(.malformed) }
        _ = try quotedField { $0 == UInt8(ascii: ",") }
        try expect(UInt8(ascii: ","))
        _ = try quotedField { $0 == UInt8(ascii: "]") || $0 == UInt8(ascii: ")") }
        guard skip(UInt8(ascii: "]")) || skip(UInt8(ascii: ")")) else { throw ValueError(.malformed) }
        return start..<position
    }
}
