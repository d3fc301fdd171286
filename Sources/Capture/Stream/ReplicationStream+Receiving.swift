// Part of Lockstep. See LICENSE.

public import Mapping
internal import PostgreSQL

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
