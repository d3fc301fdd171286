// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Mapping
import PostgreSQL
import TestServers
import Threading

/// Resident memory of the `lockstep` program while it streams a backlog into the graph as fast as that takes it.
struct MemoryBenchmark {
    private let options: Options
    private let changes: Int

    init(_ options: Options) throws {
        self.options = options
        changes = try options.number("changes", 300_000, tiny: 2000)
    }

    func run() async throws {
        let source = try await Source(options, name: "memory")
        let graph = try await Graph(options)
        let program =
            options["lockstep"] ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().path
            + "/lockstep"
        let folder = FileManager.default.temporaryDirectory.appending(path: "lockstep-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let configuration = folder.appending(path: "lockstep.yaml")
        let slot = "lockstep_bench_memory"
        let text = Source.mappingText(
            source: source.url, graph: graph.url, slot: slot, catalog: try CatalogReader.read(source.connection))
        try Data(text.utf8).write(to: configuration)
        try source.connection.execute(StreamLoad.base)
        print(
            "memory: \(changes) changes, \(source.serverVersion), \(try graph.version())\n  \(Machine.description)\n"
                + "  \(program)")

        let output = folder.appending(path: "output")
        let password = graph.configuration.password.map { _ in GraphServer.password } ?? ""
        let child = try ChildProcess(
            [program, "run", "--config", configuration.path], environment: ["LOCKSTEP_GRAPH_PASSWORD": password],
            output: output)
        defer {
            child.sendToGroup(signal: SIGKILL)
            child.blockUntilExit()
        }
        do {
            try await eventually("lockstep streams", within: .seconds(120)) {
                guard child.isRunning else { throw BenchmarkError("lockstep ended") }
                let slots = try source.connection.query(
                    "SELECT active AND confirmed_flush_lsn IS NOT NULL FROM pg_replication_slots WHERE slot_name = $1",
                    [slot])
                return slots.first?[0] == "t"
            }
            try await measure(child, source, graph, slot)
        } catch {
            throw BenchmarkError("\(error)\n" + ((try? String(contentsOf: output, encoding: .utf8)) ?? ""))
        }
        child.send(signal: SIGTERM)
        try await child.waitForExit()
        try source.close()
    }

    private func measure(_ child: ChildProcess, _ source: Source, _ graph: Graph, _ slot: String) async throws {
        let process = "\(child.pid)"
        let afterSnapshot = Usage.peakMegabytes(of: process)
        let idle = Usage.residentMegabytes(of: process)
        let began = MonotonicTime.now
        try source.connection.execute(StreamLoad.sql(changes: changes, seed: 1))
        let end = try source.markEnd()
        var resident: [Double] = []
        try await eventually("the graph has the backlog", within: .seconds(600), every: .milliseconds(50)) {
            if let now = Usage.residentMegabytes(of: process) { resident.append(now) }
            let rows = try source.connection.query(
                "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", [slot])
            return rows.first?[0].flatMap { LSN($0) }.map { $0 > end } ?? false
        }
        let seconds = (MonotonicTime.now - began) / .seconds(1)
        let megabytes = { (value: Double?) in value.map { fixed($0, 1) } ?? "?" }
        print(
            """
              before          \(megabytes(idle)) MB (peak of the first read: \(megabytes(afterSnapshot)) MB)
              streaming       \(Samples(resident).text(1, "MB"))
              peak            \(megabytes(Usage.peakMegabytes(of: process))) MB   (goal: 60)
              \(changes) changes in \(fixed(seconds, 1)) s; graph \(try graph.checksum())
            """)
    }
}
