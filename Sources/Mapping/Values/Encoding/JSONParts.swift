// Part of Lockstep. See LICENSE.

internal import Bolt

// A value inside `json` or `jsonb`, found in the text: of a member that stands twice the last counts, as for `->`. A string
// goes over without its quotes and escapes, all else that is wanted as a string as it stands there: so does `->>`. JSON's
// null is none.

extension ValueConversion {
    func encodeJSON(
        _ bytes: RawSpan, at path: [String], isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        var text = bytes
        if isBinary, source == .jsonb {
            guard bytes.byteCount > 0, bytes.byte(at: 0) == 1 else { throw ValueError(.malformed) }
            text = bytes.extracting(1..<bytes.byteCount)
        }
        var cursor = TextCursor(text)
        cursor.skipBlanks()
        var place: Range<Int>? = try cursor.jsonValue()
        for step in path {
            guard let inside = place else { break }
            cursor.position = inside.lowerBound
            place = try cursor.jsonMember(step)
        }
        guard let place else { return out.appendNull() }
        let value = text.extracting(place)
        if value.isEqual(to: "null") { return out.appendNull() }
        if isList { try encodeJSONList(value, into: &out) } else { try encodeJSONScalar(value, into: &out) }
    }

    private func encodeJSONList(_ value: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        var cursor = TextCursor(value)
        guard cursor.next == UInt8(ascii: "[") else { throw ValueError(.otherKind) }
        var count = 0
        while let element = try cursor.nextJSONElement(isFirst: cursor.position == 0) {
            if !value.extracting(element).isEqual(to: "null") {
                count += 1
            } else if policy.nulls == .error {
                throw ValueError(.nullElement)
            }
        }
        out.appendListHeader(count)
        cursor.position = 0
        while let place = try cursor.nextJSONElement(isFirst: cursor.position == 0) {
            let element = value.extracting(place)
            if !element.isEqual(to: "null") { try encodeJSONScalar(element, into: &out) }
        }
    }

    private func encodeJSONScalar(_ value: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        let first = value.byte(at: 0)
        let isNumber = isDigit(first) || first == UInt8(ascii: "-")
        switch target {
        case .integer:
            guard isNumber else { throw ValueError(.otherKind) }
            try encodeJSONInteger(value, into: &out)
        case .float:
            guard isNumber else { throw ValueError(.otherKind) }
            let number = try parseFloat(value, isSingle: false, scratch: &out)
            out.append(number)
        case .boolean:
            guard value.isEqual(to: "true") || value.isEqual(to: "false") else { throw ValueError(.otherKind) }
            out.append(first == UInt8(ascii: "t"))
        default:
            if first == UInt8(ascii: "\"") {
                try appendJSONString(value.extracting(1..<value.byteCount - 1), to: &out)
            } else {
                out.appendString(value)
            }
        }
    }

    private func encodeJSONInteger(_ value: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        for index in 0..<value.byteCount where value.byte(at: index) | 0x20 == UInt8(ascii: "e") {
            // Only `json` keeps such a number as it was written.
            throw ValueError(.notWhole)
        }
        try ValueConversion(source: .numeric, target: .integer).encodeNumeric(value, isBinary: false, into: &out)
    }

    private func appendJSONString(_ content: RawSpan, to out: inout PackStreamBuffer) throws(ValueError) {
        var count = 0
        var characters = JSONCharacters(content)
        while try characters.next() != nil { count += 1 }
        // Nothing is escaped in most.
        if count == content.byteCount { return out.appendString(content) }
        out.appendStringHeader(byteCount: count)
        characters = JSONCharacters(content)
        while let byte = try characters.next() { out.appendByte(byte) }
    }
}

extension TextCursor {
    fileprivate mutating func skipBlanks() {
        while isJSONBlank(next) { position += 1 }
    }

    /// Steps over a value; where it is.
    fileprivate mutating func jsonValue() throws(ValueError) -> Range<Int> {
        let start = position
        var depth = 0
        repeat {
            switch next {
            case UInt8(ascii: "\""): try skipJSONString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
            default:
                guard !isAtEnd else { throw ValueError(.malformed) }
                position += 1
                if depth == 0 {
                    while !isAtEnd, !isJSONEnd(next) { position += 1 }
                }
            }
        } while depth > 0
        guard depth == 0, position > start else { throw ValueError(.malformed) }
        return start..<position
    }

    private func isJSONBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private func isJSONEnd(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || isJSONBlank(byte)
    }

    private mutating func skipJSONString() throws(ValueError) {
        try expect(UInt8(ascii: "\""))
        while !skip(UInt8(ascii: "\"")) {
            if next == UInt8(ascii: "\\") { position += 1 }
            guard position < bytes.byteCount else { throw ValueError(.malformed) }
            position += 1
        }
    }

    /// Where the member or element that `step` names is in the value here; nil where there is none.
    fileprivate mutating func jsonMember(_ step: String) throws(ValueError) -> Range<Int>? {
        var found: Range<Int>?
        switch next {
        case UInt8(ascii: "{"):
            position += 1
            skipBlanks()
            while next == UInt8(ascii: "\"") {
                let start = position
                try skipJSONString()
                let name = bytes.extracting(start + 1..<position - 1)
                skipBlanks()
                try expect(UInt8(ascii: ":"))
                skipBlanks()
                let value = try jsonValue()
                if try JSONCharacters(name).areEqual(to: step) { found = value }
                skipBlanks()
                if !skip(UInt8(ascii: ",")) { break }
                skipBlanks()
            }
        case UInt8(ascii: "["):
            guard let wanted = Int(step), wanted >= 0 else { return nil }
            let start = position
            var index = 0
            while let element = try nextJSONElement(isFirst: position == start) {
                if index == wanted { return element }
                index += 1
            }
        default: break
        }
        return found
    }

    /// Steps over an element of the array here; nil behind the last.
    fileprivate mutating func nextJSONElement(isFirst: Bool) throws(ValueError) -> Range<Int>? {
        skipBlanks()
        if !isFirst, skip(UInt8(ascii: "]")) { return nil }
        try expect(UInt8(ascii: isFirst ? "[" : ","))
        skipBlanks()
        if isFirst, skip(UInt8(ascii: "]")) { return nil }
        return try jsonValue()
    }
}

/// The UTF-8 of a JSON string, from what stands between its quotes.
private struct JSONCharacters: ~Escapable {
    private let bytes: RawSpan
    private var position = 0
    /// Bytes of an escaped character that are still to be given, the next one lowest.
    private var pending: UInt32 = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    consuming func areEqual(to text: String) throws(ValueError) -> Bool {
        for byte in text.utf8 where try next() != byte { return false }
        return try next() == nil
    }

    mutating func next() throws(ValueError) -> UInt8? {
        if pending != 0 {
            defer { pending >>= 8 }
            return UInt8(truncatingIfNeeded: pending)
        }
        guard position < bytes.byteCount else { return nil }
        let byte = bytes.byte(at: position)
        position += 1
        guard byte == UInt8(ascii: "\\") else { return byte }
        guard position < bytes.byteCount else { throw ValueError(.malformed) }
        let escape = bytes.byte(at: position)
        position += 1
        switch escape {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return try escapedScalar()
        default: return escape
        }
    }

    private mutating func escapedScalar() throws(ValueError) -> UInt8 {
        var value = try hexadecimal()
        if (0xD800..<0xDC00).contains(value) {
            guard position + 1 < bytes.byteCount, bytes.byte(at: position) == UInt8(ascii: "\\"),
                bytes.byte(at: position + 1) == UInt8(ascii: "u")
            else { throw ValueError(.malformed) }
            position += 2
            let low = try hexadecimal()
            guard (0xDC00..<0xE000).contains(low) else { throw ValueError(.malformed) }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        // PostgreSQL has no character of number 0.
        guard value != 0, let scalar = Unicode.Scalar(value) else { throw ValueError(.malformed) }
        var rest: UInt32 = 0
        for byte in scalar.utf8.reversed() { rest = rest << 8 | UInt32(byte) }
        pending = rest >> 8
        return UInt8(truncatingIfNeeded: rest)
    }

    private mutating func hexadecimal() throws(ValueError) -> UInt32 {
        var value: UInt32 = 0
        guard position + 4 <= bytes.byteCount else { throw ValueError(.malformed) }
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes.byte(at: position))).hexDigitValue else {
                throw ValueError(.malformed)
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
