// Part of Lockstep. See LICENSE.

internal import Threading

/// One connection of a driver, on a thread of its own, where its calls may block.
///
/// Between two hand-overs (``acquire``, ``release()``) one session uses it. It keeps the streams that are open: their
/// records arrive in one order, and are asked for in another.
actor BoltLink {
    /// What a stream gave so far.
    struct Batch: Sendable {
        var records: [[BoltValue]]
        /// What came with the end of the records; nil where there are more.
        var end: [String: BoltValue]?
        /// The stream had a record, now or before.
        var hadRecord: Bool
    }

    /// As whom the connection is logged in.
    struct Login: Sendable {
        let auth: BoltAuth
        let manager: any BoltAuthManager
        /// Of the times that the server has declared all logins void, those before this one.
        let count: Int
    }

    private struct Stream {
        var fields: [String] = []
        var records: [[BoltValue]] = []
        /// Where the server numbers the queries of a transaction.
        var query: Int64?
        var end: [String: BoltValue]?
        var fetchSize: Int64
        var isPulling = true
        var hadRecord = false
        var failure: BoltError?
        /// When the first record was there, which is said before it comes.
        var firstAfter: BoltValue?

        var isOver: Bool { end != nil || failure != nil }

        /// - Returns: False, with nothing added, where the record has another size than the columns ask for.
        mutating func add(_ record: [BoltValue]) -> Bool {
            guard fields.isEmpty || fields.count == record.count else { return false }
            records.append(record)
            hadRecord = true
            return true
        }
    }

    private enum Expected {
        case nothing
        case login
        case telemetry
        case run(Int)
        case records(Int)
        case value
    }

    nonisolated let address: BoltAddress
    nonisolated let created: MonotonicTime
    private nonisolated let executor: ThreadExecutor
    /// Woken when the task that waits is cancelled.
    private nonisolated let interrupt = Wakeup()

    private var channel: BoltChannel?
    private var streams: [Int: Stream] = [:]
    private var streamCount = 0
    private var expected: [Expected] = []
    private var lastRun: Int?
    private var isInTransaction = false
    private var usesUTC = true
    /// What the last answer that is a value held, such as a commit's.
    private var value: [String: BoltValue] = [:]
    private var lastFailure: BoltError?
    private(set) var login: Login
    /// The server refused the credentials; it may do nothing more for this connection.
    private var isLoginRefused = false
    /// To be told to whom it concerns.
    private var refusal: BoltFailure?
    private let onRefusal: @Sendable (BoltFailure) async -> Void
    /// It was used before, and may have died unnoticed since.
    private(set) var wasReleased = false
    /// The database that the server took for the transaction, where it says so; from Bolt 5.8.
    private(set) var database: String?
    /// Told of what failed before the session is; gives the error that the session gets.
    private var watcher: (@Sendable (BoltError) async -> BoltError)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameter onRefusal: Hears each failure of the kind that the auth manager hears.
    init(
        _ address: BoltAddress, created: MonotonicTime, login: Login,
        onRefusal: @escaping @Sendable (BoltFailure) async -> Void
    ) {
        self.address = address
        self.created = created
        self.login = login
        self.onRefusal = onRefusal
        executor = ThreadExecutor(name: "bolt \(address.port)")
    }

    deinit { executor.stop() }

    // MARK: Life

    /// Connects within the configuration's limit, and has all done by the deadline.
    func connect(_ configuration: BoltConfiguration, deadline: MonotonicTime) async throws(BoltError) -> BoltServer {
        try await uninterrupted { () throws(BoltError) in
            let channel: BoltChannel
            do throws(BoltError) {
                channel = try BoltChannel(
                    configuration, wakeups: [interrupt], limit: .milliseconds(deadline.millisecondsFromNow))
            } catch {
                if error.isSecurityFailure { refusal = error.failure }
                throw error
            }
            guard channel.server.isCompatible else {
                throw BoltError(
                    .connect, "the server names itself '\(channel.server.agent)', which is not known to be compatible",
                    server: address.description)
            }
            channel.interrupts = [interrupt]
            self.channel = channel
            usesUTC = channel.server.usesUTC
            return channel.server
        }
    }

    var server: BoltServer? { channel?.server }
    var isUsable: Bool { channel?.isOpen ?? false }

    func close() {
        channel?.close()
        channel = nil
    }

    /// Has what fails from now on told to `watcher` first, until the connection is given back.
    func watch(_ watcher: @escaping @Sendable (BoltError) async -> BoltError) { self.watcher = watcher }

    /// Leaves the connection as new: no transaction, no stream, no failure.
    func release() {
        watcher = nil
        database = nil
        wasReleased = true
        settle()
    }

    private func settle() {
        guard let channel, channel.isOpen else { return }
        // Nobody knows as whom it would go on.
        if isLoginRefused || expected.contains(where: isLogin) { return channel.close() }
        channel.interrupts = []
        do throws(BoltError) {
            if channel.isFailed || isInTransaction || channel.pendingResponses > 0 || streams.contains(where: isOpen) {
                try channel.recover()
            }
        } catch { channel.close() }
        channel.interrupts = [interrupt]
        streams = [:]
        expected = []
        isInTransaction = false
        lastFailure = nil
    }

    private func isOpen(_ stream: (key: Int, value: Stream)) -> Bool { !stream.value.isOver }

    private func isLogin(_ expected: Expected) -> Bool { if case .login = expected { true } else { false } }

    /// Asks the server for a sign of life.
    ///
    /// - Throws: Where it gives none before the deadline; the connection is then of no use.
    func checkLiveness(deadline: MonotonicTime) throws(BoltError) {
        interrupt.drain()
        let channel = try open()
        channel.reset()
        try channel.flush(deadline: deadline)
        while channel.pendingResponses > 0 { _ = try channel.receive(deadline: deadline) }
    }

    /// Goes on for a session with this login, where nothing has to be said for it: only who hears of refusals may change.
    ///
    /// - Returns: False where the connection is logged in as somebody else, or no longer.
    func adopt(_ new: Login) -> Bool {
        guard new.auth == login.auth && new.count == login.count else { return false }
        login = new
        return true
    }

    /// Goes on as somebody else.
    ///
    /// - Parameter waits: Whether for the answer; else it comes with that to the next request.
    func logOn(again login: Login, waits: Bool) async throws(BoltError) {
        try await uninterrupted { () throws(BoltError) in
            let channel = try open()
            channel.logOn(again: login.auth)
            expected += [.nothing, .login]
            self.login = login
            guard waits else { return }
            try channel.flush()
            try receiveAll()
        }
    }

    /// Calls `body`; a cancellation of the task ends what it waits for, and what the server does for it.
    private func uninterrupted<Result>(_ body: () throws(BoltError) -> Result) async throws(BoltError) -> Result {
        let interrupt = interrupt
        // The task before this one may have been cancelled when all was done.
        interrupt.drain()
        let outcome = await withTaskCancellationHandler {
            () -> Swift.Result<Result, BoltError> in
            // Naming the actor makes the closure the actor's: it would run, and block, on the cooperative pool.
            assertIsolated()
            do throws(BoltError) { return .success(try body()) } catch { return .failure(error) }
        } onCancel: {
            interrupt.wake()
        }
        let isAnswered = await tellRefusal()
        switch outcome {
        case .success(let result): return result
        case .failure(var error):
            guard error.kind == .woken else {
                if error.isSecurityFailure { error.isAnsweredByAuthManager = isAnswered }
                throw await watcher?(error) ?? error
            }
            interrupt.drain()
            settle()
            throw BoltError(.cancelled, "the task was cancelled", server: address.description)
        }
    }

    /// - Returns: Whether the work may succeed when it is done again.
    private func tellRefusal() async -> Bool {
        guard let failure = refusal else { return false }
        refusal = nil
        await onRefusal(failure)
        return await login.manager.handle(failure, of: login.auth)
    }

    private func open() throws(BoltError) -> BoltChannel {
        guard let channel else {
            throw BoltError(.closed, "the connection was closed by this side", server: address.description)
        }
        return channel
    }

    // MARK: Requests

    /// Runs a query and asks for its first records at once.
    ///
    /// - Parameters:
    ///   - extra: For a transaction of its own; nil in an explicit one.
    ///   - telemetry: Sent before, where the server counts.
    func run(
        _ query: String, _ parameters: [String: BoltValue], extra: TransactionExtra?, fetchSize: Int64,
        telemetry: Int64? = nil
    ) async throws(BoltError) -> (stream: Int, fields: [String]) {
        try await uninterrupted { () throws(BoltError) in
            let channel = try open()
            count(telemetry, channel)
            streamCount += 1
            let stream = streamCount
            streams[stream] = Stream(fetchSize: fetchSize)
            channel.run(query, parameters, extra: extra)
            expected.append(.run(stream))
            channel.pull(fetchSize, query: nil)
            expected.append(.records(stream))
            lastRun = stream
            try channel.flush()
            while isRunPending(stream) { try receive() }
            if let failure = streams[stream]?.failure { throw failure }
            return (stream, streams[stream]?.fields ?? [])
        }
    }

    private func isRunPending(_ stream: Int) -> Bool {
        expected.contains { if case .run(stream) = $0 { true } else { false } }
    }

    /// What was last said about the kind of transaction has arrived.
    private(set) var isTelemetryTaken = false

    private func count(_ telemetry: Int64?, _ channel: BoltChannel) {
        isTelemetryTaken = false
        guard let telemetry, channel.server.wantsTelemetry else { return }
        channel.telemetry(telemetry)
        expected.append(.telemetry)
    }

    /// - Parameter waits: Whether for the answer; else it is received together with the next one.
    func begin(_ extra: TransactionExtra, telemetry: Int64?, waits: Bool) async throws(BoltError) {
        try await uninterrupted { () throws(BoltError) in
            let channel = try open()
            count(telemetry, channel)
            channel.begin(extra)
            isInTransaction = true
            expected.append(.value)
            guard waits else { return }
            try channel.flush()
            try receiveAll()
        }
    }

    /// Ends the transaction; what is left of its streams is thrown away.
    ///
    /// - Returns: What came with the commit, the bookmark for instance.
    func end(commits: Bool) async throws(BoltError) -> [String: BoltValue] {
        try await uninterrupted { () throws(BoltError) in
            for stream in streams.keys.sorted() { try giveUp(stream) }
            let channel = try open()
            if commits { channel.commit() } else { channel.rollback() }
            expected.append(.value)
            try channel.flush()
            try receiveAll()
            isInTransaction = false
            return value
        }
    }

    /// Gives the next records of a stream, and waits for them.
    ///
    /// - Parameter all: Asks for all that are left, where it has to ask.
    func fetch(_ stream: Int, all: Bool = false) async throws(BoltError) -> Batch {
        try await uninterrupted { () throws(BoltError) in
            repeat {
                try pullMore(stream, all: all)
                try receiveRecords(stream)
            } while hasNothingYet(stream)
            guard var found = streams[stream] else {
                throw BoltError(.resultEnded, "the result's transaction or session has ended", server: nil)
            }
            if found.records.isEmpty, let failure = found.failure { throw failure }
            let batch = Batch(records: found.records, end: found.end, hadRecord: found.hadRecord)
            found.records = []
            streams[stream] = found
            return batch
        }
    }

    /// Neither records nor an end have come; more may be asked for.
    private func hasNothingYet(_ stream: Int) -> Bool {
        guard let found = streams[stream] else { return false }
        return found.records.isEmpty && !found.isOver
    }

    /// Throws the rest of a stream away and gives what came with its end.
    func discard(_ stream: Int) async throws(BoltError) -> Batch {
        try await uninterrupted { () throws(BoltError) in
            try giveUp(stream)
            guard let found = streams[stream] else { return Batch(records: [], end: [:], hadRecord: false) }
            if let failure = found.failure { throw failure }
            return Batch(records: [], end: found.end ?? [:], hadRecord: found.hadRecord)
        }
    }

    /// Receives what was asked for, up to the answer that ends it.
    ///
    /// Nobody holds the stream meanwhile: adding a record would then copy all that came before it.
    private func receiveRecords(_ stream: Int) throws(BoltError) {
        while streams[stream]?.isPulling == true {
            do throws(BoltError) { try receive() } catch {
                if error.kind == .woken { throw error }
                fail(stream, error)
            }
        }
    }

    private func giveUp(_ stream: Int) throws(BoltError) {
        while let found = streams[stream], !found.isOver {
            streams[stream]?.records = []
            if found.isPulling {
                try receive()
            } else {
                let channel = try open()
                channel.discard(query: stream == lastRun ? nil : found.query)
                expected.append(.records(stream))
                streams[stream]?.isPulling = true
                try channel.flush()
            }
        }
        streams[stream]?.records = []
    }

    private func pullMore(_ stream: Int, all: Bool) throws(BoltError) {
        guard let found = streams[stream], !found.isOver, !found.isPulling, found.records.isEmpty else { return }
        let channel = try open()
        channel.pull(all ? -1 : found.fetchSize, query: stream == lastRun ? nil : found.query)
        expected.append(.records(stream))
        streams[stream]?.isPulling = true
        try channel.flush()
    }

    /// Asks for the routing table.
    func route(_ context: [String: String], _ extra: TransactionExtra) async throws(BoltError) -> [String: BoltValue] {
        try await uninterrupted { () throws(BoltError) in
            let channel = try open()
            guard channel.server.version.hasRoute else {
                throw BoltError(
                    .protocolViolation, "Bolt \(channel.server.version) gives no routing table; use bolt://",
                    server: address.description)
            }
            channel.route(context, extra)
            expected.append(.value)
            try channel.flush()
            try receiveAll()
            return value
        }
    }

    // MARK: Answers

    private func receiveAll() throws(BoltError) {
        lastFailure = nil
        var first: BoltError?
        while !expected.isEmpty {
            try receive()
            if first == nil { first = lastFailure }
        }
        if let first { throw first }
    }

    /// Receives one answer and puts it where it belongs.
    private func receive() throws(BoltError) {
        guard let next = expected.first else {
            throw BoltError(.closed, "no answer is awaited", server: address.description)
        }
        let answer: BoltResponse
        do throws(BoltError) { answer = try open().receive() } catch {
            if error.kind != .woken { failAll(error) }
            throw error
        }
        switch answer {
        case .record(let values):
            guard case .records(let stream) = next else { return }
            if streams[stream]?.add(usesUTC ? values : values.map(\.withUTCTimes)) == false {
                throw BoltError(
                    .protocolViolation, "the server sent a record of another size", server: address.description)
            }
            return
        case .success(let metadata): succeed(next, metadata)
        case .failure(let failure):
            let error = BoltError(failure, server: address.description)
            lastFailure = error
            if error.isSecurityFailure { refusal = failure }
            if case .login = next { isLoginRefused = true }
            failAll(error)
        case .ignored: break
        }
        expected.removeFirst()
    }

    private func succeed(_ request: Expected, _ metadata: [String: BoltValue]) {
        switch request {
        case .nothing, .login: break
        case .telemetry: isTelemetryTaken = true
        case .value:
            value = metadata
            database = database ?? metadata["db"]?.stringValue
        case .run(let stream):
            database = database ?? metadata["db"]?.stringValue
            streams[stream]?.fields = metadata["fields"]?.listValue?.compactMap(\.stringValue) ?? []
            streams[stream]?.query = metadata["qid"]?.integerValue
            streams[stream]?.firstAfter = metadata["t_first"]
        case .records(let stream):
            streams[stream]?.isPulling = false
            guard metadata["has_more"] != true else { return }
            var end = metadata
            end["t_first"] = streams[stream]?.firstAfter
            streams[stream]?.end = end
        }
    }

    private func fail(_ stream: Int, _ error: BoltError) {
        if streams[stream]?.isOver == false { streams[stream]?.failure = error }
        streams[stream]?.isPulling = false
    }

    private func failAll(_ error: BoltError) { for stream in streams.keys { fail(stream, error) } }
}
