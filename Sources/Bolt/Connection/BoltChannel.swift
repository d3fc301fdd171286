// Part of Lockstep. See LICENSE.

public import Threading

/// One connection to a Bolt server, used by one thread at a time; every call is synchronous.
///
/// Requests (``begin(metadata:timeout:mode:)``, ``run(_:_:)``, ``pull(_:)``...) are only written into a buffer;
/// ``flush()`` sends them. The server answers in order, each request with one success, failure or "ignored", a `pull`
/// with its records before that; ``receive(deadline:)`` gives the answers one by one. Any number of requests may be
/// under way. After a failure the server ignores everything up to the next ``reset()``.
///
/// Errors of kinds `deadline` and `woken` leave the connection as it was. All others, but for what a server merely
/// says about a query, close it; every later call then throws the same error.
///
/// Rows that are PackStream bytes already go as they are, and a whole transaction goes in one piece:
///
///     var rows = PackStreamBuffer()
///     for name in ["Ada", "Bob"] {
///         rows.appendListHeader(1)
///         rows.append(name)
///     }
///     channel.begin()
///     channel.run("UNWIND $rows AS r MERGE (:Person {name: r[0]})", rows: rows, count: 2)
///     channel.pull()
///     channel.commit()
///     try channel.flush()
///     for _ in 0..<4 { print(try channel.receive()) }
public final class BoltChannel {
    /// What ended a ``wait(wakeups:deadline:)``.
    public enum Ready: Sendable, Hashable {
        /// An answer may be there, or the connection has ended: ask ``receiveIfAvailable()``.
        case readable
        case woken
        case timedOut
    }

    public let configuration: BoltConfiguration
    public internal(set) var server: BoltServer

    /// Sent with each `BEGIN` and each auto-commit `RUN` from now on: the server waits until it has seen these
    /// transactions.
    public var bookmarks: [String] = []
    /// What the last commit that was received gave, for other connections' ``bookmarks``.
    public private(set) var lastBookmark: String?

    /// Watched by every call that waits; when one is woken the call throws an error of kind `woken`. For "stop now", not
    /// for "there is more to do".
    public var interrupts: [Wakeup] = []

    var transport: Transport
    var encoder = RequestEncoder()
    private var conversation = Conversation()
    /// Why the connection is closed.
    private var closedBy: BoltError?

    /// Connects, agrees on a version and logs in.
    ///
    /// - Parameter wakeups: Interrupt the attempt with an error of kind `woken`. They are not watched afterwards.
    /// - Throws: Of kind connect, tls, timeout, authentication, server, protocolViolation, closed or woken.
    public convenience init(_ configuration: BoltConfiguration, wakeups: [Wakeup] = []) throws(BoltError) {
        try self.init(configuration, wakeups: wakeups, limit: configuration.connectTimeout)
    }

    /// - Parameter limit: For all of it; ``BoltConfiguration/connectTimeout`` is then only for reaching the server.
    convenience init(_ configuration: BoltConfiguration, wakeups: [Wakeup], limit: Duration) throws(BoltError) {
        let deadline = MonotonicTime.after(limit)
        let wire = try Wire.connect(configuration, deadline: deadline, wakeups: wakeups)
        try self.init(configuration, over: wire, wakeups: wakeups, limit: limit, deadline: deadline)
    }

    /// Agrees on a version and logs in over a connection that is there, and belongs to the channel from now on.
    init(
        _ configuration: BoltConfiguration, over wire: Wire, wakeups: [Wakeup], limit: Duration, deadline: MonotonicTime
    ) throws(BoltError) {
        self.configuration = configuration
        transport = Transport(
            wire: wire, address: configuration.address, silenceMax: limit,
            messageBytesMax: configuration.messageBytesMax)
        server = BoltServer(address: configuration.address, version: BoltVersion(0, 0))
        interrupts = wakeups
        do throws(BoltError) {
            let version = try shakeHands(deadline: deadline)
            try logIn(version, deadline: deadline)
        } catch {
            var reason = error
            if error.kind == .deadline {
                reason = BoltError(
                    .timeout, "no connection within \(limit): \(error.message)", server: configuration.address)
            }
            transport.close()
            closedBy = reason
            throw reason
        }
        interrupts = []
    }

    deinit { close() }

    // MARK: Requests

    /// Begins an explicit transaction.
    ///
    /// It may be written before the answers to the transaction ahead of it have come. Should that one have failed,
    /// Neo4j does not ignore this request as it does others: it calls it invalid and closes the connection, with
    /// nothing of this transaction done. The failure itself is received before.
    ///
    /// - Parameters:
    ///   - metadata: Shown by the server beside the transaction.
    ///   - timeout: After which the server ends the transaction; `nil` for the server's own limit.
    public func begin(metadata: [String: BoltValue] = [:], timeout: Duration? = nil, mode: BoltAccessMode = .write) {
        begin(extra(metadata: metadata, timeout: timeout, mode: mode))
    }

    func begin(_ extra: TransactionExtra) {
        encoder.begin(extra.with(legacyTimes: !server.usesUTC))
        wrote(.begin)
    }

    /// - Parameter extra: For a transaction of its own.
    func run(_ query: String, _ parameters: [String: BoltValue], extra: TransactionExtra?) {
        encoder.run(
            query, server.usesUTC ? parameters : parameters.mapValues(\.withLegacyTimes),
            extra: extra?.with(legacyTimes: !server.usesUTC))
        wrote(.run)
    }

    /// Asks a member of a cluster who does what in it; from Bolt 4.3.
    func route(_ context: [String: String], _ extra: TransactionExtra) {
        encoder.route(context, extra)
        wrote(.route)
    }

    /// Tells the server which kind of transaction is used; from Bolt 5.4.
    func telemetry(_ kind: Int64) {
        encoder.telemetry(kind)
        wrote(.telemetry)
    }

    /// Has the connection go on as somebody else; from Bolt 5.1, outside of a transaction.
    func logOn(again auth: BoltAuth) {
        encoder.logoff()
        wrote(.logoff)
        encoder.logon(auth)
        wrote(.logon)
    }

    /// - Parameter query: The `qid` of another query than the last one.
    func pull(_ n: Int64, query: Int64?) {
        encoder.pull(n, query: query)
        wrote(.pull)
    }

    func discard(query: Int64?) {
        encoder.discard(query: query)
        wrote(.discard)
    }

    /// Runs a query: in the transaction that was begun, or in one of its own.
    public func run(_ query: String, _ parameters: [String: BoltValue] = [:]) {
        run(query, parameters, extra: conversation.isInTransaction ? nil : extra())
    }

    /// Runs a query with the parameter `$rows`, a list of values that are PackStream already, beside others.
    ///
    /// Costs one copy of the rows.
    ///
    /// - Parameter rows: Holds exactly `count` values. That is not checked; the server closes the connection otherwise.
    public func run(
        _ query: String, _ parameters: [String: BoltValue] = [:], rows: borrowing PackStreamBuffer, count: Int
    ) {
        encoder.run(
            query, parameters, rows: rows, count: count, extra: conversation.isInTransaction ? nil : extra())
        wrote(.run)
    }

    /// Asks for records of the last query.
    ///
    /// - Parameter n: How many at most; -1 for all. The success that follows them has `has_more` when some are left.
    public func pull(_ n: Int64 = -1) {
        encoder.pull(n)
        wrote(.pull)
    }

    /// Throws the last query's records away.
    ///
    /// A server need not even compute them: on Neo4j `RETURN 1 / 0` fails when it is pulled, not when it is discarded.
    public func discard() {
        encoder.discard()
        wrote(.discard)
    }

    public func commit() {
        encoder.commit()
        wrote(.commit)
    }

    public func rollback() {
        encoder.rollback()
        wrote(.rollback)
    }

    /// Ends whatever is under way, a failure included; an open transaction is rolled back.
    ///
    /// What was written before and is not yet done is interrupted or ignored.
    public func reset() {
        encoder.reset()
        wrote(.reset)
    }

    func wrote(_ request: Conversation.Request) {
        conversation.wrote(request, end: encoder.outgoing.total)
    }

    private func extra(
        metadata: [String: BoltValue] = [:], timeout: Duration? = nil, mode: BoltAccessMode = .write
    ) -> TransactionExtra {
        TransactionExtra(
            database: configuration.database, bookmarks: bookmarks, metadata: metadata, timeout: timeout, mode: mode)
    }

    // MARK: Sending and receiving

    /// Answers that are still to come, those to requests not yet sent included.
    public var pendingResponses: Int { conversation.pending }

    /// A request failed, as far as answers were received, and no reset was answered since.
    public var isFailed: Bool { conversation.isFailed }

    /// Not closed, as far as is known.
    public var isOpen: Bool { closedBy == nil }

    /// Sends every request written so far.
    ///
    /// Reads what arrives meanwhile, so that neither side can block the other, and keeps it for later.
    public func flush() throws(BoltError) { try flush(deadline: nil) }

    func flush(deadline: MonotonicTime?) throws(BoltError) {
        if let closedBy { throw closedBy }
        do throws(BoltError) {
            try transport.write(&encoder.outgoing, deadline: deadline, wakeups: interrupts)
        } catch { throw closed(after: error) }
    }

    /// Gives the next answer and waits for it; sends first what was not sent.
    ///
    /// - Precondition: An answer is pending.
    /// - Throws: Of kind deadline when that passes first, of kind timeout when the server is silent for too long.
    public func receive(deadline: MonotonicTime? = nil) throws(BoltError) -> BoltResponse {
        let message = try nextMessage(deadline: deadline)
        do throws(BoltError) { return try decode(message) } catch { throw closed(after: error) }
    }

    /// Gives the next answer if it has arrived; never waits.
    ///
    /// - Returns: Nil when it has not, or none is pending.
    /// - Throws: Also when the connection turns out to have ended.
    public func receiveIfAvailable() throws(BoltError) -> BoltResponse? {
        if let closedBy { throw closedBy }
        do throws(BoltError) {
            while try !transport.hasMessage() {
                if try !transport.read() { return nil }
            }
            return try decode(transport.takeMessage())
        } catch { throw closed(after: error) }
    }

    /// Waits until an answer may be available.
    ///
    /// - Parameters:
    ///   - wakeups: Ends the wait when one is woken; they stay woken.
    ///   - deadline: Ends the wait; `nil` waits as long as it takes.
    /// - Throws: Of kind timeout when an answer is pending and the server is silent for too long.
    public func wait(wakeups: [Wakeup] = [], deadline: MonotonicTime? = nil) throws(BoltError) -> Ready {
        if let closedBy { throw closedBy }
        do throws(BoltError) {
            if try transport.hasMessage() { return .readable }
            try transport.waitToRead(
                isAnswerOwed: conversation.pending > 0, deadline: deadline, wakeups: wakeups + interrupts)
            return .readable
        } catch {
            switch error.kind {
            case .deadline: return .timedOut
            case .woken: return .woken
            default: throw closed(after: error)
            }
        }
    }

    /// Says good-bye without waiting and closes the connection.
    public func close() {
        guard closedBy == nil else { return }
        if encoder.outgoing.unsentBytes == 0 {
            encoder.goodbye()
            transport.writeWithoutWaiting(encoder.outgoing)
        }
        transport.close()
        closedBy = BoltError(.closed, "the connection was closed by this side", server: server.address)
    }

    /// Waits for a whole message.
    func nextMessage(deadline: MonotonicTime?) throws(BoltError) -> Range<Int> {
        if let closedBy { throw closedBy }
        precondition(conversation.pending > 0, "no answer is pending")
        do throws(BoltError) {
            while try !transport.hasMessage() {
                if try transport.read() { continue }
                if encoder.outgoing.unsentBytes > 0 {
                    try transport.write(&encoder.outgoing, deadline: deadline, wakeups: interrupts)
                    continue
                }
                try transport.waitToRead(isAnswerOwed: true, deadline: deadline, wakeups: interrupts)
            }
            return transport.takeMessage()
        } catch { throw closed(after: error) }
    }

    private func decode(_ message: Range<Int>) throws(BoltError) -> BoltResponse {
        let (tag, response): (ResponseTag, BoltResponse)
        do throws(PackStreamError) {
            (tag, response) = try transport.withMessage(message) { reader throws(PackStreamError) in
                let tag = try reader.readResponseTag()
                let response = try reader.readResponse(tag)
                try reader.expectEnd()
                return (tag, response)
            }
        } catch {
            throw unreadable(error)
        }
        if conversation.pending == 0, case .failure(let failure) = response {
            // Said on the way out, for instance by a server that shuts down.
            throw BoltError(
                .closed, "the server ended the connection: \(failure.message)", server: server.address,
                failure: failure)
        }
        try note(tag)
        if case .success(let metadata) = response, let bookmark = metadata["bookmark"]?.stringValue {
            lastBookmark = bookmark
        }
        return response
    }

    /// What a message was, for a caller that takes records as bytes.
    enum Taken<Failure: Error> {
        case record
        case answer(BoltResponse)
        /// The record was taken; `body` threw.
        case bodyFailed(Failure)
    }

    /// Takes a message; a record's list of values is read by `body`, which must not use the channel.
    func take<Failure: Error>(
        _ message: Range<Int>, record body: (inout PackStreamReader) throws(Failure) -> Void
    ) throws(BoltError) -> Taken<Failure> {
        do throws(BoltError) {
            guard isRecord(message) else { return .answer(try decode(message)) }
            try note(.record)
        } catch { throw closed(after: error) }
        do throws(Failure) {
            // Behind the structure's marker and tag.
            try transport.withMessage(message.dropFirst(2), body)
        } catch { return .bodyFailed(error) }
        return .record
    }

    private func isRecord(_ message: Range<Int>) -> Bool {
        transport.withMessage(message) { reader in
            do throws(PackStreamError) { return try reader.readResponseTag() == .record } catch { return false }
        }
    }

    private func note(_ tag: ResponseTag) throws(BoltError) {
        do throws(Conversation.Violation) {
            try conversation.received(tag)
        } catch {
            throw violation("an answer out of turn (\(error))")
        }
    }

    private func unreadable(_ error: PackStreamError) -> BoltError {
        violation("a message that cannot be read: \(error)")
    }

    func violation(_ what: String) -> BoltError {
        BoltError(.protocolViolation, "the server sent \(what)", server: server.address)
    }

    /// Closes the connection, unless the error is one that it survives.
    func closed(after error: BoltError) -> BoltError {
        if error.kind == .deadline || error.kind == .woken { return error }
        let isUnknown = conversation.isOutcomeUnknown(sent: encoder.outgoing.totalSent)
        let reason = isUnknown ? error.withOutcomeUnknown() : error
        transport.close()
        closedBy = reason
        return reason
    }
}
