// Part of Lockstep. See LICENSE.

internal import Bolt

// Ranges. Binary: flags (01 empty, 02 and 04 inclusive, 08 no lower and 10 no upper bound), then for each bound that is
// there i32 length and bytes. Text: `empty`, `[1,5)`, `(,5]`, `["2024-01-01 00:00:00",)`.

extension ValueConversion {
    /// Appends one bound of a range as `source` says; null where there is none.
    func encodeBound(
        _ bytes: RawSpan, isUpper: Bool, isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        let bounds = isBinary ? try binaryBounds(bytes) : try textBounds(bytes)
        guard let bound = isUpper ? bounds.upper : bounds.lower else { return out.appendNull() }
        try encodeScalar(bytes.extracting(bound), isBinary: isBinary, into: &out)
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

    /// The bounds of numbers and moments, in which nothing is escaped.
    private func textBounds(_ bytes: RawSpan) throws(ValueError) -> (lower: Range<Int>?, upper: Range<Int>?) {
        if bytes.isEqual(to: "empty") { return (nil, nil) }
        var cursor = TextCursor(bytes)
        guard cursor.skip(UInt8(ascii: "[")) || cursor.skip(UInt8(ascii: "(")) else { throw ValueError(.malformed) }
        let lower = try cursor.bound(before: UInt8(ascii: ","))
        try cursor.expect(UInt8(ascii: ","))
        let upper = try cursor.bound(before: cursor.bytes.byte(at: bytes.byteCount - 1))
        guard cursor.skip(UInt8(ascii: "]")) || cursor.skip(UInt8(ascii: ")")) else { throw ValueError(.malformed) }
        try cursor.expectEnd()
        return (lower, upper)
    }
}

extension TextCursor {
    fileprivate mutating func bound(before end: UInt8) throws(ValueError) -> Range<Int>? {
        let isQuoted = skip(UInt8(ascii: "\""))
        let start = position
        let end = isQuoted ? UInt8(ascii: "\"") : end
        while !isAtEnd, next != end { position += 1 }
        let bound = start..<position
        if isQuoted { try expect(end) }
        return bound.isEmpty && !isQuoted ? nil : bound
    }
}
