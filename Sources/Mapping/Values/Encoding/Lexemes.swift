// Part of Lockstep. See LICENSE.

internal import Bolt

// `tsvector` as the list of its lexemes. Binary: i32 count, then for each its bytes, a zero byte, u16 count of positions and
// a u16 for each. Text: `'a' 'it''s':1A,3`, each in quotes, `'` and `\` doubled.

extension ValueConversion {
    func encodeLexemes(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if isBinary { return try encodeBinaryLexemes(bytes, into: &out) }
        var count = 0
        var cursor = TextCursor(bytes)
        while try cursor.nextLexeme() != nil { count += 1 }
        out.appendListHeader(count)
        cursor.position = 0
        while let (place, escapes) = try cursor.nextLexeme() {
            let lexeme = bytes.extracting(place)
            if escapes == 0 {
                out.appendString(lexeme)
                continue
            }
            out.appendStringHeader(byteCount: lexeme.byteCount - escapes)
            var index = 0
            while index < lexeme.byteCount {
                // The first of two.
                if lexeme.byte(at: index).isDoubled { index += 1 }
                out.appendByte(lexeme.byte(at: index))
                index += 1
            }
        }
    }

    private func encodeBinaryLexemes(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        let count = Int(try bytes.bigEndian(at: 0, as: Int32.self))
        // Each takes three bytes at least.
        guard count >= 0, count <= bytes.byteCount / 3 else { throw ValueError(.malformed) }
        out.appendListHeader(count)
        var offset = 4
        for _ in 0..<count {
            var end = offset
            while end < bytes.byteCount, bytes.byte(at: end) != 0 { end += 1 }
            guard end < bytes.byteCount else { throw ValueError(.malformed) }
            out.appendString(bytes.extracting(offset..<end))
            offset = end + 3 + 2 * Int(try bytes.bigEndian(at: end + 1, as: UInt16.self))
        }
        guard offset == bytes.byteCount else { throw ValueError(.malformed) }
    }
}

extension TextCursor {
    /// Steps over a lexeme and its positions; where it is, without its quotes, and how many characters in it are doubled.
    /// Nil at the end.
    fileprivate mutating func nextLexeme() throws(ValueError) -> (place: Range<Int>, escapes: Int)? {
        if isAtEnd { return nil }
        try expect(UInt8(ascii: "'"))
        let start = position
        var escapes = 0
        while true {
            guard position < bytes.byteCount else { throw ValueError(.malformed) }
            if next.isDoubled, position + 1 < bytes.byteCount, bytes.byte(at: position + 1) == next {
                escapes += 1
                position += 2
            } else if next == UInt8(ascii: "'") {
                break
            } else {
                guard !next.isDoubled else { throw ValueError(.malformed) }
                position += 1
            }
        }
        let place = start..<position
        position += 1
        while !isAtEnd, next != UInt8(ascii: " ") { position += 1 }
        if skip(UInt8(ascii: " ")), isAtEnd { throw ValueError(.malformed) }
        return (place, escapes)
    }
}

extension UInt8 {
    fileprivate var isDoubled: Bool { self == UInt8(ascii: "'") || self == UInt8(ascii: "\\") }
}
