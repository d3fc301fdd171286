// Part of Lockstep. See LICENSE.

import Capture
import Mapping
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

/// A database of its own on the suite's server, with a publication of all its tables; dropped with its slots at the end.
struct Source {
    /// Every character that has to be quoted somewhere on its way.
    static let publication = "all, of \"it\"; isn't it"

    let name: String
    let configuration: PostgresConfiguration
    let admin: PostgresConnection

    /// Runs `body` with a database that `schema` was run in.
    static func with(
        _ name: String, schema: String = "", _ body: (Source) async throws -> Void
    ) async throws {
        let server = PostgresServer.current
        try await server.createDatabase(name)
        let configuration = try PostgresConfiguration(server.url(database: name))
        let admin = try PostgresConnection(configuration)
        try admin.execute(schema)
        try admin.execute("CREATE PUBLICATION \(QualifiedName.quoted(publication)) FOR ALL TABLES")
        let source = Source(name: name, configuration: configuration, admin: admin)
        do {
            try await body(source)
        } catch {
            try? await source.drop()
            throw error
        }
        try await source.drop()
    }

    private func drop() async throws {
        admin.close()
        guard PostgresServer.current.isRunning else { return }
        let other = try PostgresConnection(try PostgresConfiguration(PostgresServer.current.url()))
        _ = try other.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", [name])
        _ = try other.query(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1", [name])
        other.close()
        try await PostgresServer.current.dropDatabase(name)
    }

    /// The slot's name: slots belong to the server, so it is the database's.
    var slot: String { name }

    func createSlot(plugin: String = "pgoutput") throws {
        _ = try admin.query("SELECT pg_create_logical_replication_slot($1, $2)", [slot, plugin])
    }

    func stream(
        from start: LSN = .zero, binary: Bool = false, publication: String = publication,
        stop: StopSignal = StopSignal()
    ) throws(CaptureError) -> ReplicationStream {
        try ReplicationStream(
            configuration, slot: slot, publication: publication, from: start, binary: binary, stop: stop)
    }

    /// What `pg_replication_slots` says of the slot.
    func slotState() throws -> ReplicationSlot { try #require(try ReplicationSlots.find(slot, admin)) }
}

extension ReplicationStream {
    /// Receives until `isDone`, looked at after each message.
    func receive(into buffer: ChangeBuffer, until isDone: (Received) throws -> Bool) throws {
        let deadline = MonotonicTime.after(.seconds(30))
        while true {
            let received = try receive(into: buffer)
            if received != .nothing, try isDone(received) { return }
            if received == .nothing { try wait(wakeups: [], deadline: deadline) }
            guard MonotonicTime.now < deadline else {
                throw TestServerError("the stream did not give what was waited for")
            }
        }
    }

    /// Receives until there are so many whole transactions in the buffer.
    func receive(transactions count: Int, into buffer: ChangeBuffer) throws {
        try receive(into: buffer) { _ in buffer.transactions.count >= count }
    }
}
