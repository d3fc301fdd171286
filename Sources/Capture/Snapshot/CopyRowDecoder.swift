// Part of Lockstep. See LICENSE.

internal import Mapping

/// Turns the messages of a binary COPY into inserts. Pure.
///
/// | part | fields |
/// |---|---|
/// | header | `PGCOPY\n`, FF, `\r\n`, 00; flags u32; length u32 of an extension, and that |
/// | row | n u16, n × (length i32, -1 for NULL; bytes) |
/// | trailer | FFFF |
///
/// All big endian. One message has one row, the first one the header before it.
///
/// - SeeAlso: https://www.postgresql.org/docs/current/sql-copy.html
struct CopyRowDecoder {
    /// What each column's bytes are.
    private let columns: [Field.Kind]
    private let relation: UInt32
    private var hasHeader = false
    /// The trailer has come.
    private(set) var isComplete = false

    init(columns: [Field.Kind], relation: UInt32) {
        self.columns = columns
        self.relation = relation
    }

    /// Takes one message.
    ///
    /// - Returns: False when it does not have the form above; the buffer is then as it was.
    mutating func decode(_ message: RawSpan, into buffer: ChangeBuffer) -> Bool {
        guard !isComplete else { return false }
        var offset = 0
        if !hasHeader {
            guard let end = Self.endOfHeader(message) else { return false }
            hasHeader = true
            offset = end
            if offset == message.byteCount { return true }
        }
        guard message.byteCount - offset >= 2 else { return false }
        let count = unsafe UInt16(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
        offset += 2
        if count == UInt16.max {
            isComplete = true
            return offset == message.byteCount
        }
        guard Int(count) == columns.count else { return false }
        return row(message, from: offset, into: buffer)
    }

    private func row(_ message: RawSpan, from offset: Int, into buffer: ChangeBuffer) -> Bool {
        let first = buffer.fields.count
        guard
            let base = UInt32(exactly: buffer.bytes.count + message.byteCount).map({ $0 - UInt32(message.byteCount) }),
            let start = UInt32(exactly: first)
        else { return false }
        let isWhole = unsafe message.withUnsafeBytes { bytes in
            guard unsafe fields(bytes, from: offset, base: base, into: &buffer.fields) else { return false }
            unsafe buffer.bytes.append(
                contentsOf: UnsafeBufferPointer(
                    start: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count: bytes.count))
            return true
        }
        if isWhole {
            buffer.changes.append(Change(kind: .insert, relation: relation, newStart: start))
        } else {
            buffer.fields.removeLast(buffer.fields.count - first)
        }
        return isWhole
    }

    /// The hot loop. `bytes` is used within the call only, and each read is preceded by its check.
    private func fields(
        _ bytes: UnsafeRawBufferPointer, from start: Int, base: UInt32, into fields: inout ContiguousArray<Field>
    ) -> Bool {
        var offset = start
        var isWhole = true
        fields.append(addingCapacity: columns.count) { output in
            for kind in columns {
                guard bytes.count - offset >= 4 else {
                    isWhole = false
                    return
                }
                let length = unsafe Int32(
                    bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
                offset += 4
                if length == -1 {
                    output.append(.null)
                    continue
                }
                guard length >= 0, bytes.count - offset >= Int(length) else {
                    isWhole = false
                    return
                }
                let place = base + UInt32(truncatingIfNeeded: offset)
                output.append(Field(offset: place, length: UInt32(length), kind: kind))
                offset += Int(length)
            }
        }
        return isWhole && offset == bytes.count
    }

    private static let signature: [UInt8] = [
        0x50, 0x47, 0x43, 0x4F, 0x50, 0x59, 0x0A, 0xFF, 0x0D, 0x0A, 0x00,
    ]

    private static func endOfHeader(_ message: RawSpan) -> Int? {
        guard message.byteCount >= 19 else { return nil }
        for (offset, byte) in signature.enumerated() {
            guard unsafe message.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == byte else { return nil }
        }
        let flags = unsafe UInt32(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: 11, as: UInt32.self))
        let extra = unsafe UInt32(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: 15, as: UInt32.self))
        // The upper half of the flags marks what changes the format.
        guard flags >> 16 == 0, message.byteCount - 19 >= Int(extra) else { return nil }
        return 19 + Int(extra)
    }
}
