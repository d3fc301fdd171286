// Part of Lockstep. See LICENSE.

/// A transaction that was begun, and ends by ``commit()`` or ``rollback()``.
///
///     let transaction = try await session.beginTransaction()
///     try await transaction.run("CREATE (:Person {name: $name})", ["name": "Ada"]).consume()
///     try await transaction.commit()
public actor BoltTransaction {
    private enum State {
        case open
        case committed
        case rolledBack
        case failed(BoltError)
    }

    private let link: BoltLink
    private let fetchSize: Int64
    private let server: BoltServer?
    private var onEnd: (@Sendable ([String: BoltValue]?) async -> Void)?
    private var state = State.open
    private var cursors: [BoltCursor] = []

    init(
        _ link: BoltLink, fetchSize: Int64, server: BoltServer?,
        onEnd: @escaping @Sendable ([String: BoltValue]?) async -> Void
    ) {
        self.link = link
        self.fetchSize = fetchSize
        self.server = server
        self.onEnd = onEnd
    }

    /// Neither ended nor failed.
    public var isOpen: Bool { if case .open = state { true } else { false } }

    /// Runs a query. Several results may be open at once.
    public func run(
        _ query: String, _ parameters: [String: BoltValue] = [:]
    ) async throws(BoltError) -> BoltCursor {
        try requireOpen()
        do throws(BoltError) {
            let (stream, fields) = try await link.run(query, parameters, extra: nil, fetchSize: fetchSize)
            let cursor = BoltCursor(
                link, stream, keys: fields, query: query, parameters: parameters, server: server,
                onFailure: { [self] error in await failed(error) })
            cursors.append(cursor)
            return cursor
        } catch {
            await failed(error)
            throw error
        }
    }

    /// Makes what was done lasting.
    ///
    /// - Throws: With ``BoltError/isOutcomeUnknown`` when the connection was lost on the way.
    public func commit() async throws(BoltError) {
        try requireOpen()
        do throws(BoltError) {
            let end = try await link.end(commits: true)
            await finish(.committed, end)
        } catch {
            var error = error
            error.isCommitUnknown = error.isOutcomeUnknown
            await finish(.failed(error), nil)
            throw error
        }
    }

    /// Undoes what was done.
    public func rollback() async throws(BoltError) {
        // A transaction that failed is rolled back already.
        if case .failed = state {
            state = .rolledBack
            return
        }
        try requireOpen()
        do throws(BoltError) {
            _ = try await link.end(commits: false)
            await finish(.rolledBack, nil)
        } catch {
            await finish(.failed(error), nil)
            throw error
        }
    }

    /// Rolls back what is not committed, whatever the server says to it.
    public func close() async {
        guard isOpen else { return }
        do throws(BoltError) { try await rollback() } catch {}  // The connection is reset or closed.
    }

    private func requireOpen() throws(BoltError) {
        switch state {
        case .open: return
        case .committed, .rolledBack:
            throw BoltError(.transactionEnded, "the transaction is closed", server: link.address.description)
        case .failed(let error):
            throw BoltError(
                .transactionEnded, "the transaction has failed: \(error.message)", server: link.address.description)
        }
    }

    private func failed(_ error: BoltError) async {
        guard isOpen else { return }
        await finish(.failed(error), nil)
    }

    private func finish(_ state: State, _ end: [String: BoltValue]?) async {
        self.state = state
        let cursors = cursors
        self.cursors = []
        for cursor in cursors {
            if case .failed(let error) = state {
                await cursor.end(.failed(error))
            } else {
                await cursor.end(.outOfScope)
            }
        }
        // The session, which holds this transaction, is let go of.
        let tell = onEnd
        onEnd = nil
        await tell?(end)
    }
}
