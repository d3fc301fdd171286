// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// Two-phase transactions that the server sends when they are prepared (protocol version 3 and later, slot with `two_phase`).
///
/// A prepared one comes whole between `b` and `P`, or, where it was streamed while it ran, ends with `p`. What becomes of it
/// comes later, by its identifier; between the two come others.
///
/// | type | message | fields |
/// |---|---|---|
/// | `b` | begin prepare | LSN of the prepare record u64, end LSN u64, time i64, xid u32, gid text |
/// | `P` | prepare | flags u8 (0), LSN of the prepare record u64, end LSN u64, time i64, xid u32, gid text |
/// | `p` | stream prepare | as `P` |
/// | `K` | commit prepared | flags u8 (0), LSN of the commit record u64, end LSN u64, commit time i64, xid u32, gid text |
/// | `r` | rollback prepared | flags u8 (0), end LSN of the prepare u64, end LSN u64, two times i64, xid u32, gid text |
///
/// - SeeAlso: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
extension PgOutputDecoder {
    /// Between a begin prepare and its prepare: messages are kept for the end, like those of a streamed transaction.
    mutating func inPrepared(
        _ message: RawSpan, type: UInt8, into buffer: ChangeBuffer
    ) throws(PgOutputError) -> PgOutputEvent {
        var reader = MessageReader(message, type: type)
        switch type {
        case UInt8(ascii: "P"):
            let (xid, _) = try prepareEnd(&reader)
            guard xid == preparingXID else { throw reader.error(.order) }
            preparingXID = nil
            return .prepare(xid: xid)
        case UInt8(ascii: "R"):
            // The server does not announce it again for those that come before this one has committed.
            _ = try relation(&reader, into: buffer)
            return .prepared
        case UInt8(ascii: "Y"), UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"), UInt8(ascii: "T"),
            UInt8(ascii: "M"):
            guard reader.remaining > 0 else { throw reader.error(.truncated) }
            return .prepared
        case UInt8(ascii: "O"): return try origin(&reader)
        default: throw reader.error(.order)
        }
    }

    mutating func beginPrepare(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let place = try reader.lsn()
        _ = try reader.lsn()
        _ = try reader.integer(Int64.self)
        let xid = try reader.integer(UInt32.self)
        _ = try reader.string()
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        preparingXID = xid
        return .beginPrepare(xid: xid, at: place)
    }

    mutating func streamPrepare(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let (xid, place) = try prepareEnd(&reader)
        guard transaction == nil else { throw reader.error(.order) }
        return .streamPrepare(xid: xid, at: place)
    }

    private func prepareEnd(_ reader: inout MessageReader) throws(PgOutputError) -> (xid: UInt32, place: LSN) {
        guard try reader.integer(UInt8.self) == 0 else { throw reader.error(.unknownMarker) }
        let place = try reader.lsn()
        _ = try reader.lsn()
        _ = try reader.integer(Int64.self)
        let xid = try reader.integer(UInt32.self)
        _ = try reader.string()
        try reader.end()
        return (xid, place)
    }

    mutating func commitPrepared(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        guard try reader.integer(UInt8.self) == 0 else { throw reader.error(.unknownMarker) }
        let commitLSN = try reader.lsn()
        let endLSN = try reader.lsn()
        let time = try reader.integer(Int64.self)
        let xid = try reader.integer(UInt32.self)
        _ = try reader.string()
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        streamedCommit = TransactionEnd(
            xid: xid, commitLSN: commitLSN, endLSN: endLSN, commitTime: time, changeCount: 0)
        return .commitPrepared
    }

    mutating func rollbackPrepared(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        guard try reader.integer(UInt8.self) == 0 else { throw reader.error(.unknownMarker) }
        _ = try reader.lsn()
        _ = try reader.lsn()
        _ = try reader.integer(Int64.self)
        _ = try reader.integer(Int64.self)
        let xid = try reader.integer(UInt32.self)
        _ = try reader.string()
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        return .rollbackPrepared(xid: xid)
    }
}
