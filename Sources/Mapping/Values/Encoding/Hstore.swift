// Part of Lockstep. See LICENSE.

internal import Bolt

// `hstore`. Binary: i32 count of pairs, then for each i32 length and bytes of the key, i32 length (-1 for NULL) and bytes of
// the value. Text: `"a"=>"1", "b"=>NULL`, `\` in front of `"` and `\`.

extension ValueConversion {
    func encodeHstore(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        // First how long it is, then what it is.
        var length = 0
        var pairs = try HstorePairs(bytes)
        while let (key, value) = try pairs.next() {
            length += (length > 0 ? 2 : 0) + 2
            length += quotedLength(bytes.extracting(key)) + (value.map { quotedLength(bytes.extracting($0)) } ?? 4)
        }
        out.appendStringHeader(byteCount: length)
        pairs = try HstorePairs(bytes)
        var isFirst = true
        while let (key, value) = try pairs.next() {
            if !isFirst { append(", ", to: &out) }
            isFirst = false
            appendQuoted(bytes.extracting(key), to: &out)
            append("=>", to: &out)
            if let value { appendQuoted(bytes.extracting(value), to: &out) } else { append("NULL", to: &out) }
        }
    }

    /// Appends the value of one key; null where there is none, or NULL.
    func encodeHstore(
        _ bytes: RawSpan, at wanted: String, isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        if isBinary {
            var pairs = try HstorePairs(bytes)
            while let (key, value) = try pairs.next() {
                guard bytes.extracting(key).isEqual(to: wanted) else { continue }
                guard let value else { return out.appendNull() }
                return out.appendString(bytes.extracting(value))
            }
        } else {
            var cursor = TextCursor(bytes)
            while !cursor.isAtEnd {
                let key = try cursor.quoted()
                try cursor.expect(UInt8(ascii: "="))
                try cursor.expect(UInt8(ascii: ">"))
                let value: Range<Int>? = cursor.next == UInt8(ascii: "\"") ? try cursor.quoted() : nil
                if value == nil { for byte in "NULL".utf8 { try cursor.expect(byte) } }
                if !cursor.isAtEnd {
                    try cursor.expect(UInt8(ascii: ","))
                    try cursor.expect(UInt8(ascii: " "))
                }
                guard bytes.extracting(key).isEqual(to: wanted, unescaped: true) else { continue }
                guard let value else { return out.appendNull() }
                return appendUnescaped(bytes.extracting(value), to: &out)
            }
        }
        out.appendNull()
    }

    private func quotedLength(_ bytes: RawSpan) -> Int {
        var length = bytes.byteCount + 2
        for index in 0..<bytes.byteCount where bytes.byte(at: index).isEscaped { length += 1 }
        return length
    }

    private func appendQuoted(_ bytes: RawSpan, to out: inout PackStreamBuffer) {
        out.appendByte(UInt8(ascii: "\""))
        for index in 0..<bytes.byteCount {
            let byte = bytes.byte(at: index)
            if byte.isEscaped { out.appendByte(UInt8(ascii: "\\")) }
            out.appendByte(byte)
        }
        out.appendByte(UInt8(ascii: "\""))
    }

    private func append(_ text: StaticString, to out: inout PackStreamBuffer) {
        for index in 0..<text.utf8CodeUnitCount { unsafe out.appendByte(text.utf8Start[index]) }
    }

    private func appendUnescaped(_ bytes: RawSpan, to out: inout PackStreamBuffer) {
        var length = 0
        var index = 0
        while index < bytes.byteCount {
            index += bytes.byte(at: index) == UInt8(ascii: "\\") ? 2 : 1
            length += 1
        }
        out.appendStringHeader(byteCount: length)
        index = 0
        while index < bytes.byteCount {
            // A quoted text does not end with a single backslash.
            if bytes.byte(at: index) == UInt8(ascii: "\\") { index += 1 }
            out.appendByte(bytes.byte(at: index))
            index += 1
        }
    }
}

/// Walks through the pairs of the binary form.
private struct HstorePairs: ~Escapable {
    private let bytes: RawSpan
    private var offset = 4
    private var left: Int

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) throws(ValueError) {
        self.bytes = bytes
        left = Int(try bytes.bigEndian(at: 0, as: Int32.self))
        guard left >= 0 else { throw ValueError(.malformed) }
    }

    mutating func next() throws(ValueError) -> (key: Range<Int>, value: Range<Int>?)? {
        guard left > 0 else {
            guard offset == bytes.byteCount else { throw ValueError(.malformed) }
            return nil
        }
        left -= 1
        guard let key = try field() else { throw ValueError(.malformed) }
        return (key, try field())
    }

    private mutating func field() throws(ValueError) -> Range<Int>? {
        let length = Int(try bytes.bigEndian(at: offset, as: Int32.self))
        offset += 4
        if length == -1 { return nil }
        guard length >= 0, length <= bytes.byteCount - offset else { throw ValueError(.malformed) }
        defer { offset += length }
        return offset..<offset + length
    }
}

extension TextCursor {
    /// Steps over a text in double quotes, `\` in front of `"` and `\` inside; where it is, without the quotes.
    fileprivate mutating func quoted() throws(ValueError) -> Range<Int> {
        try expect(UInt8(ascii: "\""))
        let start = position
        while next != UInt8(ascii: "\"") {
            if next == UInt8(ascii: "\\") { position += 1 }
            guard !isAtEnd, position < bytes.byteCount else { throw ValueError(.malformed) }
            position += 1
        }
        position += 1
        return start..<position - 1
    }
}

extension RawSpan {
    /// Whether the span is this text.
    ///
    /// - Parameter unescaped: Its backslashes stand for the character behind them.
    func isEqual(to text: String, unescaped: Bool = false) -> Bool {
        var index = 0
        for byte in text.utf8 {
            if unescaped, index < byteCount, self.byte(at: index) == UInt8(ascii: "\\") { index += 1 }
            guard index < byteCount, self.byte(at: index) == byte else { return false }
            index += 1
        }
        return index == byteCount
    }
}

extension UInt8 {
    fileprivate var isEscaped: Bool { self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\") }
}
