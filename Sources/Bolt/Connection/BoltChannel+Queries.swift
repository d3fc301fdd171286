// Part of Lockstep. See LICENSE.

/// All that a query gave.
public struct BoltResult: Sendable, Hashable {
    /// The names of the columns.
    public var fields: [String]
    public var rows: [[BoltValue]]
    /// What came with the end of the records: type, statistics, plan...
    public var summary: [String: BoltValue]
}

/// Why ``BoltChannel/forEachRecord(_:_:fetchSize:_:)`` ended early.
public enum BoltStreamError<Body: Error>: Error {
    /// The query or the connection failed.
    case query(BoltError)
    /// The body threw, and the rest of the records was given up.
    case body(Body)
}

extension BoltChannel {
    /// Runs a query and gives all of its records; for small things.
    ///
    /// In a transaction of its own, unless one was begun. After a failure the connection is reset and ready again.
    ///
    /// - Precondition: No answer is pending.
    /// - Throws: Of kind server when the server refuses the query or fails at it.
    @discardableResult
    public func query(_ cypher: String, _ parameters: [String: BoltValue] = [:]) throws(BoltError) -> BoltResult {
        try all { run(cypher, parameters) }
    }

    /// The same with one parameter, `$rows`, a list of values that are PackStream already.
    public func query(
        _ cypher: String, rows: borrowing PackStreamBuffer, count: Int
    ) throws(BoltError) -> BoltResult {
        try all { run(cypher, rows: rows, count: count) }
    }

    private func all(ofQuery send: () -> Void) throws(BoltError) -> BoltResult {
        var rows: [[BoltValue]] = []
        let (fields, summary): ([String], [String: BoltValue])
        do throws(BoltStreamError<PackStreamError>) {
            (fields, summary) = try stream(fetchSize: -1, send) {
                (reader: inout PackStreamReader) throws(PackStreamError) in
                rows.append(try reader.readList())
            }
        } catch {
            switch error {
            case .query(let error): throw error
            case .body(let error):
                throw BoltError(
                    .protocolViolation, "the server sent a record that cannot be read: \(error)",
                    server: server.address)
            }
        }
        return BoltResult(fields: fields, rows: rows, summary: summary)
    }

    /// Runs a query and gives each record as bytes, without making values of them.
    ///
    /// At most `fetchSize` records are asked for at a time: a slow body slows the server down and fills no memory.
    /// After a failure of the query or of the body the connection is reset and ready again.
    ///
    /// - Parameter body: Gets a reader that stands at the record's list of values. Must not use the channel.
    /// - Precondition: No answer is pending.
    /// - Returns: What came with the end of the records.
    @discardableResult
    public func forEachRecord<Failure: Error>(
        _ cypher: String, _ parameters: [String: BoltValue] = [:], fetchSize: Int = 1000,
        _ body: (inout PackStreamReader) throws(Failure) -> Void
    ) throws(BoltStreamError<Failure>) -> [String: BoltValue] {
        precondition(fetchSize > 0, "a fetch has at least one record")
        return try stream(fetchSize: Int64(fetchSize), { run(cypher, parameters) }, body).summary
    }

    /// - Parameter send: Sends RUN.
    private func stream<Failure: Error>(
        fetchSize: Int64, _ send: () -> Void,
        _ body: (inout PackStreamReader) throws(Failure) -> Void
    ) throws(BoltStreamError<Failure>) -> (fields: [String], summary: [String: BoltValue]) {
        precondition(pendingResponses == 0, "answers to earlier requests are pending")
        let end: StreamEnd<Failure>
        do throws(BoltError) {
            end = try streamToEnd(fetchSize: fetchSize, send, body)
        } catch { throw .query(error) }
        switch end {
        case .finished(let fields, let summary): return (fields, summary)
        case .bodyFailed(let error): throw .body(error)
        }
    }

    private enum StreamEnd<Failure: Error> {
        case finished(fields: [String], summary: [String: BoltValue])
        case bodyFailed(Failure)
    }

    private func streamToEnd<Failure: Error>(
        fetchSize: Int64, _ send: () -> Void,
        _ body: (inout PackStreamReader) throws(Failure) -> Void
    ) throws(BoltError) -> StreamEnd<Failure> {
        if isFailed { try recover() }
        send()
        pull(fetchSize)
        try flush()
        let fields = try success(try receive())["fields"]?.listValue ?? []
        while true {
            switch try take(try nextMessage(deadline: nil), record: body) {
            case .record: continue
            case .bodyFailed(let error):
                try recover()
                return .bodyFailed(error)
            case .answer(let answer):
                let summary = try success(answer)
                guard summary["has_more"] == true else {
                    return .finished(fields: fields.compactMap(\.stringValue), summary: summary)
                }
                pull(fetchSize)
                try flush()
            }
        }
    }

    /// - Throws: What the server said, after the connection was made ready again.
    private func success(_ answer: BoltResponse) throws(BoltError) -> [String: BoltValue] {
        switch answer {
        case .success(let metadata): return metadata
        case .failure(let failure):
            try recover()
            throw BoltError(failure, server: server.address)
        case .ignored, .record:
            throw closed(after: violation("an answer that is none to this query"))
        }
    }

    /// Makes the connection ready again after a failure, or in the middle of records that nobody wants.
    public func recover() throws(BoltError) {
        reset()
        try flush()
        while pendingResponses > 0 { _ = try receive() }
    }
}
