// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import PostgreSQL
import TestServers
import Threading

/// Transactions that are too large for one graph transaction: an insert, another one in the middle of which the program
/// is killed, a delete that cascades, and a TRUNCATE. What the `lockstep` program needs for each, and how long.
struct LargeBenchmark {
    /// Megabytes.
    private static let goal = 150

    private let options: Options
    private let changes: Int

    init(_ options: Options) throws {
        self.options = options
        changes = try options.number("changes", 1_000_000, tiny: 2000)
    }

    func run() async throws {
        let source = try await Source(options, name: "large")
        let graph = try await Graph(options)
        try source.connection.execute(StreamLoad.base)
        try source.connection.execute("CREATE INDEX ON content_chunks (content_item_id)")
        var more = ""
        if options.isTiny {
            // So that a small one takes the way of a large one.
            more = "\nbatch: {rows: 300, wholeRows: 1000}\n"
            try source.connection.execute(
                "ALTER DATABASE lockstep_bench_large SET logical_decoding_work_mem = '64kB'")
        }
        let program = try Program(options, source, graph, slot: "lockstep_bench_large", more: more)
        defer { program.remove() }
        print(
            "large: \(changes) changes, \(source.serverVersion), \(try graph.version())\n  \(Machine.description)\n"
                + "  \(program.path)")
        try await program.whileStreaming(source) { child in
            try await measure("insert", StreamLoad.transaction(rows: changes), child, program, source, graph)
            guard program.said.contains("applied in parts") else {
                throw BenchmarkError("the transaction was not applied in parts")
            }
            try await interrupt(&child, program, source, graph)
            // Half of what there is now.
            try await measure(
                "delete that cascades", "DELETE FROM content_items WHERE id % 2 = 0", child, program, source, graph)
            try await measure("truncate", "TRUNCATE content_chunks", child, program, source, graph)
        }
        try source.close()
    }

    private func measure(
        _ name: String, _ sql: String, _ child: ChildProcess, _ program: Program, _ source: Source, _ graph: Graph
    ) async throws {
        print("  \(name)")
        var memory = MemoryWatch(child.pid)
        let began = MonotonicTime.now
        try source.connection.execute(sql)
        let committed = MonotonicTime.now
        let end = try source.markEnd()
        var passes: [(name: String, began: MonotonicTime)] = []
        try await eventually("the graph has it all", within: .seconds(7200), every: .milliseconds(50)) {
            memory.look()
            if let pass = try partial(graph)?.pass, pass != passes.last?.name { passes.append((pass, .now)) }
            return try program.hasConfirmed(end, source)
        }
        let ended = MonotonicTime.now
        let steps = zip(passes, passes.dropFirst().map(\.began) + [ended]).map { pass, end in
            "\(pass.name) \(fixed((end - pass.began) / .seconds(1), 1)) s"
        }
        print(memory.text(goal: Self.goal))
        print(
            """
              \(fixed((ended - began) / .seconds(1), 1)) s: commit \
            \(fixed((committed - began) / .seconds(1), 1)) s, \(steps.joined(separator: ", ")); \
            graph \(try graph.checksum())
            """)
    }

    /// Inserts as much again, kills the program when half of the nodes are there, and starts another.
    private func interrupt(
        _ child: inout ChildProcess, _ program: Program, _ source: Source, _ graph: Graph
    ) async throws {
        print("  insert, killed in the middle")
        try source.connection.execute(StreamLoad.transaction(rows: changes, from: 20_000_000))
        let end = try source.markEnd()
        let began = MonotonicTime.now
        try await eventually("half of the nodes are there", within: .seconds(7200), every: .milliseconds(5)) {
            try partial(graph).map { $0.pass == "nodes" && $0.changes >= Int64(changes / 2) } ?? false
        }
        child.sendToGroup(signal: SIGKILL)
        child.blockUntilExit()
        let killed = MonotonicTime.now
        let before = try partial(graph)
        child = try program.start()
        var memory = MemoryWatch(child.pid)
        var resumed: MonotonicTime?
        try await eventually("the graph has it all", within: .seconds(7200), every: .milliseconds(20)) {
            memory.look()
            if resumed == nil, try partial(graph) != before { resumed = .now }
            return try program.hasConfirmed(end, source)
        }
        print(memory.text(goal: Self.goal))
        let since = { (time: MonotonicTime?) in time.map { fixed(($0 - killed) / .seconds(1), 1) } ?? "?" }
        print(
            """
              killed after \(fixed((killed - began) / .seconds(1), 1)) s at change \(before?.changes ?? 0) of the pass \
            \(before?.pass ?? "?"); the next part \(since(resumed)) s behind the kill, the end \(since(.now)) s behind \
            it; graph \(try graph.checksum())
            """)
    }

    private struct Partial: Equatable {
        var pass: String
        var changes: Int64
    }

    /// How far the transaction is that is being applied; nil where none is.
    private func partial(_ graph: Graph) throws -> Partial? {
        let checkpoint = try graph.checkpoint()
        guard let pass = checkpoint["partialPass"]?.stringValue,
            let changes = checkpoint["partialChanges"]?.integerValue
        else { return nil }
        return Partial(pass: pass, changes: changes)
    }
}
