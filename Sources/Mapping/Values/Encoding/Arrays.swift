// Part of Lockstep. See LICENSE.

internal import Bolt

// Binary: i32 dimensions, i32 whether there are NULLs, u32 OID of the element type, then for each dimension i32 size
// and i32 lower bound, then for each element i32 length (-1 for NULL) and its bytes. An empty array has no dimension.
// Text: `{1,2}`, elements in double quotes where they need them, `\` in front of `"` and `\` there; `[0:1]={1,2}` where
// the lower bound is not 1. Lower bounds do not go over.

extension ValueConversion {
    func encodeBinaryArray(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        let dimensions = try bytes.bigEndian(at: 0, as: Int32.self)
        if dimensions == 0 {
            guard bytes.byteCount == 12 else { throw ValueError(.malformed) }
            return out.appendListHeader(0)
        }
        guard dimensions == 1 else { throw ValueError(dimensions > 1 ? .severalDimensions : .malformed) }
        let count = Int(try bytes.bigEndian(at: 12, as: Int32.self))
        // Each element takes four bytes at least, so that a header that lies is found before the list is opened.
        guard bytes.byteCount >= 20, (0...(bytes.byteCount - 20) / 4).contains(count) else {
            throw ValueError(.malformed)
        }
        out.appendListHeader(count)
        var offset = 20
        for _ in 0..<count {
            let length = Int(try bytes.bigEndian(at: offset, as: Int32.self))
            offset += 4
            guard length != -1 else { throw ValueError(.nullElement) }
            guard length >= 0, length <= bytes.byteCount - offset else { throw ValueError(.malformed) }
            try encodeScalar(bytes.extracting(offset..<offset + length), isBinary: true, into: &out)
            offset += length
        }
        guard offset == bytes.byteCount else { throw ValueError(.malformed) }
    }

    func encodeTextArray(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        var cursor = TextCursor(bytes)
        try cursor.skipBounds()
        let start = cursor.position
        var count = 0
        var element = try cursor.firstElement()
        while element != nil {
            count += 1
            element = try cursor.nextElement()
        }
        try cursor.expectEnd()

        out.appendListHeader(count)
        cursor.position = start
        element = try cursor.firstElement()
        while let found = element {
            let content = bytes.extracting(found.start..<found.end)
            if found.escapes == 0 {
                try encodeScalar(content, isBinary: false, into: &out)
            } else {
                try encodeEscaped(content, escapes: found.escapes, into: &out)
            }
            element = try cursor.nextElement()
        }
    }

    /// Encodes an element that holds quotes or backslashes: only what goes over as its own text does.
    private func encodeEscaped(
        _ content: RawSpan, escapes: Int, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        switch source {
        case .text, .bpchar, .char, .jsonb: break
        default: throw ValueError(.malformed)
        }
        var end = content.byteCount
        if source == .bpchar {
            while end > 0, content.byte(at: end - 1) == UInt8(ascii: " ") { end -= 1 }
        }
        out.appendStringHeader(byteCount: end - escapes)
        var index = 0
        while index < end {
            if content.byte(at: index) == UInt8(ascii: "\\") { index += 1 }
            out.appendByte(content.byte(at: index))
            index += 1
        }
    }
}

/// Where an element is in the text, without its quotes.
private struct ElementPlace {
    var start: Int
    var end: Int
    /// Backslashes in there that stand for the character behind them.
    var escapes: Int
}

extension TextCursor {
    /// Steps over `[0:1]=`.
    fileprivate mutating func skipBounds() throws(ValueError) {
        guard next == UInt8(ascii: "[") else { return }
        while !isAtEnd, next != UInt8(ascii: "]") { position += 1 }
        try expect(UInt8(ascii: "]"))
        guard next != UInt8(ascii: "[") else { throw ValueError(.severalDimensions) }
        try expect(UInt8(ascii: "="))
    }

    /// Steps over `{` and the first element; nil, behind `}`, where there is none.
    fileprivate mutating func firstElement() throws(ValueError) -> ElementPlace? {
        try expect(UInt8(ascii: "{"))
        return skip(UInt8(ascii: "}")) ? nil : try element()
    }

    /// Steps over `,` and an element; nil, behind `}`, after the last.
    fileprivate mutating func nextElement() throws(ValueError) -> ElementPlace? {
        if skip(UInt8(ascii: "}")) { return nil }
        try expect(UInt8(ascii: ","))
        return try element()
    }

    private mutating func element() throws(ValueError) -> ElementPlace {
        if next == UInt8(ascii: "{") { throw ValueError(.severalDimensions) }
        if skip(UInt8(ascii: "\"")) { return try quotedElement() }
        let start = position
        while !isAtEnd, next != UInt8(ascii: ","), next != UInt8(ascii: "}") { position += 1 }
        guard position > start else { throw ValueError(.malformed) }
        if bytes.extracting(start..<position).isEqual(to: "NULL") { throw ValueError(.nullElement) }
        return ElementPlace(start: start, end: position, escapes: 0)
    }

    private mutating func quotedElement() throws(ValueError) -> ElementPlace {
        let start = position
        var escapes = 0
        while next != UInt8(ascii: "\"") {
            if skip(UInt8(ascii: "\\")) { escapes += 1 }
            guard !isAtEnd else { throw ValueError(.malformed) }
            position += 1
        }
        position += 1
        return ElementPlace(start: start, end: position - 1, escapes: escapes)
    }
}
