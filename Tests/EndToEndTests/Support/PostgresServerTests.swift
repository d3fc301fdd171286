// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

@Suite(.postgres(), .serialized)
struct `A throw-away PostgreSQL server` {
    let server = PostgresServer.current

    @Test func `is ready for logical replication`() async throws {
        #expect(try await server.psql("SHOW wal_level") == "logical")
        #expect(try await server.psql("SHOW max_replication_slots") == "20")
    }

    @Test func `gives every test a database of its own`() async throws {
        try await server.createDatabase("a \"quoted\" name")
        #expect(
            try await server.psql("SELECT current_database()", database: "a \"quoted\" name") == "a \"quoted\" name")
        try await server.dropDatabase("a \"quoted\" name")
    }

    @Test func `says what the server said when a statement fails`() async throws {
        let error = await #expect(throws: TestServerError.self) { try await server.psql("SELECT 1 FROM nowhere") }
        #expect(error?.description.contains("relation \"nowhere\" does not exist") == true)
    }

    @Test func `keeps what was committed over kill -9 and comes back on its port`() async throws {
        try await server.psql("CREATE TABLE kept AS SELECT 7 AS n")
        let port = server.port
        try await server.kill9()
        #expect(!server.isRunning)
        #expect(!FreePort.isListening(port))
        try await server.start()
        #expect(try await server.psql("SELECT n FROM kept") == "7")
    }

    @Test(arguments: [PostgresServer.StopMode.fast, .immediate])
    func `stops and starts again`(mode: PostgresServer.StopMode) async throws {
        try await server.stop(mode)
        #expect(!server.isRunning)
        try await server.start()
        #expect(try await server.psql("SELECT 1") == "1")
    }
}

@Suite
struct `A private PostgreSQL server` {
    @Test func `asks for the password when told to`() async throws {
        let server = try await PostgresServer(authentication: .scram)
        #expect(try await server.psql("SELECT current_user") == "postgres")
        try await server.psql("CREATE ROLE reader LOGIN PASSWORD 'right'")
        let wrong = server.url(user: "reader", password: "wrong")
        let error = await #expect(throws: TestServerError.self) {
            try await ChildProcess.run(["psql", "-X", "-c", "SELECT 1", wrong])
        }
        #expect(error?.description.contains("password authentication failed") == true)
    }

    @Test func `takes settings`() async throws {
        let server = try await PostgresServer(settings: ["max_replication_slots": "3", "application_name": "it's"])
        #expect(try await server.psql("SHOW max_replication_slots") == "3")
        #expect(try await server.psql("SELECT setting FROM pg_file_settings WHERE name = 'application_name'") == "it's")
    }

    @Test func `goes away with its files when nobody holds it`() async throws {
        var server: PostgresServer? = try await PostgresServer()
        let port = try #require(server?.port)
        let folder = try #require(server?.socketFolder.deletingLastPathComponent())
        #expect(FileManager.default.fileExists(atPath: folder.path))
        server = nil
        try await eventually("the folder is gone") { !FileManager.default.fileExists(atPath: folder.path) }
        #expect(!FreePort.isListening(port))
    }

    @Test func `reports why it cannot start`() async throws {
        let error = await #expect(throws: TestServerError.self) {
            _ = try await PostgresServer(settings: ["shared_buffers": "nonsense"])
        }
        #expect(error?.description.contains("shared_buffers") == true)
    }
}
