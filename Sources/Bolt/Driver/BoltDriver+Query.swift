// Part of Lockstep. See LICENSE.

/// All that a query gave.
public struct BoltEagerResult: Sendable {
    /// The names of the columns.
    public let keys: [String]
    public let records: [[BoltValue]]
    public let summary: BoltSummary
}

/// What a query waits for that is run with ``BoltDriver/executeQuery(_:_:_:transaction:bookmarks:)``.
public enum BoltQueryBookmarks: Sendable {
    /// All that the same driver's earlier calls did.
    case earlierQueries
    /// What its settings say: their bookmarks, and those of their manager.
    case settings
}

extension BoltDriver {
    /// Runs one query in a transaction of its own, as ``BoltSession/executeWrite(_:_:)`` does, and gives all of its
    /// records.
    ///
    ///     let people = try await driver.executeQuery(
    ///         "MATCH (p:Person {name: $name}) RETURN p.born", ["name": "Ann"], settings)
    ///
    /// - Parameters:
    ///   - settings: The database, and with ``BoltSessionSettings/accessMode`` whether a member that only reads will do.
    ///     Their bookmark manager goes before the driver's own.
    ///   - bookmarks: Whether the query sees what earlier ones did, wherever it runs.
    /// - Throws: What the server says, or why it could not be asked.
    public func executeQuery(
        _ query: String, _ parameters: [String: BoltValue] = [:],
        _ settings: BoltSessionSettings = BoltSessionSettings(),
        transaction: BoltTransactionSettings = BoltTransactionSettings(),
        bookmarks: BoltQueryBookmarks = .earlierQueries
    ) async throws -> BoltEagerResult {
        var settings = settings
        if case .earlierQueries = bookmarks { settings.bookmarkManager = settings.bookmarkManager ?? queryBookmarks }
        let session = session(settings)
        do {
            let result = try await session.executeQuery(query, parameters, transaction)
            await session.close()
            return result
        } catch {
            await session.close()
            throw error
        }
    }
}
