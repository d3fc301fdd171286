// Part of Lockstep. See LICENSE.

public import Mapping
public import PostgreSQL
public import Threading

/// The changes of a publication, as a slot gives them: a replication connection and a decoder.
///
/// The owner's loop: ``receive(into:)`` until it says `.nothing` or the buffer is full, hand over, ``confirm(written:flushed:)``
/// at least every 10 s, ``wait(wakeups:deadline:)``. Nothing but the last blocks. Used by one thread at a time.
///
/// CopyData payloads from the server, big endian:
///
/// | type | fields |
/// |---|---|
/// | `w` | WAL data: start LSN u64, end LSN u64, server time i64 (µs since 2000), a pgoutput message |
/// | `k` | keepalive: end LSN u64, server time i64, reply wanted u8 |
public final class ReplicationStream {
    /// What one look at the stream gave.
    public enum Received: Sendable, Equatable {
        /// Nothing whole has arrived: time to ``ReplicationStream/wait(wakeups:deadline:)``.
        case nothing
        /// A transaction has begun, or a message that carries no change was taken.
        case other
        /// One or more changes were appended to the buffer.
        case change
        /// A commit was appended to the buffer's transactions.
        case transaction
        /// Index into the buffer's relations: new, changed, or announced again.
        case relation(Int)
        /// What it said is in ``ReplicationStream/logicalMessage``.
        case message
        /// The server has sent everything that committed before `walEnd`.
        case keepalive(walEnd: LSN)
        /// A transaction that was streamed while it ran has committed, or a large one has come whole; it is in
        /// ``ReplicationStream/spooled``.
        case spooled
    }

    /// The newest position that the server has named. Outside a transaction, everything that committed before it has
    /// been received.
    public private(set) var lastServerPosition: LSN
    /// When the server sent the newest message, by its clock, in microseconds since 2000-01-01 UTC.
    public private(set) var lastServerTime: Int64 = 0
    /// What the slot was last told to keep nothing before.
    public var confirmed: LSN { status.flushed }
    /// The last transaction that was kept in a file and has committed, until its owner lets go of it.
    public var spooled: SpooledTransaction?
    /// A transaction, or a piece of a streamed one, has been received in part.
    public var isInTransaction: Bool { decoder.isInTransaction }
    public var logicalMessage: LogicalMessage? { decoder.logicalMessage }

    private let connection: PostgresConnection
    private let slot: String
    private let publication: String
    private var decoder = PgOutputDecoder()
    private let streamed: StreamedTransactions
    private let prepared: PreparedTransactions
    /// Transactions whose commit record begins before it are known already: the server is asked for more than is new where
    /// a prepared transaction may lie further back.
    private let knownBefore: LSN
    /// What becomes of a transaction that comes whole.
    private enum Course {
        case decoded
        case passedOver
        /// Kept in a file, as it may be large.
        case spooled(xid: UInt32)
    }

    /// Of the one that is being received.
    private var course = Course.decoded
    private var isTwoPhase = false
    private var status = StandbyStatus()
    private var hasUnsentOutput = false
    private var pace = StreamPace()
    /// How long a fast stream may gather messages; less than anybody notices.
    private static let rest: Duration = .microseconds(200)
    /// Where transactions that are larger than this in the server's memory wait for their end: it streams them then.
    private static let serverMemoryKilobytes = 16 << 10

    /// Connects and starts to stream.
    ///
    /// - Parameters:
    ///   - start: Transactions that ended before it are not sent; where the slot has confirmed more, that counts.
    ///   - binary: Values of types that have one come in their binary form (PostgreSQL 14 and later).
    ///   - messages: What `pg_logical_emit_message` writes comes too (PostgreSQL 14 and later).
    ///   - twoPhase: Prepared transactions come when they are prepared (PostgreSQL 15 and later), and wait here for what
    ///     becomes of them. A slot that was once read so stays so.
    ///   - spool: A folder for transactions that are streamed while they run (PostgreSQL 14 and later), until they end.
    ///   - stop: Ends the connecting, and wakes a wait.
    /// - Throws: The kinds about slots, publications and `wal_level`, each with its remedy.
    public init(
        _ configuration: PostgresConfiguration, slot: String, publication: String, from start: LSN, binary: Bool,
        messages: Bool = true, twoPhase: Bool = false, spool: String, stop: StopSignal
    ) throws(CaptureError) {
        knownBefore = start
        prepared = PreparedTransactions(folder: spool)
        self.slot = slot
        self.publication = publication
        streamed = StreamedTransactions(folder: spool)
        lastServerPosition = start
        connection = try capturing { () throws(PostgresError) in
            try PostgresConnection(configuration, replication: true, stop: stop)
        }
        let found = try check()
        isTwoPhase = found.isTwoPhase || twoPhase
        if isTwoPhase { lastServerPosition = found.confirmedFlushLSN ?? .zero }
        // From where the slot is confirmed, which is before whatever is prepared and was not committed then.
        let command = Self.command(
            slot: slot, publication: publication, start: isTwoPhase ? .zero : start, binary: binary, messages: messages,
            twoPhase: isTwoPhase, serverVersion: connection.serverVersion)
        try capturing({ CaptureError($0, slot: slot, publication: publication, lsn: start) }) {
            () throws(PostgresError) in
            try boundServerMemory()
            try connection.startCopy(command)
        }
    }

    /// What a transaction may hold in the server's memory before it is streamed; what is set lower there stays.
    private func boundServerMemory() throws(PostgresError) {
        guard connection.serverVersion >= 140_000 else { return }
        try connection.execute(
            """
            SELECT pg_catalog.set_config(name, least(setting::pg_catalog.int8, \(Self.serverMemoryKilobytes))::text, false)
            FROM pg_catalog.pg_settings WHERE name = 'logical_decoding_work_mem'
            """)
    }

    static func command(
        slot: String, publication: String, start: LSN, binary: Bool, messages: Bool,
        twoPhase: Bool = false, serverVersion: Int
    ) -> String {
        let version = serverVersion >= 160_000 ? 4 : serverVersion >= 140_000 ? (twoPhase ? 3 : 2) : 1
        var options = [
            "\"proto_version\" '\(version)'",
            "\"publication_names\" \(QualifiedName.literal(QualifiedName.quoted(publication)))",
        ]
        if serverVersion >= 140_000 {
            options.append("\"streaming\" '\(serverVersion >= 160_000 ? "parallel" : "on")'")
            options.append("\"binary\" '\(binary)'")
            options.append("\"messages\" '\(messages)'")
        }
        if serverVersion >= 160_000 { options.append("\"origin\" 'any'") }
        if twoPhase { options.append("\"two_phase\" 'on'") }
        let name = QualifiedName.quoted(slot)
        return "START_REPLICATION SLOT \(name) LOGICAL \(start) (\(options.joined(separator: ", ")))"
    }

    /// Looks at slot and publication before the stream starts: it would begin without a publication, and on PostgreSQL
    /// 18 go on, leaving out every change.
    private func check() throws(CaptureError) -> ReplicationSlot {
        let server = connection.server
        let convert = { (error: PostgresError) in CaptureError(error, slot: self.slot) }
        let found = try capturing(convert) { () throws(PostgresError) in
            try ReplicationSlots.find(slot, connection)
        }
        guard let found else {
            throw .slotMissing(slot, PostgresError(.missingObject, "no such slot", server: server))
        }
        let rest = try capturing(convert) { () throws(PostgresError) in
            try connection.query(
                """
                SELECT pg_catalog.current_database() AS database, EXISTS (
                    SELECT FROM pg_catalog.pg_publication
                    WHERE pubname = \(QualifiedName.literal(publication))) AS published
                """)
        }
        guard found.plugin == "pgoutput", let row = rest.first, found.database == row["database"] else {
            throw .slotForeign(found, server: server)
        }
        if found.isLost {
            throw .slotLost(slot, PostgresError(.state, "wal_status is lost", server: server))
        }
        if let pid = found.activePID {
            throw .slotActive(slot, pid: pid, PostgresError(.objectInUse, "slot is active", server: server))
        }
        guard row["published"] == "t" else {
            throw .publicationMissing(publication, PostgresError(.missingObject, "no publication", server: server))
        }
        return found
    }
}

// MARK: - Receiving

extension ReplicationStream {
    /// Takes the next message into `buffer`, which has to be the same one in every call. Never waits.
    public func receive(into buffer: ChangeBuffer) throws(CaptureError) -> Received {
        let step: CopyStep
        do throws(PostgresError) {
            step = try connection.nextCopyStep()
        } catch {
            throw CaptureError(error, slot: slot, publication: publication, lsn: lastServerPosition)
        }
        switch consume step {
        case .wouldBlock: return .nothing
        case .message(let message):
            pace.received()
            return try take(message.bytes, into: buffer)
        case .end:
            throw CaptureError(
                .streamEnded, "PostgreSQL at \(connection.server): the server ended the stream, it is shutting down",
                lsn: lastServerPosition)
        }
    }

    private func take(_ bytes: RawSpan, into buffer: ChangeBuffer) throws(CaptureError) -> Received {
        // 18 is a keepalive's size, the smaller one.
        guard bytes.byteCount >= 18 else { throw malformed("a message of \(bytes.byteCount) bytes") }
        switch unsafe bytes.unsafeLoad(as: UInt8.self) {
        case UInt8(ascii: "w"):
            guard bytes.byteCount > 25 else { throw malformed("WAL data of \(bytes.byteCount) bytes") }
            let start = position(in: bytes, at: 1)
            advance(to: position(in: bytes, at: 9))
            lastServerTime = Int64(bitPattern: position(in: bytes, at: 17).rawValue)
            return try decode(bytes.extracting(25..<bytes.byteCount), at: start, into: buffer)
        case UInt8(ascii: "k"):
            let walEnd = position(in: bytes, at: 1)
            advance(to: walEnd)
            lastServerTime = Int64(bitPattern: position(in: bytes, at: 9).rawValue)
            if unsafe bytes.unsafeLoad(fromByteOffset: 17, as: UInt8.self) != 0 { try send(asksForReply: false) }
            return .keepalive(walEnd: walEnd)
        case let type:
            throw malformed("a message of type \(type)")
        }
    }

    private func decode(
        _ payload: RawSpan, at start: LSN, into buffer: ChangeBuffer
    ) throws(CaptureError) -> Received {
        let event: PgOutputEvent
        switch course {
        case .decoded: break
        case .passedOver: if Self.isRow(payload) { return .other }
        case .spooled(let xid): if try spool(payload, of: xid) { return .other }
        }
        do throws(PgOutputError) {
            event = try decoder.decode(payload, into: buffer)
        } catch {
            throw undecodable(error, at: start, relations: buffer.relations)
        }
        switch event {
        case .change: return .change
        case .commit:
            if let end = buffer.transactions.last?.endLSN { advance(to: end) }
            defer { course = .decoded }
            switch course {
            case .decoded: return .transaction
            case .passedOver:
                buffer.transactions.removeLast()
                return .other
            case .spooled:
                try streamed.stop()
                spooled = streamed.commit(buffer.transactions.removeLast())
                return .spooled
            }
        case .relation(let index): return .relation(index)
        case .message: return .message
        case .begin:
            guard let transaction = decoder.transaction else { return .other }
            let least = start.rawValue + UInt64(Self.serverMemoryKilobytes << 10)
            if transaction.commitLSN < knownBefore {
                course = .passedOver
            } else if transaction.commitLSN.rawValue > least {
                try streamed.start(transaction.xid)
                course = .spooled(xid: transaction.xid)
            }
            return .other
        case .other: return .other
        default: return try streamed(event, payload, into: buffer)
        }
    }

    private func streamed(
        _ event: PgOutputEvent, _ payload: RawSpan, into buffer: ChangeBuffer
    ) throws(CaptureError) -> Received {
        switch event {
        case .streamStart(let xid): try streamed.start(xid)
        case .streamed(let xid): try streamed.append(payload, subxid: xid)
        case .streamStop: try streamed.stop()
        case .streamAbort(let xid, let subxid): try streamed.abort(xid, subxid: subxid)
        case .streamCommit:
            guard let end = decoder.streamedCommit else { return .other }
            advance(to: end.endLSN)
            let transaction = streamed.commit(end)
            if end.commitLSN < knownBefore {
                try passOver(transaction, into: buffer)
                return .other
            }
            spooled = transaction
            return .spooled
        default: return try prepared(event, payload)
        }
        return .other
    }

    /// Takes of a streamed transaction what the server takes for said: the tables that it announced.
    private func passOver(_ transaction: SpooledTransaction, into buffer: ChangeBuffer) throws(CaptureError) {
        while try transaction.withNext({ message throws(CaptureError) in
            guard unsafe message.unsafeLoad(as: UInt8.self) == UInt8(ascii: "R") else { return }
            do throws(PgOutputError) {
                _ = try decoder.decode(message, into: buffer)
            } catch {
                throw undecodable(error, at: transaction.end.commitLSN, relations: buffer.relations)
            }
        }) {}
    }

    private func prepared(_ event: PgOutputEvent, _ payload: RawSpan) throws(CaptureError) -> Received {
        switch event {
        case .beginPrepare(let xid, let place): try prepared.begin(xid, at: place, relations: decoder.relations)
        case .prepared: try prepared.append(payload)
        case .prepare: try prepared.end()
        case .streamPrepare(let xid, let place):
            prepared.add(xid, at: place, content: streamed.take(xid), relations: decoder.relations)
        case .rollbackPrepared(let xid): prepared.rollBack(xid)
        case .commitPrepared:
            guard let end = decoder.streamedCommit else { return .other }
            advance(to: end.endLSN)
            let transaction = prepared.commit(end)
            if end.commitLSN < knownBefore { return .other }
            guard let transaction else { throw preparedLost(end) }
            transaction.content.relations = transaction.relations
            spooled = transaction.content
            return .spooled
        default: break
        }
        return .other
    }

    /// Keeps a message of a transaction that comes whole, but for its commit.
    ///
    /// Servers before 14 send all of them so, later ones what they had begun to read before the slot's position: after a
    /// restart that may be nearly all of a large one. How large it is nobody says. But the begin comes with the position of the
    /// first change and with that of the commit, and the WAL between them is no less than the changes, as far as these are
    /// not compressed there. It is more where others were busy: their neighbour goes through a file for nothing.
    private func spool(_ payload: RawSpan, of xid: UInt32) throws(CaptureError) -> Bool {
        guard payload.byteCount > 1, unsafe payload.unsafeLoad(as: UInt8.self) != UInt8(ascii: "C") else {
            return false
        }
        try streamed.append(payload, subxid: xid, header: 1)
        return true
    }

    /// A row, or what is one for a transaction that is passed over.
    private static func isRow(_ payload: RawSpan) -> Bool {
        guard payload.byteCount > 0 else { return false }
        switch unsafe payload.unsafeLoad(as: UInt8.self) {
        case UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"), UInt8(ascii: "T"), UInt8(ascii: "M"): return true
        default: return false
        }
    }

    @inline(never)
    private func preparedLost(_ end: TransactionEnd) -> CaptureError {
        connection.close()
        return CaptureError(
            .protocolViolation,
            "PostgreSQL at \(connection.server): the prepared transaction \(end.xid) was committed, and what it changed "
                + "was confirmed before: the slot was read by somebody else, or advanced",
            lsn: end.commitLSN)
    }

    /// Reads changes of a spooled transaction into `buffer`, from where the last replay of it ended. Behind the last one
    /// its end is appended, too.
    ///
    /// To be called between two calls of ``receive(into:)``, outside of a transaction, and with the same buffer.
    ///
    /// - Parameters:
    ///   - rows: Ends when the buffer has this many changes;
    ///   - bytes: or this many bytes.
    /// - Returns: True at the transaction's end.
    public func replay(
        _ transaction: SpooledTransaction, into buffer: ChangeBuffer, rows: Int = .max, bytes: Int = .max
    ) throws(CaptureError) -> Bool {
        var hasMore = true
        try decoder.replaying(transaction.end, past: &transaction.relations) { decoder throws(CaptureError) in
            while hasMore, buffer.changes.count < rows, buffer.bytes.count < bytes {
                hasMore = try transaction.withNext { message throws(CaptureError) in
                    do throws(PgOutputError) {
                        _ = try decoder.decode(message, into: buffer)
                    } catch {
                        throw undecodable(error, at: transaction.end.commitLSN, relations: buffer.relations)
                    }
                }
            }
        }
        guard !hasMore else { return false }
        var end = transaction.end
        end.changeCount = buffer.changes.count
        buffer.transactions.append(end)
        return true
    }

    /// The caller has checked that there are 8 bytes.
    private func position(in bytes: RawSpan, at offset: Int) -> LSN {
        LSN(rawValue: UInt64(bigEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)))
    }

    private func advance(to position: LSN) {
        if position > lastServerPosition { lastServerPosition = position }
    }

    @inline(never)
    private func malformed(_ what: String) -> CaptureError {
        connection.close()
        return CaptureError(
            .protocolViolation, "PostgreSQL at \(connection.server): \(what) in the replication stream",
            lsn: lastServerPosition)
    }

    @inline(never)
    private func undecodable(_ error: PgOutputError, at lsn: LSN, relations: [Relation]) -> CaptureError {
        connection.close()
        return CaptureError(
            .protocolViolation, "PostgreSQL at \(connection.server): the stream cannot be decoded",
            lsn: lsn == .zero ? lastServerPosition : lsn,
            relation: relations.last { $0.oid == error.relation }?.name, decoding: error)
    }
}

// MARK: - Waiting and confirming

extension ReplicationStream {
    /// Waits until the server has sent something, a wake-up is woken, the stop is asked for, or the deadline is reached.
    ///
    /// To be called after ``receive(into:)`` said `.nothing`. The stop signal ends one wait; later ones are ordinary
    /// again, so that the batch in hand can be finished. Wake-ups are not drained.
    public func wait(wakeups: [Wakeup], deadline: MonotonicTime?) throws(CaptureError) {
        if pace.isFast() { MonotonicTime.rest(Self.rest) }
        var events: PollEvents = .readable
        if hasUnsentOutput { events.insert(.writable) }
        let seen = connection.poll(for: events, wakeups: wakeups, deadline: deadline)
        if hasUnsentOutput, seen.contains(.writable) { try flush() }
    }

    /// Waits for wake-ups and the deadline only, and leaves what the server sends where it is: for while the buffer is
    /// full. What is left to write is written on the next ``wait(wakeups:deadline:)`` or ``confirm(written:flushed:)``.
    public func pause(wakeups: [Wakeup], deadline: MonotonicTime?) {
        _ = connection.poll(for: [], wakeups: wakeups, deadline: deadline)
    }

    /// Tells the server how far we are, and that we are alive; to be called at least every 10 s.
    ///
    /// Never waits, and never moves back: a position before the last one repeats that. Works after the stop signal too.
    ///
    /// - Parameters:
    ///   - written: Received; only shown in `pg_stat_replication`.
    ///   - flushed: Safe on our side: the slot keeps nothing that committed before it, unless something before it is
    ///     prepared and has not been committed yet.
    ///   - asksForReply: Have the server answer with a keepalive at once.
    public func confirm(written: LSN, flushed: LSN, asksForReply: Bool = false) throws(CaptureError) {
        // What has not come yet may be prepared: where the graph is ahead of the slot.
        let flushed = isTwoPhase ? prepared.confirmable(min(flushed, lastServerPosition)) : flushed
        status.flushed = max(status.flushed, flushed)
        status.written = max(status.written, written, status.flushed)
        try send(asksForReply: asksForReply)
    }

    /// Ends the stream in order, so that the last confirmation is taken and the slot is free when this returns.
    ///
    /// What the server still sends is thrown away. After `limit` the connection is closed whatever the server does.
    public func finish(within limit: Duration = .seconds(2)) {
        let deadline = MonotonicTime.after(limit)
        do throws(PostgresError) {
            try connection.putCopyEnd()
            while MonotonicTime.now < deadline {
                let isSent = try connection.flush()
                let step = try connection.nextCopyStep()
                switch consume step {
                case .message: continue
                case .wouldBlock:
                    _ = connection.poll(for: isSent ? .readable : [.readable, .writable], deadline: deadline)
                case .end:
                    connection.close()
                    return
                }
            }
        } catch {
            // Closed already or not by the server: there is nothing left to be told, the slot is as confirmed as it is.
        }
        connection.close()
    }

    private func send(asksForReply: Bool) throws(CaptureError) {
        // A message that finds no room is not missed: the next one says the same and more.
        try capturing({ CaptureError($0, slot: slot, lsn: lastServerPosition) }) { () throws(PostgresError) in
            _ = try connection.putCopyData(status.message(asksForReply: asksForReply))
        }
        try flush()
    }

    private func flush() throws(CaptureError) {
        hasUnsentOutput = try capturing({ CaptureError($0, slot: slot, lsn: lastServerPosition) }) {
            () throws(PostgresError) in try !connection.flush()
        }
    }
}
