// Part of Lockstep. See LICENSE.

internal import Digest
internal import Mapping

/// Computes what tells the rows of a table without a key apart: the digest of the text that `ROW(…)::text` prints.
struct RowDigest {
    private var text: [UInt8] = []

    /// The digest of a tuple's columns, in hexadecimal digits.
    ///
    /// - Parameter columns: As indices into the tuple. Each is null or text.
    mutating func compute(
        _ columns: [Int], of start: UInt32, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> InlineArray<64, UInt8> {
        text.removeAll(keepingCapacity: true)
        text.append(UInt8(ascii: "("))
        for (position, column) in columns.enumerated() {
            if position > 0 { text.append(UInt8(ascii: ",")) }
            let field = fields[Int(start) + column]
            guard field.kind == .text else { continue }
            let offset = Int(field.offset)
            Self.append(bytes.extracting(offset..<offset + Int(field.length)), to: &text)
        }
        text.append(UInt8(ascii: ")"))
        return unsafe SHA256.hex(of: text.span.bytes)
    }

    /// As PostgreSQL's `record_out`: NULL is nothing; quoted is what is empty or holds a quote, a backslash, a bracket, a
    /// comma or white space, with quotes and backslashes doubled.
    private static func append(_ value: RawSpan, to text: inout [UInt8]) {
        let isQuoted = value.byteCount == 0 || (0..<value.byteCount).contains { needsQuotes(byte(value, $0)) }
        if isQuoted { text.append(UInt8(ascii: "\"")) }
        for index in 0..<value.byteCount {
            let byte = byte(value, index)
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(byte) }
            text.append(byte)
        }
        if isQuoted { text.append(UInt8(ascii: "\"")) }
    }

    private static func byte(_ value: RawSpan, _ index: Int) -> UInt8 {
        // Within the span: the callers go up to its count.
        unsafe value.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    private static func needsQuotes(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","),
            UInt8(ascii: " "), 9...13:
            true
        default: false
        }
    }
}
