// Part of Lockstep. See LICENSE.

/// The records of one query, as they arrive: at most one fetch of them is in memory.
///
///     let cursor = try await session.run("UNWIND range(1, 1000000) AS n RETURN n")
///     while let record = try await cursor.next() { sum += record[0].integerValue ?? 0 }
///     print(try await cursor.consume().counters)
public actor BoltCursor {
    enum Ending: Sendable {
        case consumed
        case outOfScope
        case sessionClosed
        /// Another query of the transaction failed.
        case failed(BoltError)
    }

    private enum State {
        case open
        case ended
        case failed(BoltError)
        case closed(Ending)
    }

    /// The names of the columns.
    public nonisolated let keys: [String]
    private let link: BoltLink
    private let stream: Int
    private let query: String
    private let parameters: [String: BoltValue]
    private let server: BoltServer?
    private var onEnd: (@Sendable ([String: BoltValue]?) async -> Void)?
    private var onFailure: (@Sendable (BoltError) async -> Void)?

    private var state = State.open
    private var records: ArraySlice<[BoltValue]> = []
    private var end: [String: BoltValue] = [:]
    private var hadRecord = false

    init(
        _ link: BoltLink, _ stream: Int, keys: [String], query: String, parameters: [String: BoltValue],
        server: BoltServer?, onEnd: (@Sendable ([String: BoltValue]?) async -> Void)? = nil,
        onFailure: (@Sendable (BoltError) async -> Void)? = nil
    ) {
        self.link = link
        self.stream = stream
        self.keys = keys
        self.query = query
        self.parameters = parameters
        self.server = server
        self.onEnd = onEnd
        self.onFailure = onFailure
    }

    /// Gives the next record; nil at the end.
    public func next() async throws(BoltError) -> [BoltValue]? {
        try await fill()
        return records.popFirst()
    }

    /// Gives the next record and leaves it to be given again.
    public func peek() async throws(BoltError) -> [BoltValue]? {
        try await fill()
        return records.first
    }

    /// Gives all records that are left, and asks for them at once, whatever the fetch size is.
    public func list() async throws(BoltError) -> [[BoltValue]] {
        var all: [[BoltValue]] = []
        while true {
            try await fill(all: true)
            if records.isEmpty { return all }
            all += records
            records = []
        }
    }

    /// Gives the only record that is left, and throws the others away.
    ///
    /// - Throws: Of kind notSingle where there is none, or more than one.
    public func single() async throws(BoltError) -> [BoltValue] {
        let first = try await next()
        let isOnly = try await peek() == nil
        _ = try await consume()
        guard let first, isOnly else {
            throw BoltError(
                .notSingle, "the result has \(first == nil ? "no record" : "more than one record")", server: nil)
        }
        return first
    }

    /// Gives the only record that is left, nil where there is none.
    ///
    /// - Returns: Of several the first, and that there were others, which are thrown away: then the query may not be the
    ///   one that was meant.
    public func singleOrNone() async throws(BoltError) -> (record: [BoltValue]?, hadOthers: Bool) {
        let first = try await next()
        let hadOthers = try await next() != nil
        if hadOthers { _ = try await list() }
        return (first, hadOthers)
    }

    /// Throws away the records that are left and gives what the server says at the end.
    @discardableResult
    public func consume() async throws(BoltError) -> BoltSummary {
        switch state {
        case .failed(let error): throw error
        case .closed(.consumed), .closed(.outOfScope): break
        case .closed(let ending): throw ending.error
        case .ended:
            records = []
            state = .closed(.consumed)
        case .open: try await discard(.consumed)
        }
        return try BoltSummary(
            query: query, parameters: parameters, metadata: end, server: server, hadKeys: !keys.isEmpty,
            hadRecord: hadRecord)
    }

    private func discard(_ ending: Ending) async throws(BoltError) {
        records = []
        do throws(BoltError) {
            let batch = try await link.discard(stream)
            end = batch.end ?? [:]
            hadRecord = hadRecord || batch.hadRecord
            state = .closed(ending)
            await tellEnd(end)
        } catch {
            await failed(error)
            throw error
        }
    }

    /// Has records to give, unless there are none left.
    private func fill(all: Bool = false) async throws(BoltError) {
        switch state {
        case .failed(let error): throw error
        case .closed(let ending): throw ending.error
        case .ended: return
        case .open: break
        }
        while records.isEmpty, case .open = state {
            do throws(BoltError) {
                let batch = try await link.fetch(stream, all: all)
                records = batch.records[...]
                hadRecord = hadRecord || batch.hadRecord
                if let end = batch.end { await finish(end) }
            } catch {
                await failed(error)
                throw error
            }
        }
    }

    private func finish(_ end: [String: BoltValue]) async {
        self.end = end
        state = .ended
        await tellEnd(end)
    }

    private func failed(_ error: BoltError) async {
        state = .failed(error)
        await onFailure?(error)
        await tellEnd(nil)
    }

    /// Tells whom it concerns that nothing more will come, and lets go of them: they hold this result.
    private func tellEnd(_ end: [String: BoltValue]?) async {
        let tell = onEnd
        forgetOthers()
        await tell?(end)
    }

    private func forgetOthers() {
        onEnd = nil
        onFailure = nil
    }

    /// Reads what is left into memory, because the connection is needed.
    func keepRest() async {
        guard case .open = state else { return }
        var all = records
        do throws(BoltError) {
            while case .open = state {
                let batch = try await link.fetch(stream)
                all += batch.records
                records = all
                hadRecord = hadRecord || batch.hadRecord
                if let end = batch.end { await finish(end) }
            }
        } catch { await failed(error) }
    }

    /// Ends it with its transaction or session.
    func end(_ ending: Ending) async {
        switch (state, ending) {
        case (.closed(.consumed), .outOfScope): state = .closed(ending)
        case (.closed, _), (.failed, _): return
        case (.ended, .failed): return
        case (.open, .sessionClosed):
            do throws(BoltError) { try await discard(ending) } catch {}  // Nobody asks for it any more.
        default:
            records = []
            state = .closed(ending)
            forgetOthers()
        }
    }
}

extension BoltCursor.Ending {
    fileprivate var error: BoltError {
        switch self {
        case .consumed: BoltError(.resultEnded, "the result was consumed", server: nil)
        case .outOfScope: BoltError(.resultEnded, "the result's transaction is closed", server: nil)
        case .sessionClosed: BoltError(.resultEnded, "the result's session is closed", server: nil)
        case .failed(let error):
            BoltError(
                .resultFailed, "another query of the transaction failed: \(error)", server: nil, failure: error.failure)
        }
    }
}
