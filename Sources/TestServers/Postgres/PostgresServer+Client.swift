// Part of Lockstep. See LICENSE.

public import Foundation

extension PostgresServer {
    /// Makes an empty database.
    public func createDatabase(_ name: String) async throws {
        try await psql("CREATE DATABASE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\"")
    }

    /// Drops a database together with its sessions.
    public func dropDatabase(_ name: String) async throws {
        try await psql("DROP DATABASE \"\(name.replacingOccurrences(of: "\"", with: "\"\""))\" WITH (FORCE)")
    }

    /// Runs SQL by `psql` as the superuser; the first error ends it.
    ///
    /// Several statements in one call are one transaction, unless they say otherwise.
    ///
    /// - Parameter variables: For `:name` and `:'name'` in the text; only a ``psql(file:database:variables:)`` reads them.
    /// - Returns: The rows as unaligned text, fields separated by `|`, rows by newlines, without the last newline.
    /// - Throws: ``TestServerError`` with the server's message.
    @discardableResult
    public func psql(_ sql: String, database: String = "postgres") async throws -> String {
        try await psql(["-c", sql], database: database)
    }

    /// Runs a file of SQL by `psql` as the superuser, each statement in a transaction of its own; the first error ends it.
    @discardableResult
    public func psql(
        file: URL, database: String = "postgres", variables: [String: String] = [:]
    ) async throws -> String {
        let settings = variables.sorted { $0.key < $1.key }.flatMap { ["-v", "\($0.key)=\($0.value)"] }
        return try await psql(settings + ["-f", file.path], database: database)
    }

    /// The program itself: what Debian has in the path is a script in front of it, which takes longer than most statements.
    private static let client =
        debianBinaries.map { $0.appending(path: "psql").path }.first(where: FileManager.default.isExecutableFile)
        ?? "psql"

    private func psql(_ arguments: [String], database: String) async throws -> String {
        let output = try await ChildProcess.run(
            [Self.client, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url(database: database)] + arguments,
            environment: ["PGOPTIONS": "-c client_min_messages=warning"], within: .seconds(600))
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }
}
