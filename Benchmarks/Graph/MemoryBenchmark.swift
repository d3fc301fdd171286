// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Mapping
import PostgreSQL
import TestServers
import Threading

/// Resident memory of the `lockstep` program while it brings changes into the graph as fast as that takes them: a backlog
/// of ordinary transactions, or one large one.
struct MemoryBenchmark {
    enum Load: String {
        case backlog = "memory"
        case transaction = "large"
    }

    private let options: Options
    private let load: Load
    private let changes: Int

    init(_ options: Options, _ load: Load) throws {
        self.options = options
        self.load = load
        changes = try options.number("changes", load == .backlog ? 300_000 : 1_000_000, tiny: 2000)
    }

    func run() async throws {
        let source = try await Source(options, name: load.rawValue)
        let graph = try await Graph(options)
        let slot = "lockstep_bench_\(load.rawValue)"
        var more = ""
        if load == .transaction, options.isTiny {
            // So that a small one takes the way of a large one.
            more = "\nbatch: {rows: 300, wholeRows: 1000}\n"
            try source.connection.execute(
                "ALTER DATABASE lockstep_bench_large SET logical_decoding_work_mem = '64kB'")
        }
        let program = try Program(options, source, graph, slot: slot, more: more)
        defer { program.remove() }
        try source.connection.execute(StreamLoad.base)
        print(
            "\(load.rawValue): \(changes) changes, \(source.serverVersion), \(try graph.version())\n  \(Machine.description)\n"
                + "  \(program.path)")

        let child = try program.start()
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
            if load == .transaction, !program.said.contains("applied in parts") {
                throw BenchmarkError("the transaction was not applied in parts")
            }
        } catch {
            throw BenchmarkError("\(error)\n" + program.said)
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
        switch load {
        case .backlog: try source.connection.execute(StreamLoad.sql(changes: changes, seed: 1))
        case .transaction: try source.connection.execute(StreamLoad.transaction(rows: changes))
        }
        let committed = MonotonicTime.now
        let end = try source.markEnd()
        var resident: [Double] = []
        var passes: [(name: String, began: MonotonicTime)] = []
        try await eventually("the graph has it all", within: .seconds(7200), every: .milliseconds(50)) {
            if let now = Usage.residentMegabytes(of: process) { resident.append(now) }
            if load == .transaction, case .string(let pass)? = try graph.checkpoint()["partialPass"],
                pass != passes.last?.name
            {
                passes.append((pass, .now))
            }
            let rows = try source.connection.query(
                "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", [slot])
            return rows.first?[0].flatMap { LSN($0) }.map { $0 > end } ?? false
        }
        let ended = MonotonicTime.now
        let seconds = (ended - began) / .seconds(1)
        let steps = zip(passes, passes.dropFirst().map(\.began) + [ended]).map { pass, end in
            "\(pass.name) \(fixed((end - pass.began) / .seconds(1), 1)) s"
        }
        let megabytes = { (value: Double?) in value.map { fixed($0, 1) } ?? "?" }
        print(
            """
              before          \(megabytes(idle)) MB (peak of the first read: \(megabytes(afterSnapshot)) MB)
              streaming       \(Samples(resident).text(1, "MB"))
              peak            \(megabytes(Usage.peakMegabytes(of: process))) MB   (goal: \(load == .backlog ? 60 : 150))
              \(changes) changes in \(fixed(seconds, 1)) s; graph \(try graph.checksum())
            """)
        guard load == .transaction else { return }
        print("  commit after \(fixed((committed - began) / .seconds(1), 1)) s; \(steps.joined(separator: ", "))")
    }
}
