// Part of Lockstep. See LICENSE.

import Foundation

/// What was asked for cannot be measured, or a measurement does not hold together.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The command: picks a benchmark and prints what it found.
enum BenchmarkTool {
    private static let usage = """
        usage: lockstep-benchmarks BENCHMARK [--tiny] [options]

          capture   the stream decoded and encoded, beside pg_recvlogical draining the same backlog
          snapshot  the first read, beside COPY alone and a replay of the very bytes that it sends, and killed in the middle
          backlog   a backlog brought into the graph, beside a replay of the very bytes that this sends
          latency   from COMMIT to the graph, beside one fenced row replayed from bytes
          memory    resident memory of the lockstep program at full speed
          large     the same while it applies one large transaction, and how long each pass takes
          indexes   nodes written before and after an index is made
          driver    rows read and written by the Bolt driver, beside the official Python driver with its Rust extension
          packstream  values to bytes and back, without a server

          --tiny          a small input that judges no time: for the test pass
          --changes N     changes of the backlog
          --runs N        times that each side is measured
          --seconds N     length of the latency run
          --rate N        transactions a second of the latency run
          --source URL    a PostgreSQL to use instead of a throw-away one; the databases lockstep_bench_* are dropped
          --graph URL     a graph to use instead of a throw-away one; everything in it is deleted
          --graph-kind K  neo4j or arcadedb: which throw-away graph (default: neo4j where LOCKSTEP_NEO4J_HOME is set)
          --reads N, --writes N, --batch N    rows of the driver run, and how many are written at a time
          --rows N        rows of a pass of packstream, nodes of indexes, rows of snapshot
          --python PATH   a Python with the driver's peer (default: what scripts/install-python-driver installed)
          --lockstep PATH the program that `memory`, `large` and `snapshot` run (default: beside this one)
        """

    static func run(_ arguments: [String]) async -> Int32 {
        do {
            let options = try Options(arguments)
            switch options.benchmark {
            case "capture": try await CaptureBenchmark(options).run()
            case "capture-drain": try CaptureDrain(options).run()
            case "snapshot": try await SnapshotBenchmark(options).run()
            case "backlog": try await BacklogBenchmark(options).run()
            case "latency": try await LatencyBenchmark(options).run()
            case "memory": try await MemoryBenchmark(options).run()
            case "large": try await LargeBenchmark(options).run()
            case "indexes": try await IndexBenchmark(options).run()
            case "driver": try await DriverBenchmark(options).run()
            case "driver-client": try await DriverClient(options).run()
            case "packstream": try PackStreamBenchmark(options).run()
            default: throw BenchmarkError("no benchmark of that name\n\n\(usage)")
            }
            return 0
        } catch {
            FileHandle.standardError.write(Data("lockstep-benchmarks: \(error)\n".utf8))
            return 1
        }
    }
}

/// The command line.
struct Options {
    var benchmark: String
    private var values: [String: String] = [:]
    private var flags: Set<String> = []

    init(_ arguments: [String]) throws {
        benchmark = arguments.first ?? ""
        var rest = arguments.dropFirst()
        while let name = rest.popFirst() {
            guard name.hasPrefix("--") else { throw BenchmarkError("what is \"\(name)\"?") }
            if name == "--tiny" {
                flags.insert("tiny")
            } else {
                guard let value = rest.popFirst() else { throw BenchmarkError("\(name) needs a value") }
                values[String(name.dropFirst(2))] = value
            }
        }
    }

    var isTiny: Bool { flags.contains("tiny") }

    subscript(name: String) -> String? { values[name] }

    /// A number of the command line, or what stands for it in an ordinary and in a tiny run.
    func number(_ name: String, _ usual: Int, tiny: Int) throws -> Int {
        guard let text = values[name] else { return isTiny ? tiny : usual }
        guard let number = Int(text), number > 0 else { throw BenchmarkError("--\(name): \"\(text)\" is no number") }
        return number
    }

    func required(_ name: String) throws -> String {
        guard let value = values[name] else { throw BenchmarkError("--\(name) is missing") }
        return value
    }
}
