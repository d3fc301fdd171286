// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// Transactions that the server sends while they run (protocol version 2 and later, option `streaming`).
///
/// They come in pieces between a stream start and a stop, which alternate with those of other transactions and with whole
/// ones. Inside of a piece the messages `R`, `Y`, `I`, `U`, `D`, `T` and `M` have the xid of their subtransaction, u32,
/// right behind the type byte; `O` has not.
///
/// | type | message | fields |
/// |---|---|---|
/// | `S` | stream start | xid u32, first piece u8 (0 or 1) |
/// | `E` | stream stop | |
/// | `c` | stream commit | xid u32, flags u8 (0), LSN of the commit record u64, end LSN u64, commit time i64 |
/// | `A` | stream abort | xid u32, subtransaction's xid u32; with `streaming 'parallel'` LSN u64, time i64 |
///
/// - SeeAlso: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
extension PgOutputDecoder {
    /// How long type byte and xid are together: what is kept of a streamed message is its type and what is behind that.
    static let streamedHeader = 5

    /// Decodes with `body` messages that were kept of a streamed transaction, and have lost their xid.
    ///
    /// - Parameter past: The tables as they were announced when the messages came, where others have come in between; what
    ///   the messages announce is added to it, for those that follow in another call.
    /// - Precondition: Not inside another transaction.
    mutating func replaying<Failure: Error>(
        _ end: TransactionEnd, past: inout RelationTable?, _ body: (inout Self) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(!isInTransaction)
        transaction = (end.xid, end.commitLSN)
        let present = relations
        if let past { relations = past }
        defer {
            transaction = nil
            if past != nil {
                past = relations
                relations = present
            }
        }
        try body(&self)
    }

    mutating func streamed(_ reader: consuming MessageReader, type: UInt8) throws(PgOutputError) -> PgOutputEvent {
        switch type {
        case UInt8(ascii: "R"), UInt8(ascii: "Y"), UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"),
            UInt8(ascii: "T"), UInt8(ascii: "M"):
            let xid = try reader.integer(UInt32.self)
            guard reader.remaining > 0 else { throw reader.error(.truncated) }
            return .streamed(xid: xid)
        case UInt8(ascii: "O"): return try origin(&reader)
        case UInt8(ascii: "E"):
            try reader.end()
            streamedXID = nil
            return .streamStop
        case UInt8(ascii: "B"), UInt8(ascii: "C"), UInt8(ascii: "S"), UInt8(ascii: "c"), UInt8(ascii: "A"):
            throw reader.error(.order)
        default: throw reader.error(.unknownMessage)
        }
    }

    mutating func streamStart(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let xid = try reader.integer(UInt32.self)
        guard try reader.integer(UInt8.self) <= 1 else { throw reader.error(.unknownMarker) }
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        streamedXID = xid
        return .streamStart(xid: xid)
    }

    mutating func streamCommit(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let xid = try reader.integer(UInt32.self)
        guard try reader.integer(UInt8.self) == 0 else { throw reader.error(.unknownMarker) }
        let commitLSN = try reader.lsn()
        let endLSN = try reader.lsn()
        let time = try reader.integer(Int64.self)
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        streamedCommit = TransactionEnd(
            xid: xid, commitLSN: commitLSN, endLSN: endLSN, commitTime: time, changeCount: 0)
        return .streamCommit
    }

    mutating func streamAbort(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let xid = try reader.integer(UInt32.self)
        let subxid = try reader.integer(UInt32.self)
        if reader.remaining > 0 {
            _ = try reader.lsn()
            _ = try reader.integer(Int64.self)
        }
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        return .streamAbort(xid: xid, subxid: subxid)
    }
}
