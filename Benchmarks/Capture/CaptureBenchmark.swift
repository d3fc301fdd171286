// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import TestServers
import Threading

/// The stream alone: received, decoded, folded and encoded by Lockstep, beside `pg_recvlogical` that drains a second slot
/// with the same content to /dev/null. Both are processes, timed from start to exit, in turns.
struct CaptureBenchmark {
    private let options: Options
    private let changes: Int
    private let runs: Int

    /// One process over one slot.
    private struct Run {
        var seconds: Double
        var cpu: Double
        var outcome: CaptureDrain.Outcome?
    }

    init(_ options: Options) throws {
        self.options = options
        changes = try options.number("changes", 1_000_000, tiny: 2000)
        runs = try options.number("runs", 3, tiny: 1)
    }

    func run() async throws {
        let source = try await Source(options, name: "capture")
        try source.connection.execute(StreamLoad.base)
        // Slots begin where they are made: all before the load, the last one for the smaller backlog.
        let ours = (0..<runs).map { "lockstep_bench_ours_\($0)" }
        let theirs = (0..<runs).map { "lockstep_bench_theirs_\($0)" }
        let small = "lockstep_bench_small"
        for slot in ours + theirs + [small] { try source.createSlot(slot) }
        try source.connection.execute(StreamLoad.sql(changes: changes / 4, seed: 1))
        let smallEnd = try source.markEnd()
        try source.connection.execute(StreamLoad.sql(changes: changes - changes / 4, seed: 2))
        let end = try source.markEnd()

        print(
            "capture: \(changes) changes, \(source.serverVersion), \(runs) runs each, in turns\n  \(Machine.description)"
        )
        let smallRun = try drain(source, small, until: smallEnd)
        var lockstep: [Run] = []
        var peer: [Run] = []
        for index in 0..<runs {
            // Whoever comes second finds the WAL in the cache: both are first in turn.
            if index % 2 == 0 { peer.append(try receive(source, theirs[index], until: end)) }
            lockstep.append(try drain(source, ours[index], until: end))
            if index % 2 == 1 { peer.append(try receive(source, theirs[index], until: end)) }
        }
        try report(lockstep, peer, smallRun)
        try source.close()
    }

    private func drain(_ source: Source, _ slot: String, until end: LSN) throws -> Run {
        let program = CommandLine.arguments[0]
        let output = FileManager.default.temporaryDirectory.appending(path: "lockstep-bench-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: output) }
        var run = try measured(
            [program, "capture-drain", "--source", source.url, "--slot", slot, "--until", "\(end)"], output: output)
        run.outcome = try JSONDecoder().decode(CaptureDrain.Outcome.self, from: try Data(contentsOf: output))
        return run
    }

    private func receive(_ source: Source, _ slot: String, until end: LSN) throws -> Run {
        try measured(
            [
                "pg_recvlogical", "-d", source.url, "--slot", slot, "--start", "--no-loop", "-F", "0", "-f",
                "/dev/null",
                "--endpos", "\(end)", "-o", "proto_version=1", "-o", "publication_names=\(Source.publication)",
                "-o", "binary=true",
            ], output: URL(filePath: "/dev/null"))
    }

    private func measured(_ command: [String], output: URL) throws -> Run {
        let cpu = Usage.childrenCPU
        let began = MonotonicTime.now
        let errors = FileManager.default.temporaryDirectory.appending(path: "lockstep-bench-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: errors) }
        let exit = try ChildProcess(command, output: output, errors: errors).blockUntilExit()
        let seconds = (MonotonicTime.now - began) / .seconds(1)
        guard exit == .code(0) else {
            let said = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
            throw BenchmarkError("\(command[0]): \(exit)\n\(said)")
        }
        return Run(seconds: seconds, cpu: Usage.childrenCPU - cpu)
    }

    private func report(_ lockstep: [Run], _ peer: [Run], _ small: Run) throws {
        guard let outcome = lockstep.first?.outcome, let smallOutcome = small.outcome else { return }
        // The transaction that marks the end is one change more, the first mark too.
        guard outcome.changes == changes + 2 else {
            throw BenchmarkError("\(outcome.changes) changes came, not \(changes + 2)")
        }
        guard lockstep.allSatisfy({ $0.outcome?.checksum == outcome.checksum }) else {
            throw BenchmarkError("runs over the same changes gave different bytes")
        }
        let rates = { (runs: [Run]) in Samples(runs.map { Double(outcome.changes) / $0.seconds }) }
        let cpu = { (runs: [Run]) in Samples(runs.map { $0.cpu / Double(outcome.changes) * 1_000_000 }) }
        print(
            """
              median (least-greatest)
              lockstep        \(rates(lockstep).text(0, "changes/s")), \(cpu(lockstep).text(2, "CPU s per million"))
              pg_recvlogical  \(rates(peer).text(0, "changes/s")), \(cpu(peer).text(2, "CPU s per million"))
              ratio of rates  \(fixed(rates(lockstep).median / rates(peer).median, 3))   (goal: 0.95)
              encoded         \(outcome.rows) rows, \(outcome.bytes) bytes, checksum \(checksum(outcome.checksum))
              peak memory     \(megabytes(smallOutcome)) MB at \(smallOutcome.changes) changes, \
            \(megabytes(outcome)) MB at \(outcome.changes)
            """)
    }

    private func megabytes(_ outcome: CaptureDrain.Outcome) -> String {
        outcome.peakMegabytes.map { fixed($0, 1) } ?? "?"
    }
}
