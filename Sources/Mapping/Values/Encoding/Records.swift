// Part of Lockstep. See LICENSE.

internal import Bolt

// Composites. Binary: i32 count of fields, then for each u32 OID of its type, i32 length (-1 for NULL) and bytes; dropped
// fields are left out. Text: `(1,"a b",)`, nothing for NULL, in double quotes where a field needs them.

extension ValueConversion {
    /// Appends what stands in a field of a composite, or deeper; null where there is none.
    ///
    /// - Parameter isPrinted: As PostgreSQL prints it, instead of as the conversion says.
    func encodeField(
        _ bytes: RawSpan, _ fields: ArraySlice<ValuePart.Field>, isBinary: Bool, isPrinted: Bool,
        into out: inout PackStreamBuffer
    ) throws(ValueError) {
        guard let field = fields.first else {
            guard isPrinted else { return try encodeWhole(bytes, isBinary: isBinary, into: &out) }
            return try printScalar(bytes, isBinary: isBinary, into: &out)
        }
        let rest = fields.dropFirst()
        if isBinary {
            guard let place = try binaryField(field.index, bytes) else { return out.appendNull() }
            let inside = bytes.extracting(place)
            return try encodeField(inside, rest, isBinary: true, isPrinted: isPrinted, into: &out)
        }
        guard let (place, isEscaped) = try textField(field.index, bytes) else { return out.appendNull() }
        let inside = bytes.extracting(place)
        guard isEscaped else {
            return try encodeField(inside, rest, isBinary: false, isPrinted: isPrinted, into: &out)
        }
        let plain = inside.unescaped
        try unsafe encodeField(plain.span.bytes, rest, isBinary: false, isPrinted: isPrinted, into: &out)
    }

    private func binaryField(_ index: Int, _ bytes: RawSpan) throws(ValueError) -> Range<Int>? {
        let count = Int(try bytes.bigEndian(at: 0, as: Int32.self))
        guard index < count else { throw ValueError(.malformed) }
        var offset = 4
        var found: Range<Int>?
        for position in 0..<count {
            let length = Int(try bytes.bigEndian(at: offset + 4, as: Int32.self))
            offset += 8
            if length == -1 { continue }
            guard length >= 0, length <= bytes.byteCount - offset else { throw ValueError(.malformed) }
            if position == index { found = offset..<offset + length }
            offset += length
        }
        guard offset == bytes.byteCount else { throw ValueError(.malformed) }
        return found
    }

    private func textField(_ index: Int, _ bytes: RawSpan) throws(ValueError) -> (place: Range<Int>, isEscaped: Bool)? {
        var cursor = TextCursor(bytes)
        try cursor.expect(UInt8(ascii: "("))
        var found: (place: Range<Int>, isEscaped: Bool)?
        var position = 0
        while true {
            let field = try cursor.quotedField { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ")") }
            if position == index { found = field }
            position += 1
            if cursor.skip(UInt8(ascii: ")")) { break }
            try cursor.expect(UInt8(ascii: ","))
        }
        try cursor.expectEnd()
        guard position > index else { throw ValueError(.malformed) }
        return found
    }
}

extension TextCursor {
    /// Steps over a field of a composite or a bound of a range, up to where `isEnd`; where it is, without its quotes. Nil
    /// where nothing stands, which is NULL, or no bound.
    mutating func quotedField(
        _ isEnd: (UInt8) -> Bool
    ) throws(ValueError) -> (place: Range<Int>, isEscaped: Bool)? {
        guard skip(UInt8(ascii: "\"")) else {
            let start = position
            while !isAtEnd, !isEnd(next) { position += 1 }
            return start == position ? nil : (start..<position, false)
        }
        let start = position
        var isEscaped = false
        while true {
            guard position < bytes.byteCount else { throw ValueError(.malformed) }
            if next == UInt8(ascii: "\\") {
                isEscaped = true
                position += 2
            } else if next == UInt8(ascii: "\"") {
                // Doubled it stands for itself.
                guard position + 1 < bytes.byteCount, bytes.byte(at: position + 1) == next else { break }
                isEscaped = true
                position += 2
            } else {
                position += 1
            }
        }
        defer { position += 1 }
        return (start..<position, isEscaped)
    }
}

extension RawSpan {
    /// What stands between the quotes of a field, without the characters that escape others.
    var unescaped: [UInt8] {
        var plain: [UInt8] = []
        plain.reserveCapacity(byteCount)
        var index = 0
        while index < byteCount {
            let byte = self.byte(at: index)
            if byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\"") { index += 1 }
            if index < byteCount { plain.append(self.byte(at: index)) }
            index += 1
        }
        return plain
    }
}
