// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import PostgreSQL
import TestServers

/// The `lockstep` program as it is shipped, in a process of its own, with a mapping file in a folder of its own.
struct Program {
    let path: String
    private let slot: String
    private let folder: URL
    private let password: String

    /// - Parameter more: Behind the mapping file's tables.
    init(_ options: Options, _ source: Source, _ graph: Graph, slot: String, more: String = "") throws {
        path =
            options["lockstep"] ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
            + "/lockstep"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw BenchmarkError("there is no program \(path): build it, or name it with --lockstep")
        }
        self.slot = slot
        folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-bench-\(UUID().uuidString)")
        password = graph.configuration.password.map { _ in GraphServer.password } ?? ""
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let text = Source.mappingText(
            source: source.url, graph: graph.url, slot: slot, catalog: try CatalogReader.read(source.connection))
        try Data((text + more).utf8).write(to: configuration)
    }

    /// Removes the folder.
    func remove() { try? FileManager.default.removeItem(at: folder) }

    private var configuration: URL { folder.appending(path: "lockstep.yaml") }
    private var output: URL { folder.appending(path: "output") }

    /// Starts `lockstep run`.
    func start() throws -> ChildProcess {
        try ChildProcess(
            [path, "run", "--config", configuration.path], environment: ["LOCKSTEP_GRAPH_PASSWORD": password],
            output: output)
    }

    /// Runs `body` with a process that follows the stream, and ends it in order. Where something fails, what it has said goes
    /// with the error.
    ///
    /// - Parameter body: May put another process in its place, when it has killed the first.
    func whileStreaming(_ source: Source, _ body: (inout ChildProcess) async throws -> Void) async throws {
        var child = try start()
        defer {
            child.sendToGroup(signal: SIGKILL)
            child.blockUntilExit()
        }
        do {
            try await streams(child, source)
            try await body(&child)
        } catch {
            throw BenchmarkError("\(error)\n" + said)
        }
        child.send(signal: SIGTERM)
        try await child.waitForExit()
    }

    private func streams(_ child: ChildProcess, _ source: Source) async throws {
        try await eventually("lockstep streams", within: .seconds(120)) {
            guard child.isRunning else { throw BenchmarkError("lockstep ended") }
            let slots = try source.connection.query(
                "SELECT active AND confirmed_flush_lsn IS NOT NULL FROM pg_replication_slots WHERE slot_name = $1",
                [slot])
            return slots.first?[0] == "t"
        }
    }

    /// Whether everything before `end` is in the graph.
    func hasConfirmed(_ end: LSN, _ source: Source) throws -> Bool {
        let rows = try source.connection.query(
            "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", [slot])
        return rows.first?[0].flatMap { LSN($0) }.map { $0 > end } ?? false
    }

    /// What it has printed; nothing where that cannot be read.
    var said: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
}
