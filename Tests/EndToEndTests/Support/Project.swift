// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import TestServers
import TestSupport
import Testing

/// One pipeline of a test: the built `lockstep` program with a mapping file in a folder of its own, a database made for
/// it, and a graph server.
final class Project: Sendable {
    let postgres: PostgresServer
    let database: String
    let graph: GraphServer
    let folder: URL
    private let environment: [String: String]

    /// - Parameter schema: SQL that fills the new database.
    init(
        _ name: String, postgres: PostgresServer, graph: GraphServer, schema: String = ""
    ) async throws {
        self.postgres = postgres
        self.graph = graph
        let unique = String(UInt32.random(in: 0 ... .max), radix: 36)
        database = "\(name)_\(unique)"
        folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-e2e-\(database)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        environment = [
            "LOCKSTEP_GRAPH_PASSWORD": graph.credentials?.password ?? "",
            "PGPASSWORD": postgres.authentication == .scram ? PostgresServer.password : "",
        ]
        try await postgres.createDatabase(database)
        if !schema.isEmpty { try await sql(schema) }
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var mapping: URL { folder.appending(path: "lockstep.yaml") }
    var slot: String { "lockstep_" + database }
    /// What the checkpoint node in the graph is called.
    var pipeline: String { database }

    /// The graph's URL with the user and without the password.
    var graphURL: String {
        graph.credentials.map { "bolt://\($0.user)@127.0.0.1:\(graph.port)" } ?? graph.address
    }

    // MARK: Commands

    /// How a command ended and what it said.
    struct Outcome: Sendable, CustomStringConvertible {
        var exit: ChildProcess.Exit
        var output: String
        var errors: String

        var description: String { "\(exit)\n\(output)\(errors)" }
    }

    /// The program that was built with the tests.
    static let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "lockstep")

    /// Runs a command to its end.
    @discardableResult
    func lockstep(
        _ arguments: String..., environment more: [String: String] = [:], within limit: Duration = .seconds(120)
    ) async throws -> Outcome {
        let running = try start(arguments, environment: more)
        let exit: ChildProcess.Exit
        do {
            exit = try await running.process.waitForExit(within: limit)
        } catch {
            running.process.send(signal: SIGKILL)
            throw TestServerError("lockstep \(arguments): still running after \(limit)\n\(running.log)")
        }
        return Outcome(exit: exit, output: running.output, errors: running.errors)
    }

    /// Runs a command that has to succeed.
    @discardableResult
    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let running = try start(arguments)
        let exit = try await running.process.waitForExit(within: .seconds(120))
        try #require(
            exit == .code(0), "lockstep \(arguments.joined(separator: " ")): \(exit)\n\(running.log)",
            sourceLocation: sourceLocation)
        return running.output
    }

    /// `lockstep init` on the database and the graph.
    func propose() async throws {
        try await succeed("init", "--source", postgres.url(database: database), "--graph", graphURL)
    }

    /// Changes the mapping file.
    func edit(_ change: (inout String) throws -> Void) throws {
        var text = try String(contentsOf: mapping, encoding: .utf8)
        try change(&text)
        try text.write(to: mapping, atomically: true, encoding: .utf8)
    }

    /// Puts other tables into the mapping file, and what stands behind them.
    ///
    /// - Parameter text: From `tables:` on.
    func setTables(_ text: String) throws {
        try edit { $0 = $0.prefix(upTo: try #require($0.range(of: "\ntables:")).lowerBound) + "\n" + text + "\n" }
    }

    /// Starts a command and does not wait for it.
    func start(_ arguments: [String], environment more: [String: String] = [:]) throws -> RunningLockstep {
        let placed = [arguments[0], "-c", mapping.path] + arguments.dropFirst()
        return try RunningLockstep(
            [Self.program.path] + placed, environment: environment.merging(more) { $1 }, folder: folder)
    }

    /// Runs `lockstep run` for the length of `body`, then ends it by SIGTERM, which has to take less than five seconds
    /// and give exit code 0.
    func whileRunning<Result>(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (RunningLockstep) async throws -> Result
    ) async throws -> Result {
        let running = try start(["run"] + arguments)
        do {
            let result = try await body(running)
            try await running.stop(sourceLocation: sourceLocation)
            return result
        } catch {
            running.process.send(signal: SIGKILL)
            running.process.blockUntilExit()
            Issue.record("lockstep run said:\n\(running.log.suffix(3000))", sourceLocation: sourceLocation)
            throw error
        }
    }

    /// Waits until the graph shows everything that is committed now.
    func settle(within limit: Duration = .seconds(90)) async throws {
        // Before the first run has made the slot, or while a server is down, there is nothing to wait for yet.
        try await eventually("the graph has caught up", within: limit, every: .milliseconds(50)) {
            let seconds = String(limit.components.seconds)
            return try await lockstep("wait", "--timeout", seconds, within: limit + .seconds(5)).exit == .code(0)
        }
    }

    /// Waits until the graph has caught up, and nothing is being read again, nor is to be.
    func settleLoads() async throws {
        try await settle()
        try await eventually("everything is read again", within: .seconds(60), every: .milliseconds(20)) {
            try await cypher("MATCH (l:LockstepLoad) RETURN count(l)") == "0"
        }
        try await settle()
    }

    // MARK: The two sides

    @discardableResult
    func sql(_ text: String) async throws -> String { try await postgres.psql(text, database: database) }

    /// The graph's answer as text, one row a line, values separated by `|`.
    func cypher(_ text: String) async throws -> String {
        try await graph.query(text).rows.map { $0.map(\.plain).joined(separator: "|") }.joined(separator: "\n")
    }

    /// Removes slot and database, so that the server is as it was.
    func remove() async throws {
        try await eventually("the slot is free", within: .seconds(20)) {
            try await postgres.psql(
                """
                SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots
                WHERE slot_name = '\(slot)' AND active_pid IS NULL
                """)
            return try await postgres.psql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '\(slot)'")
                == "0"
        }
        try await postgres.dropDatabase(database)
    }

    /// Makes a project on a lent graph server, and removes it behind `body`.
    static func on(
        _ kind: GraphServer.Kind, _ name: String, schema: String = "", postgres: PostgresServer? = nil,
        _ body: @escaping @Sendable (Project) async throws -> Void
    ) async throws {
        let postgres = postgres ?? .current
        try await GraphServer.shared(kind) { graph in
            let project = try await Project(name, postgres: postgres, graph: graph, schema: schema)
            try await body(project)
            try await project.remove()
        }
    }
}
