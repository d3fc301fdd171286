// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// Reads the fields of one insert, update or delete. The hot path: no allocation, one pass over the bytes.
///
/// A raw pointer instead of a span, since the tuple loop is twice as fast with it; it does not leave the call of
/// ``PgOutputDecoder`` that lends the bytes, and each read is preceded by its check.
@safe struct RowReader {
    private let bytes: UnsafeRawBufferPointer
    private let byteCount: Int
    private let type: UInt8
    /// Where the message will begin in the buffer's arena.
    private let base: UInt32
    private var offset = 1

    init(_ bytes: UnsafeRawBufferPointer, type: UInt8, base: UInt32) {
        unsafe self.bytes = unsafe bytes
        byteCount = bytes.count
        self.type = type
        self.base = base
    }

    /// - Parameter start: How many fields there are already.
    mutating func change(
        relations: borrowing RelationTable, start: UInt32, into fields: inout ContiguousArray<Field>
    ) throws(PgOutputError) -> Change {
        guard byteCount >= 6 else { throw error(.truncated) }
        let oid = UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
        guard let relation = relations[oid] else { throw error(.unknownRelation, relation: oid) }
        offset = 5
        var change = Change(kind: .insert, relation: relation.index, oldStart: start, newStart: start)
        let columns = Int(relation.columnCount)
        var marker = unsafe bytes[offset]
        offset += 1
        if type != UInt8(ascii: "I"), marker != UInt8(ascii: "N") {
            switch marker {
            case UInt8(ascii: "K"): change.old = .key
            case UInt8(ascii: "O"): change.old = .full
            default: throw error(.unknownMarker, relation: oid)
            }
            try tuple(columns: columns, oid: oid, into: &fields)
            change.newStart = start + UInt32(columns)
            if type == UInt8(ascii: "U") {
                guard offset < byteCount else { throw error(.truncated, relation: oid) }
                marker = unsafe bytes[offset]
                offset += 1
            }
        }
        if type == UInt8(ascii: "D") {
            guard change.old != .none else { throw error(.unknownMarker, relation: oid) }
            change.kind = .delete
        } else {
            guard marker == UInt8(ascii: "N") else { throw error(.unknownMarker, relation: oid) }
            change.kind = type == UInt8(ascii: "U") ? .update : .insert
            try tuple(columns: columns, oid: oid, into: &fields)
        }
        guard offset == byteCount else { throw error(.trailingBytes, relation: oid) }
        return change
    }

    private mutating func tuple(
        columns: Int, oid: UInt32, into fields: inout ContiguousArray<Field>
    ) throws(PgOutputError) {
        guard byteCount - offset >= 2 else { throw error(.truncated, relation: oid) }
        let count = UInt16(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
        guard Int(count) == columns else { throw error(.columnCount, relation: oid) }
        offset += 2
        // The span would go out of sync with `self` on a throw: the offset is local until the tuple is whole.
        var position = offset
        var failure: PgOutputError.Reason?
        fields.append(addingCapacity: columns) { output in
            for _ in 0..<columns {
                guard let field = field(at: &position, &failure) else { return }
                output.append(field)
            }
        }
        offset = position
        if let failure { throw error(failure, relation: oid) }
    }

    /// One column; nil with the reason where it is not whole.
    @inline(__always)
    private func field(at position: inout Int, _ failure: inout PgOutputError.Reason?) -> Field? {
        guard position < byteCount else {
            failure = .truncated
            return nil
        }
        let kind = unsafe bytes[position]
        position += 1
        switch kind {
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "u"): return Field(offset: 0, length: 0, kind: .unchanged)
        case UInt8(ascii: "t"), UInt8(ascii: "b"):
            guard byteCount - position >= 4 else { break }
            let length = UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            position += 4
            guard byteCount - position >= Int(length) else { break }
            let start = base + UInt32(truncatingIfNeeded: position)
            position += Int(length)
            return Field(offset: start, length: length, kind: kind == UInt8(ascii: "t") ? .text : .binary)
        default:
            failure = .unknownMarker
            return nil
        }
        failure = .truncated
        return nil
    }

    @inline(never)
    private func error(_ reason: PgOutputError.Reason, relation: UInt32? = nil) -> PgOutputError {
        PgOutputError(reason, messageType: type, offset: offset, relation: relation.map { OID(rawValue: $0) })
    }
}
