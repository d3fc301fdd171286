// Part of Lockstep. See LICENSE.

import Mapping
import Pipeline
import PostgreSQL
import TestServers

/// A database of the benchmark's own with the tables of ``Schema``: on a throw-away server, or on one that is named.
final class Source {
    static let publication = "lockstep_bench"

    let url: String
    let connection: PostgresConnection
    private let server: PostgresServer?

    /// - Parameter name: The database is `lockstep_bench_` and this.
    init(_ options: Options, name: String) async throws {
        let database = "lockstep_bench_" + name
        let adminURL: String
        if let named = options["source"] {
            server = nil
            adminURL = named
        } else {
            let server = try await PostgresServer()
            self.server = server
            adminURL = server.url()
        }
        let admin = try PostgresConnection(try PostgresConfiguration(adminURL))
        _ = try admin.query(
            """
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
            WHERE database = $1 AND NOT active
            """, [database])
        try admin.execute("DROP DATABASE IF EXISTS \(database) WITH (FORCE)")
        try admin.execute("CREATE DATABASE \(database)")
        url = Self.url(adminURL, database: database)
        connection = try PostgresConnection(try PostgresConfiguration(url))
        try connection.execute(Schema.sql)
        try connection.execute(
            "CREATE PUBLICATION \(Self.publication) FOR ALL TABLES WITH (publish_via_partition_root = true)")
        admin.close()
    }

    /// Drops the slots, which would hold back the WAL of a server that stays.
    func close() throws {
        _ = try connection.query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
        connection.close()
    }

    var serverVersion: String { "PostgreSQL \(connection.serverVersion / 10_000).\(connection.serverVersion % 10_000)" }

    func createSlot(_ name: String) throws {
        _ = try connection.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name])
    }

    /// Makes a transaction and returns a position that its commit is the only one behind.
    func markEnd() throws -> LSN {
        let position = try connection.query("SELECT pg_current_wal_insert_lsn()").first?[0]
        try connection.execute("UPDATE tenants SET name = name WHERE id = 1")
        guard let lsn = position.flatMap({ LSN($0) }) else { throw BenchmarkError("no WAL position") }
        return lsn
    }

    /// What `lockstep init` would write for the database.
    func mappingFile(graph: String, slot: String) throws -> MappingFile {
        try Self.mappingFile(source: url, graph: graph, slot: slot, catalog: try CatalogReader.read(connection))
    }

    static func mappingFile(source: String, graph: String, slot: String, catalog: Catalog) throws -> MappingFile {
        let text = mappingText(source: source, graph: graph, slot: slot, catalog: catalog)
        return try MappingFile.parse(Array(text.utf8), file: "lockstep.yaml") { _ in nil }
    }

    static func mappingText(source: String, graph: String, slot: String, catalog: Catalog) -> String {
        Proposal(for: catalog).render(
            Proposal.Settings(
                pipeline: "bench", source: ConnectionURL(source), graph: ConnectionURL(graph), slot: slot,
                publication: publication))
    }

    private static func url(_ url: String, database: String) -> String {
        let parts = url.split(separator: "/", omittingEmptySubsequences: false)
        let tail = parts.last.flatMap { $0.firstIndex(of: "?").map { i in String(parts.last![i...]) } } ?? ""
        return parts.prefix(3).joined(separator: "/") + "/" + database + tail
    }
}
