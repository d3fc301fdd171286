// Part of Lockstep. See LICENSE.

internal import Threading

/// Bytes and time: moves requests out and messages in over a socket, and notices when the other side is gone.
///
/// A connection that ends delivers what had arrived before: the server may have said why. So a loss is remembered in
/// `ending` and thrown once nothing is left to take.
struct Transport: ~Copyable {
    private let wire: Wire
    private let address: String
    private var incoming: Dechunker
    private var ending: BoltError?

    /// The longest silence while an answer is awaited.
    var silenceMax: Duration
    /// When the server last gave a sign of life, or was last asked for something.
    private var silentSince = MonotonicTime.now

    init(wire: Wire, address: String, silenceMax: Duration, messageBytesMax: Int) {
        self.wire = wire
        self.address = address
        self.silenceMax = silenceMax
        incoming = Dechunker(messageBytesMax: messageBytesMax)
    }

    func close() { wire.close() }

    // MARK: Messages

    /// - Returns: Whether a whole message has arrived, for ``takeMessage()``.
    mutating func hasMessage() throws(BoltError) -> Bool {
        do throws(Dechunker.TooLarge) {
            return try incoming.advance()
        } catch {
            throw BoltError(
                .protocolViolation, "the server sent a message of more than \(error.bytesMax) bytes (messageBytesMax)",
                server: address)
        }
    }

    /// - Returns: Where the message is, for ``withMessage(_:_:)``, until more is read.
    mutating func takeMessage() -> Range<Int> { incoming.take() }

    /// Reads a message, or a part of one, in place.
    func withMessage<Result, Failure: Error>(
        _ range: Range<Int>, _ body: (inout PackStreamReader) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var reader = PackStreamReader(incoming.message(range))
        return try body(&reader)
    }

    // MARK: Reading

    /// Reads once what the socket has, without waiting.
    ///
    /// - Returns: False when it has nothing.
    /// - Throws: When the connection has ended. Take the messages that have arrived before.
    mutating func read() throws(BoltError) -> Bool {
        if let ending { throw ending }
        var outcome = TCPSocket.Outcome.wouldBlock
        let wire = wire
        unsafe incoming.fill { room in
            outcome = unsafe wire.receive(into: room)
            if case .bytes(let count) = outcome { return count }
            return 0
        }
        switch outcome {
        case .bytes:
            silentSince = .now
            return true
        case .wouldBlock: return false
        case .end: throw end("the server closed the connection")
        case .failed(let code): throw end("the connection was lost: \(errorText(code))")
        case .refused(let failure): throw end(failure)
        }
    }

    /// Reads bytes that are not in messages yet.
    ///
    /// - Returns: At most `count` bytes; none when the socket has nothing.
    mutating func readUnframed(_ count: Int) throws(BoltError) -> [UInt8] {
        var outcome = TCPSocket.Outcome.wouldBlock
        let wire = wire
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            outcome = unsafe wire.receive(into: UnsafeMutableRawBufferPointer(buffer))
            if case .bytes(let read) = outcome { filled = read }
        }
        switch outcome {
        case .bytes, .wouldBlock: return bytes
        case .end:
            throw end(
                "the server closed the connection during the handshake; is it a Bolt port, with TLS or without as asked for?"
            )
        case .failed(let code):
            throw end("the connection was lost during the handshake: \(errorText(code)); does the port want TLS?")
        case .refused(let failure): throw end(failure)
        }
    }

    /// Waits until there is something to read.
    ///
    /// - Parameter isAnswerOwed: Silence counts only then.
    /// - Throws: Of kind timeout after too long a silence, of kind deadline or woken otherwise.
    mutating func waitToRead(
        isAnswerOwed: Bool, deadline: MonotonicTime?, wakeups: [Wakeup]
    ) throws(BoltError) {
        if ending != nil || wire.hasMoreToRead { return }
        let silenceEnd = isAnswerOwed ? silentSince + silenceMax : nil
        let events = Poll.wait(
            descriptor: wire.descriptor, for: wire.readWaitsFor, wakeups: wakeups,
            deadline: [silenceEnd, deadline].compactMap { $0 }.min())
        if !events.isDisjoint(with: [.readable, .writable]) { return }
        if events.contains(.woken) { throw woken }
        if let silenceEnd, silenceEnd <= .now { throw silence("has not answered") }
        throw BoltError(.deadline, "no answer before the deadline", server: address)
    }

    // MARK: Writing

    /// Sends all that is to be sent, and reads what arrives meanwhile, so that two full pipes cannot block each other.
    mutating func write(
        _ outgoing: inout ChunkWriter, deadline: MonotonicTime? = nil, wakeups: [Wakeup]
    ) throws(BoltError) {
        if outgoing.unsentBytes > 0 { silentSince = .now }
        while outgoing.unsentBytes > 0 && ending == nil {
            switch wire.send(outgoing.unsent) {
            case .bytes(let count):
                outgoing.consume(count)
                silentSince = .now
            case .failed(let code):
                outgoing.drop()
                drain()
                if ending == nil { _ = end("the connection was lost: \(errorText(code))") }
            case .refused(let failure):
                outgoing.drop()
                if ending == nil { _ = end(failure) }
            case .wouldBlock, .end:
                try waitToWrite(deadline: deadline, wakeups: wakeups)
            }
        }
        // What has arrived is worth more than this error: it is thrown when that was taken.
        if let ending, try !hasMessage() { throw ending }
    }

    /// Sends what the socket takes at once, and no more.
    func writeWithoutWaiting(_ outgoing: borrowing ChunkWriter) { _ = wire.send(outgoing.unsent) }

    private mutating func waitToWrite(deadline: MonotonicTime?, wakeups: [Wakeup]) throws(BoltError) {
        let silenceEnd = silentSince + silenceMax
        let events = Poll.wait(
            descriptor: wire.descriptor, for: [.readable, .writable], wakeups: wakeups,
            deadline: deadline.map { min($0, silenceEnd) } ?? silenceEnd)
        if events.contains(.readable) {
            do throws(BoltError) { _ = try read() } catch {}  // Remembered in `ending`.
        }
        guard events.isDisjoint(with: [.readable, .writable]) else { return }
        if events.contains(.woken) { throw woken }
        if silenceEnd <= .now { throw silence("has not taken what is sent") }
        throw BoltError(.deadline, "the server has not taken what is sent before the deadline", server: address)
    }

    /// Reads to the end of a connection that cannot be written to any more.
    private mutating func drain() {
        do throws(BoltError) { while try read() {} } catch {}  // Remembered in `ending`.
    }

    // MARK: Errors

    private mutating func end(_ message: String) -> BoltError {
        let error = BoltError(.closed, message, server: address)
        ending = error
        return error
    }

    private mutating func end(_ failure: TLSFailure) -> BoltError {
        let error = BoltError(failure, server: address)
        ending = error
        return error
    }

    private var woken: BoltError { BoltError(.woken, "interrupted while waiting for the server", server: address) }

    private func silence(_ what: String) -> BoltError {
        BoltError(.timeout, "the server \(what) for \(silenceMax); taken for lost", server: address)
    }
}
