// Part of Lockstep. See LICENSE.

public import Bolt

/// Puts a ``DerivedProperty`` together, part by part. Reused from row to row: nothing is allocated once it has grown.
public struct TemplateWriter: ~Copyable {
    private var text = PackStreamBuffer()
    private var value = PackStreamBuffer()
    private var isAbsent = false

    public init() {}

    /// Begins the next property.
    public mutating func begin() {
        text.removeAll()
        isAbsent = false
    }

    public mutating func append(words: [UInt8]) { unsafe text.appendRaw(words.span.bytes) }

    /// A column's value, by a conversion to a string.
    ///
    /// - Parameter otherwise: What stands in for a value that becomes null.
    public mutating func append(
        _ bytes: RawSpan, isBinary: Bool, by conversion: ValueConversion, otherwise: [UInt8]?
    ) throws(ValueError) {
        value.removeAll()
        try conversion.encode(bytes, isBinary: isBinary, into: &value)
        if !Self.appendString(value, to: &text) { appendNull(otherwise: otherwise) }
    }

    /// - Returns: False where the value is no string, but null.
    private static func appendString(_ value: borrowing PackStreamBuffer, to text: inout PackStreamBuffer) -> Bool {
        let encoded = value.bytes
        guard let header = headerSize(encoded) else { return false }
        text.appendRaw(encoded.extracting(header..<encoded.byteCount))
        return true
    }

    /// A column that is NULL: without something else in its place there is no value at all.
    public mutating func appendNull(otherwise: [UInt8]?) {
        if let otherwise { append(words: otherwise) } else { isAbsent = true }
    }

    /// Appends the value to a row.
    public mutating func finish(into out: inout PackStreamBuffer) {
        if isAbsent { out.appendNull() } else { out.appendString(text.bytes) }
    }

    /// Bytes before a string's own; nil for what is no string.
    private static func headerSize(_ encoded: RawSpan) -> Int? {
        guard encoded.byteCount > 0 else { return nil }
        switch encoded.byte(at: 0) {
        case 0x80...0x8F: return 1
        case 0xD0: return 2
        case 0xD1: return 3
        case 0xD2: return 5
        default: return nil
        }
    }
}
