// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import TestServers
import Threading

/// Rows read and written over Bolt: by our driver with values, by its raw path, and by the official Python driver with
/// its Rust extension, in turns, each in a process of its own and against the same server.
struct DriverBenchmark {
    private enum Client: String, CaseIterable {
        case values, raw, python

        var title: String {
            switch self {
            case .values: "ours, values   "
            case .raw: "ours, raw      "
            case .python: "Python and Rust"
            }
        }
    }

    private struct Run {
        var outcome: DriverClient.Outcome
        /// CPU seconds of the whole process, start and login included.
        var processCPU: Double
    }

    private let options: Options
    private let reads: Int
    private let writes: Int
    private let batch: Int
    private let runs: Int

    init(_ options: Options) throws {
        self.options = options
        reads = try options.number("reads", 1_000_000, tiny: 2500)
        writes = try options.number("writes", 200_000, tiny: 500)
        batch = try options.number("batch", 5000, tiny: 200)
        runs = try options.number("runs", 3, tiny: 1)
    }

    func run() async throws {
        let python = try options["python"] ?? Self.installedPython()
        let graph = try await Graph(options)
        print(
            "driver: \(reads) rows read, \(writes) written in batches of \(batch), \(try graph.version()), \(runs) runs "
                + "each, in turns\n  \(Machine.description)\n"
                + "  CPU is the client's, user and system: of the work, in brackets of its whole process")
        let read = try measure(.read, graph, python)
        try report("read", reads, read, goals: [.values: 3])
        let written = try measure(.write, graph, python)
        try report("written", writes, written, goals: [.values: 3, .raw: 10])
    }

    private func measure(
        _ task: DriverClient.Task, _ graph: Graph, _ python: String
    ) throws -> [Client: [Run]] {
        var all: [Client: [Run]] = [:]
        let expected = DriverRowSum.expected(reads).checksum
        for index in 0..<runs {
            // Whoever comes first finds the server's plans cold: each is first in turn.
            let clients = Client.allCases
            for client in clients[(index % clients.count)...] + clients[..<(index % clients.count)] {
                let label = "Bench\(client.rawValue)\(index)"
                let run = try measured(command(client, task, graph, python, label: label))
                switch task {
                case .read:
                    guard run.outcome.rows == reads, run.outcome.checksum == expected else {
                        throw BenchmarkError("\(client) read other rows: \(run.outcome)")
                    }
                case .write: try check(graph, label)
                }
                all[client, default: []].append(run)
            }
        }
        return all
    }

    private func command(
        _ client: Client, _ task: DriverClient.Task, _ graph: Graph, _ python: String, label: String
    ) -> [String] {
        let rows = task == .read ? reads : writes
        guard client == .python else {
            return [
                CommandLine.arguments[0], "driver-client", "--task", task.rawValue, "--way", client.rawValue,
                "--graph", graph.url, "--rows", "\(rows)", "--batch", "\(batch)", "--label", label,
            ]
        }
        let configuration = graph.configuration
        let password = configuration.password.map { _ in URLComponents(string: graph.url)?.password ?? "" } ?? ""
        return [
            python, Self.peer, task.rawValue, "bolt://\(configuration.address)", configuration.user ?? "", password,
            "\(rows)", "\(batch)", label,
        ]
    }

    private func measured(_ command: [String]) throws -> Run {
        let stem = FileManager.default.temporaryDirectory.appending(path: "lockstep-bench-\(UUID().uuidString)")
        let (output, errors) = (stem.appendingPathExtension("out"), stem.appendingPathExtension("err"))
        defer { for file in [output, errors] { try? FileManager.default.removeItem(at: file) } }
        let cpu = Usage.childrenCPU
        let exit = try ChildProcess(command, output: output, errors: errors).blockUntilExit()
        guard exit == .code(0) else {
            let said = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
            throw BenchmarkError("\(command[0]): \(exit)\n\(said)")
        }
        let processCPU = Usage.childrenCPU - cpu
        return Run(
            outcome: try JSONDecoder().decode(DriverClient.Outcome.self, from: try Data(contentsOf: output)),
            processCPU: processCPU)
    }

    /// Sees that the graph has the rows that were written, all of them and as they were.
    private func check(_ graph: Graph, _ label: String) throws {
        let found = try graph.withChannel { channel in
            try channel.query(
                """
                MATCH (n:`\(label)`) RETURN count(n), sum(n.id), sum(size(n.name)), sum(n.half),
                    sum(CASE WHEN n.even THEN 1 ELSE 0 END)
                """
            ).rows.first ?? []
        }
        guard found.count == 5, let count = found[0].integerValue, let numbers = found[1].integerValue,
            let letters = found[2].integerValue, let halves = found[3].floatValue, let evens = found[4].integerValue
        else { throw BenchmarkError("\(label): what was written cannot be counted: \(found)") }
        let sum = Int(numbers + letters + evens) + Int(halves * 2)
        guard count == writes, sum == DriverRowSum.expected(writes).checksum else {
            throw BenchmarkError("\(label): other rows are in the graph than were written: \(found)")
        }
    }

    private func report(_ done: String, _ rows: Int, _ all: [Client: [Run]], goals: [Client: Double]) throws {
        print("  \(done): median (least-greatest)")
        for client in Client.allCases {
            let runs = all[client] ?? []
            let rate = Samples(runs.map { Double(rows) / $0.outcome.seconds })
            let cpu = Samples(runs.map(\.outcome.cpu))
            let process = Samples(runs.map(\.processCPU))
            let peak = Samples(runs.compactMap(\.outcome.peakMegabytes))
            print(
                "    \(client.title) \(rate.text(0, "rows/s")), \(cpu.text(3, "CPU s")) "
                    + "[\(fixed(process.median, 3))], peak \(fixed(peak.median, 1)) MB")
        }
        let python = all[.python] ?? []
        for client in [Client.values, .raw] {
            let ours = all[client] ?? []
            let ratio = Samples(python.map(\.outcome.cpu)).median / Samples(ours.map(\.outcome.cpu)).median
            let whole = Samples(python.map(\.processCPU)).median / Samples(ours.map(\.processCPU)).median
            let goal = goals[client].map { "   (goal: \(fixed($0, 0)))" } ?? ""
            print("    CPU of Python over \(client.title) \(fixed(ratio, 1)) [\(fixed(whole, 1))]\(goal)")
        }
    }

    // MARK: The peer

    private static let peer = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "peer.py").path

    /// The newest that `scripts/install-python-driver` put into the user's cache.
    private static func installedPython() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        let caches = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : URL(filePath: $0) }
        let folder = (caches ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache"))
            .appending(path: "lockstep")
        let found = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
            .filter { $0.hasPrefix("python-driver-") }
            .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { folder.appending(path: $0) }
            .first { FileManager.default.fileExists(atPath: $0.appending(path: ".complete").path) }
        guard let found else { throw BenchmarkError("no Python driver: run scripts/install-python-driver") }
        return found.appending(path: "bin/python").path
    }
}
