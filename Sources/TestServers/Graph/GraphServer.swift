// Part of Lockstep. See LICENSE.

public import Bolt
internal import Foundation
internal import Threading

/// A throw-away graph server on loopback, empty, with little memory.
///
/// It goes away with its files when the object does, and when the whole process is killed. A start takes seconds:
/// tests that do not stop or kill their server use ``shared(_:_:)``.
public final class GraphServer: Sendable {
    public let kind: Kind
    public let port: Int
    /// Nil where the server asks for no password.
    public let credentials: (user: String, password: String)?
    private let process: ServerProcess
    private let command: [String]
    private let environment: [String: String]

    /// Makes a server and starts it.
    ///
    /// - Parameters:
    ///   - kind: One of ``kinds`` that is not ``Kind/missing`` here.
    ///   - authentication: Whether it asks for user and password. ArcadeDB always does.
    ///   - settings: Lines of neo4j.conf, or system properties of ArcadeDB, over the usual ones.
    ///   - quickStart: Whether Java leaves its slower, better compiler out, which takes a third off a start. Benchmarks
    ///     say false.
    /// - Throws: ``TestServerError`` with the end of the server's output.
    public init(
        _ kind: Kind, authentication: Bool = false, settings: [String: String] = [:], quickStart: Bool = true
    ) async throws {
        if let missing = kind.missing { throw TestServerError(missing) }
        self.kind = kind
        port = try FreePort.take()
        process = try ServerProcess(name: "\(kind)")
        let java = ["JDK_JAVA_OPTIONS": quickStart ? "-XX:TieredStopAtLevel=1" : ""]
        switch kind {
        case .arcadeDB:
            credentials = ("root", Self.password)
            command = try Self.arcadeDBCommand(folder: process.folder, port: port, settings: settings)
            environment = java
        case .neo4j(let home):
            guard let home else { throw TestServerError("no folder of Neo4j") }
            credentials = authentication ? ("neo4j", Self.password) : nil
            let configuration = try Self.makeNeo4jConfiguration(
                home: home, folder: process.folder, port: port, authentication: authentication, settings: settings)
            command = [home.appending(path: "bin/neo4j").path, "console"]
            environment = java.merging(["NEO4J_CONF": configuration.path, "NEO4J_HOME": ""]) { $1 }
            if authentication {
                try await ChildProcess.run(
                    [
                        home.appending(path: "bin/neo4j-admin").path, "dbms", "set-initial-password", Self.password,
                    ], environment: environment)
            }
        }
        try await start()
    }

    /// The password of ``credentials``; with characters that a URL has to escape.
    public static let password = "open sesame/1:@"

    /// Where drivers connect, without user and password.
    public var address: String { "bolt://127.0.0.1:\(port)" }

    /// Where drivers connect, with user and password where there are any.
    public var boltURL: String {
        guard let credentials else { return address }
        return "bolt://\(credentials.user):open%20sesame%2F1%3A%40@127.0.0.1:\(port)"
    }

    /// The database's name, the same on all kinds.
    public static let database = "neo4j"

    public var isRunning: Bool { process.isRunning }

    /// Starts the server again after ``stop()`` or ``kill9()``, with the same data on the same port, and waits until a
    /// query is answered.
    public func start() async throws {
        try await process.start(command, environment: environment, within: .seconds(240)) {
            // An open port is not enough: ArcadeDB answers before its database is open, Neo4j while it recovers.
            guard FreePort.isListening(port) else { return false }
            return (try? await query("RETURN 1")) != nil
        }
    }

    /// Stops the server in order and waits for its end; the data stays. Does nothing when it does not run.
    public func stop() async throws { try await process.end(signal: SIGTERM, within: .seconds(120)) }

    /// Kills the server, the Java process itself and whatever started it, with SIGKILL and waits for their end.
    public func kill9() async throws { try await process.killAll() }

    /// Runs one query in a transaction of its own, over a connection of its own; again where somebody else's transaction was in
    /// the way: a deadlock, or what the query had found is deleted.
    @discardableResult
    public func query(_ cypher: String, _ parameters: [String: BoltValue] = [:]) async throws -> BoltResult {
        for _ in 0..<10 {
            do {
                return try await queryOnce(cypher, parameters)
            } catch let error as BoltError where error.isTransient || error.isOvertaken {}
        }
        return try await queryOnce(cypher, parameters)
    }

    private func queryOnce(_ cypher: String, _ parameters: [String: BoltValue]) async throws -> BoltResult {
        let url = boltURL
        return try await DedicatedThread.run(name: "graph-query") {
            () throws(BoltError) -> BoltResult in
            var configuration = try BoltConfiguration(url: url)
            configuration.database = Self.database
            let channel = try BoltChannel(configuration)
            defer { channel.close() }
            return try channel.query(cypher, parameters)
        }
    }

    /// Leaves Neo4j running and as empty as a new one.
    public func removeEverything() async throws {
        // In slices: one transaction for all could exceed the server's memory.
        while try await deleteSlice() > 0 {}
        for constraint in try await names("SHOW CONSTRAINTS") {
            try await query("DROP CONSTRAINT `\(constraint)` IF EXISTS")
        }
        // All but the two for labels and for relationship types that every database has.
        for index in try await names("SHOW INDEXES WHERE type <> 'LOOKUP'") {
            try await query("DROP INDEX `\(index)` IF EXISTS")
        }
    }

    private func deleteSlice() async throws -> Int64 {
        let result = try await query("MATCH (n) WITH n LIMIT 20000 DETACH DELETE n RETURN count(*) AS deleted")
        return result.rows.first?.first?.integerValue ?? 0
    }

    private func names(_ command: String) async throws -> [String] {
        let result = try await query(command)
        guard let column = result.fields.firstIndex(of: "name") else { return [] }
        return result.rows.compactMap { $0[column].stringValue }
    }
}
