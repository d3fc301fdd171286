// Part of Lockstep. See LICENSE.

internal import Threading

/// What a session's transactions have in common.
public struct BoltSessionSettings: Sendable {
    /// Nil for the driver's.
    public var database: String?
    public var accessMode = BoltAccessMode.write
    /// Transactions that the server has to have seen first.
    public var bookmarks: [String] = []
    /// Shares bookmarks with other sessions; nil for a session that minds only its own.
    public var bookmarkManager: (any BoltBookmarkManager)?
    /// Nil for the driver's.
    public var fetchSize: Int64?
    /// Whose rights count; from Bolt 4.4.
    public var impersonatedUser: String?
    /// Nil for the driver's; another needs Bolt 5.1.
    public var auth: BoltAuth?
    /// Nil for the driver's.
    public var notifications: BoltNotificationFilter?

    public init() {}
}

/// What one transaction is given.
public struct BoltTransactionSettings: Sendable {
    /// After which the server ends the transaction; nil for the server's own limit, zero for none.
    public var timeout: Duration?
    /// Shown by the server beside the transaction.
    public var metadata: [String: BoltValue]

    public init(timeout: Duration? = nil, metadata: [String: BoltValue] = [:]) {
        self.timeout = timeout
        self.metadata = metadata
    }
}

/// Transactions one after the other, each of which sees what those before it did.
///
/// One task uses it at a time; a task that does several things at once has a session for each.
///
///     let session = driver.session()
///     try await session.executeWrite { transaction in
///         try await transaction.run("MERGE (p:Person {name: $name})", ["name": "Ada"]).consume()
///     }
///     for record in try await session.run("MATCH (p:Person) RETURN p.name").list() { print(record[0]) }
///     await session.close()
public actor BoltSession {
    /// The kinds of transaction that servers count.
    enum Telemetry: Int64 {
        case managed = 0
        case explicit = 1
        case autoCommit = 2
        case query = 3
    }

    private let driver: BoltDriver
    private let settings: BoltSessionSettings
    /// What others can be given to wait for this session's transactions; the next one waits for it too.
    public private(set) var lastBookmarks: [String]
    /// Known from the first connection on, and the same for the rest of the session's life.
    private var database: DatabaseChoice
    /// Those of the settings, until a transaction gave one.
    private var firstBookmarks: [String]
    /// What the last transaction waited for.
    private var awaitedBookmarks: [String] = []
    /// The result of the last auto-commit query, while it has a connection.
    private var current: BoltCursor?
    private var transaction: BoltTransaction?
    private var isClosed = false
    /// The server knows of the managed transaction that is being tried.
    private var isTelemetryTaken = false

    init(_ driver: BoltDriver, _ settings: BoltSessionSettings) {
        self.driver = driver
        self.settings = settings
        lastBookmarks = settings.bookmarks
        firstBookmarks = settings.bookmarks
        database = (settings.database ?? driver.settings.connection.database).map { .named($0) } ?? .home
    }

    /// Runs a query in a transaction of its own.
    ///
    /// What is left of the result before it is read into memory first.
    public func run(
        _ query: String, _ parameters: [String: BoltValue] = [:],
        _ transaction: BoltTransactionSettings = BoltTransactionSettings()
    ) async throws(BoltError) -> BoltCursor {
        try await makeReady(transaction)
        let link = try await acquire(settings.accessMode)
        do throws(BoltError) {
            let extra = try await extra(transaction, link, settings.accessMode)
            let (stream, fields) = try await link.run(
                query, parameters, extra: extra, fetchSize: fetchSize, telemetry: telemetry(.autoCommit))
            let server = await link.server
            let cursor = BoltCursor(
                link, stream, keys: fields, query: query, parameters: parameters, server: server,
                onEnd: { [self] end in await ended(link, end) })
            current = cursor
            return cursor
        } catch {
            await driver.pool.release(link)
            throw error
        }
    }

    /// Begins a transaction that the caller ends.
    public func beginTransaction(
        _ settings: BoltTransactionSettings = BoltTransactionSettings()
    ) async throws(BoltError) -> BoltTransaction {
        try await begin(settings, self.settings.accessMode, .explicit)
    }

    /// Runs `body` in a transaction, commits it, and does both again where the server says that it may succeed then.
    ///
    /// - Parameter body: May run several times; what it does apart from the transaction has to bear that.
    /// - Throws: What `body` throws, after the transaction was rolled back; or what the server says.
    public func executeWrite<Result: Sendable>(
        _ settings: BoltTransactionSettings = BoltTransactionSettings(),
        _ body: @Sendable (BoltTransaction) async throws -> Result
    ) async throws -> Result {
        try await execute(settings, .write, .managed, body)
    }

    /// The same for what only reads; in a cluster any member may do it.
    public func executeRead<Result: Sendable>(
        _ settings: BoltTransactionSettings = BoltTransactionSettings(),
        _ body: @Sendable (BoltTransaction) async throws -> Result
    ) async throws -> Result {
        try await execute(settings, .read, .managed, body)
    }

    /// Runs one query in a transaction of its own and gives all of its result.
    ///
    /// The transaction's beginning, the query and the first fetch go to the server together.
    func executeQuery(
        _ query: String, _ parameters: [String: BoltValue], _ transaction: BoltTransactionSettings
    ) async throws -> BoltEagerResult {
        try await execute(transaction, settings.accessMode, .query) { transaction in
            let cursor = try await transaction.run(query, parameters)
            let records = try await cursor.list()
            return BoltEagerResult(keys: cursor.keys, records: records, summary: try await cursor.consume())
        }
    }

    /// Ends what is under way; an open transaction is rolled back.
    public func close() async {
        isClosed = true
        await current?.end(.sessionClosed)
        current = nil
        await transaction?.close()
        transaction = nil
    }

    // MARK: Parts

    private func execute<Result: Sendable>(
        _ settings: BoltTransactionSettings, _ mode: BoltAccessMode, _ kind: Telemetry,
        _ body: @Sendable (BoltTransaction) async throws -> Result
    ) async throws -> Result {
        let deadline = MonotonicTime.after(driver.settings.retryTimeMax)
        var delay = driver.settings.retryDelay
        isTelemetryTaken = false
        while true {
            do {
                let transaction = try await begin(settings, mode, isTelemetryTaken ? nil : kind, waits: kind != .query)
                let result: Result
                do {
                    result = try await body(transaction)
                } catch {
                    await transaction.close()
                    throw error
                }
                if await transaction.isOpen { try await transaction.commit() }
                return result
            } catch let error as BoltError where error.isRetryable && MonotonicTime.now < deadline {
                try await Task.sleep(for: delay * Double.random(in: 0.8...1.2))
                delay *= 2
            }
        }
    }

    private func begin(
        _ settings: BoltTransactionSettings, _ mode: BoltAccessMode, _ kind: Telemetry?, waits: Bool = true
    ) async throws(BoltError) -> BoltTransaction {
        try await makeReady(settings)
        let link = try await acquire(mode)
        do throws(BoltError) {
            let extra = try await extra(settings, link, mode)
            try await link.begin(extra, telemetry: telemetry(kind), waits: waits)
        } catch {
            if await link.isTelemetryTaken { isTelemetryTaken = true }
            await driver.pool.release(link)
            throw error
        }
        let transaction = BoltTransaction(link, fetchSize: fetchSize, server: await link.server) { [self] end in
            await ended(link, end)
        }
        self.transaction = transaction
        return transaction
    }

    private func makeReady(_ settings: BoltTransactionSettings) async throws(BoltError) {
        guard !isClosed else { throw BoltError(.usage, "the session is closed", server: nil) }
        if let timeout = settings.timeout, timeout < .zero {
            throw BoltError(.usage, "a transaction's timeout is not negative", server: nil)
        }
        if let transaction, await transaction.isOpen {
            throw BoltError(.usage, "the session has a transaction that has not ended", server: nil)
        }
        transaction = nil
        await current?.keepRest()
        current = nil
    }

    private func acquire(_ mode: BoltAccessMode) async throws(BoltError) -> BoltLink {
        let connection = try await driver.connections.acquire(need(mode))
        database = connection.database
        return connection.link
    }

    private func need(_ mode: BoltAccessMode) -> ConnectionNeed {
        ConnectionNeed(
            mode: mode, database: database, impersonatedUser: settings.impersonatedUser,
            bookmarks: { [self] () async throws(BoltError) in try await bookmarks() }, auth: settings.auth,
            login: driver.login(settings.auth))
    }

    /// The server that began the transaction may have said which database the home database is.
    private func learnDatabase(_ link: BoltLink) async {
        guard case .home = database, let name = await link.database else { return }
        database = await driver.connections.learn(home: name, for: need(settings.accessMode))
    }

    /// Gives what the next transaction is to wait for.
    private func bookmarks() async throws(BoltError) -> [String] {
        guard let manager = settings.bookmarkManager else { return lastBookmarks }
        do {
            awaitedBookmarks = (try await manager.bookmarks() + firstBookmarks).withoutRepetitions
            return awaitedBookmarks
        } catch { throw BoltError(callback: "the bookmark manager gave no bookmarks", error) }
    }

    private func extra(
        _ transaction: BoltTransactionSettings, _ link: BoltLink, _ mode: BoltAccessMode
    ) async throws(BoltError) -> TransactionExtra {
        if let user = settings.impersonatedUser, await link.server?.version.hasImpersonation != true {
            throw BoltError(
                .configuration, "impersonation, of '\(user)' here, needs Bolt 4.4 or later",
                server: link.address.description)
        }
        return TransactionExtra(
            database: database.name, bookmarks: try await bookmarks(),
            metadata: transaction.metadata, timeout: transaction.timeout, mode: mode,
            impersonatedUser: settings.impersonatedUser, notifications: settings.notifications)
    }

    private var fetchSize: Int64 { settings.fetchSize ?? driver.settings.fetchSize }

    private func telemetry(_ kind: Telemetry?) -> Int64? { driver.settings.sendsTelemetry ? kind?.rawValue : nil }

    /// A transaction is over: its connection goes back, and its bookmark counts from now on.
    private func ended(_ link: BoltLink, _ end: [String: BoltValue]?) async {
        if let bookmark = end?["bookmark"]?.stringValue { await keep(bookmark) }
        await learnDatabase(link)
        if await link.isTelemetryTaken { isTelemetryTaken = true }
        await driver.pool.release(link)
    }

    private func keep(_ bookmark: String) async {
        lastBookmarks = [bookmark]
        firstBookmarks = []
        await settings.bookmarkManager?.replace(awaitedBookmarks, with: [bookmark])
    }
}

extension BoltError {
    /// Another try of the same transaction may succeed, and this one has surely not been done.
    public var isRetryable: Bool {
        (isTransient || isAnsweredByAuthManager || isConnectionLoss && kind != .connect) && !isOutcomeUnknown
    }
}
