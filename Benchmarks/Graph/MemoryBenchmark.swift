// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import Threading

/// Resident memory of the `lockstep` program while it brings a backlog of ordinary transactions into the graph as fast as
/// that takes them.
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
        try source.connection.execute(StreamLoad.base)
        let program = try Program(options, source, graph, slot: "lockstep_bench_memory")
        defer { program.remove() }
        print(
            "memory: \(changes) changes, \(source.serverVersion), \(try graph.version())\n  \(Machine.description)\n"
                + "  \(program.path)")
        try await program.whileStreaming(source) { child in
            var memory = MemoryWatch(child.pid)
            let began = MonotonicTime.now
            try source.connection.execute(StreamLoad.sql(changes: changes, seed: 1))
            let end = try source.markEnd()
            try await eventually("the graph has it all", within: .seconds(7200), every: .milliseconds(50)) {
                memory.look()
                return try program.hasConfirmed(end, source)
            }
            let seconds = (MonotonicTime.now - began) / .seconds(1)
            print(memory.text(goal: 60))
            print("  \(changes) changes in \(fixed(seconds, 1)) s; graph \(try graph.checksum())")
        }
        try source.close()
    }
}
