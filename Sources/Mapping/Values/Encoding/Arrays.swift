// Part of Lockstep. See LICENSE.

internal import Bolt

// Binary: i32 dimensions, i32 whether there are NULLs, u32 OID of the element type, then for each dimension i32 size
// and i32 lower bound, then for each element i32 length (-1 for NULL) and its bytes. An empty array has no dimension.
// Text: `{1,2}`, of several dimensions `{{1,2},{3,4}}`, elements in double quotes where they need them, `\` in front of `"`
// and `\` there; `[0:1]={1,2}` where the lower bound is not 1. Lower bounds do not go over.

extension ValueConversion {
    func encodeBinaryArray(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        let dimensions = Int(try bytes.bigEndian(at: 0, as: Int32.self))
        if dimensions == 0 {
            guard bytes.byteCount == 12 else { throw ValueError(.malformed) }
            return out.appendListHeader(0)
        }
        // PostgreSQL has six dimensions at the most.
        guard (1...6).contains(dimensions) else { throw ValueError(.malformed) }
        guard dimensions == 1 || policy.dimensions == .flatten else { throw ValueError(.severalDimensions) }
        let start = 12 + 8 * dimensions
        // Each element takes four bytes at least, so that a header that lies is found before the list is opened.
        let countMax = (bytes.byteCount - start) / 4
        var count = 1
        for dimension in 0..<dimensions {
            let size = Int(try bytes.bigEndian(at: 12 + 8 * dimension, as: Int32.self))
            guard size >= 0, bytes.byteCount >= start, size <= countMax else { throw ValueError(.malformed) }
            count *= size
            guard count <= countMax else { throw ValueError(.malformed) }
        }
        let nulls = try countNulls(bytes, from: start, count)
        guard nulls == 0 || policy.nulls == .drop else { throw ValueError(.nullElement) }
        out.appendListHeader(count - nulls)
        var offset = start
        for _ in 0..<count {
            // Its places were checked when the NULLs were counted.
            let length = Int(try bytes.bigEndian(at: offset, as: Int32.self))
            offset += 4
            guard length >= 0 else { continue }
            try encodeScalar(bytes.extracting(offset..<offset + length), isBinary: true, into: &out)
            offset += length
        }
    }

    /// Walks through the elements, which have to end with the bytes.
    private func countNulls(_ bytes: RawSpan, from start: Int, _ count: Int) throws(ValueError) -> Int {
        var nulls = 0
        var offset = start
        for _ in 0..<count {
            let length = Int(try bytes.bigEndian(at: offset, as: Int32.self))
            offset += 4
            if length == -1 {
                nulls += 1
                continue
            }
            guard length >= 0, length <= bytes.byteCount - offset else { throw ValueError(.malformed) }
            offset += length
        }
        guard offset == bytes.byteCount else { throw ValueError(.malformed) }
        return nulls
    }

    func encodeTextArray(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        var elements = try ArrayElements(bytes)
        let start = elements.cursor.position
        var count = 0
        while let element = try elements.next() {
            guard element.depth == 1 || policy.dimensions == .flatten else { throw ValueError(.severalDimensions) }
            guard !element.isNull || policy.nulls == .drop else { throw ValueError(.nullElement) }
            count += element.isNull ? 0 : 1
        }

        out.appendListHeader(count)
        elements.restart(at: start)
        while let element = try elements.next() {
            if element.isNull { continue }
            let content = bytes.extracting(element.start..<element.end)
            if element.escapes == 0 {
                try encodeScalar(content, isBinary: false, into: &out)
            } else {
                try encodeEscaped(content, escapes: element.escapes, into: &out)
            }
        }
    }

    /// Encodes an element that holds quotes or backslashes: only what goes over as its own text does.
    private func encodeEscaped(
        _ content: RawSpan, escapes: Int, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        switch source {
        case .text, .bpchar, .char, .jsonb, .hstore, .printed: break
        case .bytea where escapes == 1 && content.byte(at: 0) == UInt8(ascii: "\\"):
            // The backslash of `\x…`, which is the only one.
            return try encodeScalar(content.extracting(1..<content.byteCount), isBinary: false, into: &out)
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

/// An element in the text of an array.
private struct ArrayElement {
    /// Where it is, without its quotes.
    var start: Int
    var end: Int
    /// Backslashes in there that stand for the character behind them.
    var escapes = 0
    var isNull = false
    /// Open braces around it.
    var depth = 0
}

/// Walks through the elements of an array's text, whatever its dimensions.
private struct ArrayElements: ~Escapable {
    var cursor: TextCursor
    private var depth = 0

    /// - Throws: Where the text has no `{` behind its bounds.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) throws(ValueError) {
        cursor = TextCursor(bytes)
        // Over `[0:1][1:2]=`.
        while cursor.next == UInt8(ascii: "[") {
            while !cursor.isAtEnd, cursor.next != UInt8(ascii: "]") { cursor.position += 1 }
            try cursor.expect(UInt8(ascii: "]"))
            if cursor.skip(UInt8(ascii: "=")) { break }
        }
        guard cursor.next == UInt8(ascii: "{") else { throw ValueError(.malformed) }
    }

    mutating func restart(at start: Int) {
        cursor.position = start
        depth = 0
    }

    /// Nil behind the last one, which has to be the end of the text.
    mutating func next() throws(ValueError) -> ArrayElement? {
        let isFirst = depth == 0
        if !isFirst {
            while cursor.skip(UInt8(ascii: "}")) {
                depth -= 1
                guard depth == 0 else { continue }
                try cursor.expectEnd()
                return nil
            }
            try cursor.expect(UInt8(ascii: ","))
        }
        while cursor.skip(UInt8(ascii: "{")) { depth += 1 }
        if isFirst, depth == 1, cursor.skip(UInt8(ascii: "}")) {
            try cursor.expectEnd()
            return nil
        }
        var element = try element()
        element.depth = depth
        return element
    }

    private mutating func element() throws(ValueError) -> ArrayElement {
        if cursor.skip(UInt8(ascii: "\"")) { return try quotedElement() }
        let start = cursor.position
        while !cursor.isAtEnd, cursor.next != UInt8(ascii: ","), cursor.next != UInt8(ascii: "}") {
            cursor.position += 1
        }
        guard cursor.position > start else { throw ValueError(.malformed) }
        let isNull = cursor.bytes.extracting(start..<cursor.position).isEqual(to: "NULL")
        return ArrayElement(start: start, end: cursor.position, isNull: isNull)
    }

    private mutating func quotedElement() throws(ValueError) -> ArrayElement {
        let start = cursor.position
        var escapes = 0
        while cursor.next != UInt8(ascii: "\"") {
            if cursor.skip(UInt8(ascii: "\\")) { escapes += 1 }
            guard !cursor.isAtEnd else { throw ValueError(.malformed) }
            cursor.position += 1
        }
        cursor.position += 1
        return ArrayElement(start: start, end: cursor.position - 1, escapes: escapes)
    }
}
