// Part of Lockstep. See LICENSE.

internal import CLibPQ
internal import Threading

/// Why a COPY with a consumer ended early.
public enum CopyFailure<Consumer: Error>: Error {
    case postgres(PostgresError)
    /// The consumer threw; the connection is closed then, since the rest of the data is still on its way.
    case consumer(Consumer)
}

/// One CopyData message in libpq's memory, freed exactly once by its only owner.
@safe package struct CopyMessage: ~Copyable {
    private let start: UnsafeMutablePointer<CChar>
    private let count: Int

    init(start: UnsafeMutablePointer<CChar>, count: Int) {
        unsafe self.start = unsafe start
        self.count = count
    }

    deinit { unsafe PQfreemem(start) }

    /// The message's payload, for as long as the message lives.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(start), byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}

/// What a look at a COPY gave.
package enum CopyStep: ~Copyable {
    case message(CopyMessage)
    /// Nothing whole has arrived.
    case wouldBlock
    /// The server ended the COPY well.
    case end
}

extension PostgresConnection {
    /// Runs a `COPY … TO STDOUT` and hands over each CopyData message; its bytes end with the call.
    ///
    /// PostgreSQL sends one message for each row; in binary format the first carries the header too, and the trailer
    /// comes alone.
    public func copyOut<E: Error>(
        _ sql: String, _ body: (RawSpan) throws(E) -> Void
    ) throws(CopyFailure<E>) {
        do throws(PostgresError) {
            try startCopy(sql)
        } catch {
            throw .postgres(error)
        }
        while true {
            let step: CopyStep
            do throws(PostgresError) {
                step = try nextCopyStep(within: nil)
            } catch {
                throw .postgres(error)
            }
            guard case .message(let message) = consume step else { return }
            do throws(E) {
                try body(message.bytes)
            } catch {
                close()
                throw .consumer(error)
            }
        }
    }

    /// Waits for what comes next, or for the time to pass; without a limit as long as it takes.
    package func nextCopyStep(within limit: Duration?) throws(PostgresError) -> CopyStep {
        var deadline: MonotonicTime?
        while true {
            let step = try nextCopyStep()
            switch consume step {
            case .message(let message): return .message(message)
            case .end: return .end
            case .wouldBlock:
                deadline = deadline ?? limit.map { .after($0) }
                if try look(for: .readable, deadline: deadline).isEmpty { return .wouldBlock }
            }
        }
    }

    /// Sends a statement that answers with COPY OUT or COPY BOTH, and waits until the COPY has begun.
    package func startCopy(_ sql: String) throws(PostgresError) {
        try sendCopy(sql)
        try beginCopy()
    }

    /// Sends such a statement, for ``beginCopy()``.
    package func sendCopy(_ sql: String) throws(PostgresError) { try send(sql, []) }

    /// Waits for the answer to what was sent, or for the time to pass. A server may keep its announcement of a COPY until it
    /// has rows to send with it.
    ///
    /// - Returns: False when nothing has come.
    package func isAnswered(within limit: Duration) throws(PostgresError) -> Bool {
        let deadline = MonotonicTime.after(limit)
        while unsafe PQisBusy(handle.pointer) != 0 {
            if try look(for: .readable, deadline: deadline).isEmpty { return false }
            try consume()
        }
        return true
    }

    /// Waits until the COPY has begun that was asked for.
    package func beginCopy() throws(PostgresError) {
        guard let result = try nextResult() else { throw fail(.protocolViolation, "no answer to COPY") }
        switch result.status {
        case PGRES_COPY_OUT, PGRES_COPY_BOTH: return
        case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR, PGRES_BAD_RESPONSE:
            let error = result.error(server: server)
            // The rest of the failed statement's answer, so that the connection can be used on.
            while try nextResult() != nil {}
            throw closingWhereBroken(error)
        default: throw fail(.protocolViolation, "the statement did not start a COPY")
        }
    }

    /// Takes the next CopyData message if one has arrived whole; reads what the socket has, never waits.
    ///
    /// - Throws: The error with which the server ended the COPY.
    package func nextCopyStep() throws(PostgresError) -> CopyStep {
        var start: UnsafeMutablePointer<CChar>?
        var count = unsafe PQgetCopyData(handle.pointer, &start, 1)
        if count == 0 {
            // One read leaves up to half of a TLS record (16 kB) decrypted inside the library, where poll(2) does not
            // see it; libpq makes room for at least 8 kB each time, so two more reads empty it.
            var reads = handle.isEncrypted ? 3 : 1
            while count == 0, reads > 0 {
                try consume()
                count = unsafe PQgetCopyData(handle.pointer, &start, 1)
                reads -= 1
            }
        }
        if count > 0, let start = unsafe start { return unsafe .message(CopyMessage(start: start, count: Int(count))) }
        if count == 0 { return .wouldBlock }
        guard count == -1 else { throw broken() }
        try endOfCopy()
        return .end
    }

    /// Queues a CopyData message; ``flush()`` sends it.
    ///
    /// - Returns: False when the queue is full: the message was not taken.
    package func putCopyData(_ bytes: [UInt8]) throws(PostgresError) -> Bool {
        let status = unsafe bytes.withUnsafeBytes { raw in
            unsafe PQputCopyData(
                handle.pointer, raw.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(raw.count))
        }
        guard status >= 0 else { throw broken() }
        return status == 1
    }

    /// Queues CopyDone: nothing more comes from us.
    package func putCopyEnd() throws(PostgresError) {
        guard unsafe PQputCopyEnd(handle.pointer, nil) >= 0 else { throw broken() }
    }

    /// The results behind the last CopyData message.
    private func endOfCopy() throws(PostgresError) {
        var failure: PostgresError?
        while let result = try nextResult() {
            switch result.status {
            case PGRES_FATAL_ERROR, PGRES_NONFATAL_ERROR, PGRES_BAD_RESPONSE:
                failure = failure ?? result.error(server: server)
            case PGRES_COPY_IN:
                // The server's half of COPY BOTH is done; ours is still open, and its owner decides.
                return
            default: break
            }
        }
        if let failure { throw closingWhereBroken(failure) }
    }
}
