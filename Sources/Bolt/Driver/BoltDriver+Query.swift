// Part of Lockstep. See LICENSE.

/// All that a query gave.
public struct BoltEagerResult: Sendable {
    /// The names of the columns.
    public let keys: [String]
    public let records: [[BoltValue]]
    public let summary: BoltSummary
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
    ///   - sharesBookmarks: Whether each call sees what those before it did, on any member of the cluster; where
    ///     `settings` have a bookmark manager that is the one.
    /// - Throws: What the server says, or why it could not be asked.
    public func executeQuery(
        _ query: String, _ parameters: [String: BoltValue] = [:],
        _ settings: BoltSessionSettings = BoltSessionSettings(),
        transaction: BoltTransactionSettings = BoltTransactionSettings(), sharesBookmarks: Bool = true
    ) async throws -> BoltEagerResult {
        var settings = settings
        if sharesBookmarks && settings.bookmarkManager == nil { settings.bookmarkManager = queryBookmarks }
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
