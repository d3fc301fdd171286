// Part of Lockstep. See LICENSE.

public import Mapping
public import PostgreSQL

/// What a message was. What it carried is in the ``ChangeBuffer``, a logical message's content in
/// ``PgOutputDecoder/logicalMessage``.
public enum PgOutputEvent: Sendable, Equatable {
    case begin
    /// Appended to ``ChangeBuffer/transactions``.
    case commit
    /// One or, for TRUNCATE of several tables, more were appended to ``ChangeBuffer/changes``.
    case change
    /// Index into ``ChangeBuffer/relations``.
    case relation(Int)
    case message
    /// A type or an origin: checked and passed over.
    case other
    /// A piece of a transaction that has not ended yet begins.
    case streamStart(xid: UInt32)
    /// A message inside such a piece, of that transaction or the subtransaction `xid`: not decoded, but to be kept until
    /// the transaction has committed, and then decoded ``PgOutputDecoder/replaying(_:_:)``.
    case streamed(xid: UInt32)
    case streamStop
    /// The streamed transaction ``PgOutputDecoder/streamedCommit`` has committed.
    case streamCommit
    /// What was kept of `subxid` does not count; where that is `xid` itself, nothing of the transaction does.
    case streamAbort(xid: UInt32, subxid: UInt32)
    /// A prepared transaction follows, up to `.prepare`.
    case beginPrepare(xid: UInt32, at: LSN)
    /// A message of it: to be kept until the transaction is committed.
    case prepared
    case prepare(xid: UInt32)
    /// The streamed transaction is prepared, by the record at that place.
    case streamPrepare(xid: UInt32, at: LSN)
    /// The prepared transaction ``PgOutputDecoder/streamedCommit`` is committed.
    case commitPrepared
    case rollbackPrepared(xid: UInt32)
}

/// What `pg_logical_emit_message` wrote.
public struct LogicalMessage: Sendable, Equatable {
    public var prefix: String
    public var content: [UInt8]
    /// Part of the transaction around it, and only there when that committed.
    public var isTransactional: Bool
    public var lsn: LSN

    public init(prefix: String, content: [UInt8], isTransactional: Bool, lsn: LSN) {
        self.prefix = prefix
        self.content = content
        self.isTransactional = isTransactional
        self.lsn = lsn
    }
}

/// Turns pgoutput messages, protocol versions 1 to 4, into changes. Pure: bytes in, changes out.
///
/// All integers are big endian; `text` ends with a zero byte.
///
/// | type | message | fields |
/// |---|---|---|
/// | `B` | begin | LSN of the commit record u64, commit time i64 (µs since 2000), xid u32 |
/// | `C` | commit | flags u8 (0), LSN of the commit record u64, end LSN u64, commit time i64 |
/// | `O` | origin | LSN of the commit on the origin u64, name text |
/// | `R` | relation | OID u32, schema text, name text, replica identity u8, n u16, n × (flags u8: 1 key, name text, type OID u32, modifier i32) |
/// | `Y` | type | OID u32, schema text, name text |
/// | `I` | insert | relation OID u32, `N`, tuple |
/// | `U` | update | relation OID u32, [`K` or `O`, tuple], `N`, tuple |
/// | `D` | delete | relation OID u32, `K` or `O`, tuple |
/// | `T` | truncate | n u32, options u8 (1 cascade, 2 restart identity), n × relation OID u32 |
/// | `M` | message | flags u8 (1 transactional), LSN u64, prefix text, length u32, content |
/// | | tuple | n u16, n × (`n` null, `u` unchanged, `t` text or `b` binary: length u32, bytes) |
///
/// What version 2 adds, for transactions that are streamed while they run, is in `PgOutputDecoder+Streaming.swift`; what
/// version 3 adds, for prepared ones, in `PgOutputDecoder+Prepared.swift`.
///
/// A change's bytes are copied once, into the buffer's arena, and its columns are offsets there; nothing is allocated
/// for it once the buffer has grown. When a message is refused, the buffer is as it was before it.
///
/// - SeeAlso: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
public struct PgOutputDecoder {
    /// The last message of kind `.message`.
    public private(set) var logicalMessage: LogicalMessage?
    /// The last commit of a streamed or a prepared transaction; it holds no changes.
    public internal(set) var streamedCommit: TransactionEnd?
    /// Between a begin and its commit, or inside a piece of a streamed transaction.
    public var isInTransaction: Bool { transaction != nil || streamedXID != nil || preparingXID != nil }

    var transaction: (xid: UInt32, commitLSN: LSN)?
    /// Inside a piece of this transaction.
    var streamedXID: UInt32?
    /// Between a begin prepare and its prepare.
    var preparingXID: UInt32?
    var relations = RelationTable()

    public init() {}

    /// Decodes one message into `buffer`, which has to be the same one in every call: relations are known by their
    /// index in it.
    ///
    /// - Throws: ``PgOutputError``; the decoder is then unusable.
    public mutating func decode(
        _ message: RawSpan, into buffer: ChangeBuffer
    ) throws(PgOutputError) -> PgOutputEvent {
        guard message.byteCount > 0 else { throw PgOutputError(.truncated, messageType: 0, offset: 0) }
        let type = unsafe message.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
        if streamedXID != nil { return try streamed(MessageReader(message, type: type), type: type) }
        if preparingXID != nil { return try inPrepared(message, type: type, into: buffer) }
        switch type {
        case UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"):
            try change(message, type: type, into: buffer)
            return .change
        default:
            return try decode(MessageReader(message, type: type), type: type, into: buffer)
        }
    }

    /// The messages that are not one row each.
    private mutating func decode(
        _ reader: consuming MessageReader, type: UInt8, into buffer: ChangeBuffer
    ) throws(PgOutputError) -> PgOutputEvent {
        switch type {
        case UInt8(ascii: "B"): return try begin(&reader)
        case UInt8(ascii: "C"): return try commit(&reader, into: buffer)
        case UInt8(ascii: "R"): return try relation(&reader, into: buffer)
        case UInt8(ascii: "T"): return try truncate(&reader, into: buffer)
        case UInt8(ascii: "M"): return try logicalMessage(&reader)
        case UInt8(ascii: "Y"): return try typeName(&reader)
        case UInt8(ascii: "O"): return try origin(&reader)
        case UInt8(ascii: "S"): return try streamStart(&reader)
        case UInt8(ascii: "c"): return try streamCommit(&reader)
        case UInt8(ascii: "A"): return try streamAbort(&reader)
        case UInt8(ascii: "b"): return try beginPrepare(&reader)
        case UInt8(ascii: "p"): return try streamPrepare(&reader)
        case UInt8(ascii: "K"): return try commitPrepared(&reader)
        case UInt8(ascii: "r"): return try rollbackPrepared(&reader)
        case UInt8(ascii: "E"), UInt8(ascii: "P"): throw reader.error(.order)
        default: throw reader.error(.unknownMessage)
        }
    }
}

// MARK: - Transactions and what stands between changes

extension PgOutputDecoder {
    private mutating func begin(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let commitLSN = try reader.lsn()
        _ = try reader.integer(Int64.self)
        let xid = try reader.integer(UInt32.self)
        try reader.end()
        guard transaction == nil else { throw reader.error(.order) }
        transaction = (xid, commitLSN)
        return .begin
    }

    private mutating func commit(
        _ reader: inout MessageReader, into buffer: ChangeBuffer
    ) throws(PgOutputError) -> PgOutputEvent {
        guard try reader.integer(UInt8.self) == 0 else { throw reader.error(.unknownMarker) }
        let commitLSN = try reader.lsn()
        let endLSN = try reader.lsn()
        let time = try reader.integer(Int64.self)
        try reader.end()
        guard let transaction, transaction.commitLSN == commitLSN else { throw reader.error(.order) }
        buffer.transactions.append(
            TransactionEnd(
                xid: transaction.xid, commitLSN: commitLSN, endLSN: endLSN, commitTime: time,
                changeCount: buffer.changes.count))
        self.transaction = nil
        return .commit
    }

    /// A relation announced again as it was keeps its index; another content gets a new one.
    mutating func relation(
        _ reader: inout MessageReader, into buffer: ChangeBuffer
    ) throws(PgOutputError) -> PgOutputEvent {
        let oid = try reader.oid()
        let schema = try reader.string()
        let name = try reader.string()
        let identity = try reader.integer(UInt8.self)
        guard oid != 0, let replicaIdentity = Catalog.ReplicaIdentity(rawValue: String(UnicodeScalar(identity))) else {
            throw reader.error(.unknownMarker, relation: oid)
        }
        let count = try reader.integer(UInt16.self)
        var columns: [Relation.Column] = []
        for _ in 0..<count {
            let flags = try reader.integer(UInt8.self)
            columns.append(
                Relation.Column(
                    name: try reader.string(), type: try reader.oid(), typeModifier: try reader.integer(),
                    isKey: flags & 1 != 0))
        }
        try reader.end()
        // An empty schema stands for pg_catalog.
        let relation = Relation(
            oid: oid, name: QualifiedName(schema: schema.isEmpty ? "pg_catalog" : schema, name: name),
            replicaIdentity: replicaIdentity, columns: columns)
        let index = buffer.relations.lastIndex(of: relation) ?? buffer.relations.count
        if index == buffer.relations.count { buffer.relations.append(relation) }
        relations.set(.init(oid: oid.rawValue, index: UInt32(index), columnCount: Int32(count)))
        return .relation(index)
    }

    private mutating func truncate(
        _ reader: inout MessageReader, into buffer: ChangeBuffer
    ) throws(PgOutputError) -> PgOutputEvent {
        guard transaction != nil else { throw reader.error(.order) }
        let count = try reader.integer(UInt32.self)
        _ = try reader.integer(UInt8.self)
        guard reader.remaining == Int(count) * 4 else {
            throw reader.error(reader.remaining < Int(count) * 4 ? .truncated : .trailingBytes)
        }
        let before = buffer.changes.count
        for _ in 0..<count {
            let oid = try reader.oid()
            guard let relation = relations[oid.rawValue] else {
                buffer.changes.removeLast(buffer.changes.count - before)
                throw reader.error(.unknownRelation, relation: oid)
            }
            buffer.changes.append(Change(kind: .truncate, relation: relation.index))
        }
        return .change
    }

    private mutating func logicalMessage(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        let flags = try reader.integer(UInt8.self)
        let lsn = try reader.lsn()
        let prefix = try reader.string()
        let length = try reader.integer(UInt32.self)
        let content = try reader.array(count: Int(length))
        try reader.end()
        let isTransactional = flags & 1 != 0
        if isTransactional, transaction == nil { throw reader.error(.order) }
        logicalMessage = LogicalMessage(prefix: prefix, content: content, isTransactional: isTransactional, lsn: lsn)
        return .message
    }

    private func typeName(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        _ = try reader.oid()
        _ = try reader.string()
        _ = try reader.string()
        try reader.end()
        return .other
    }

    func origin(_ reader: inout MessageReader) throws(PgOutputError) -> PgOutputEvent {
        _ = try reader.lsn()
        _ = try reader.string()
        try reader.end()
        return .other
    }
}

// MARK: - Rows

extension PgOutputDecoder {
    /// Insert, update or delete: the fields first, then all of the message's bytes in one copy.
    private func change(_ message: RawSpan, type: UInt8, into buffer: ChangeBuffer) throws(PgOutputError) {
        guard transaction != nil else { throw PgOutputError(.order, messageType: type, offset: 0) }
        let base = buffer.bytes.count
        let firstField = buffer.fields.count
        guard let end = UInt32(exactly: base + message.byteCount), let start = UInt32(exactly: firstField),
            UInt32(exactly: firstField + 2 * Int(UInt16.max)) != nil
        else { throw PgOutputError(.bufferFull, messageType: type, offset: 0) }
        do throws(PgOutputError) {
            let change = try unsafe message.withUnsafeBytes { (bytes) throws(PgOutputError) -> Change in
                var row = unsafe RowReader(bytes, type: type, base: end - UInt32(message.byteCount))
                let change = try row.change(relations: relations, start: start, into: &buffer.fields)
                unsafe buffer.bytes.append(
                    contentsOf: UnsafeBufferPointer(
                        start: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count: message.byteCount))
                return change
            }
            buffer.changes.append(change)
        } catch {
            buffer.fields.removeLast(buffer.fields.count - firstField)
            throw error
        }
    }
}
