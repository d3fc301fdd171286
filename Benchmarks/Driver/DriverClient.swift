// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Threading

/// Reads or writes rows by our driver and prints what it took: a process of its own, so that its CPU time and memory
/// are its alone.
struct DriverClient {
    /// What a client prints as one line; `peer.py` prints the same.
    struct Outcome: Codable {
        var rows: Int
        var checksum: Int
        /// From the first query to the end of the last answer; without the rows being made.
        var seconds: Double
        /// User and system, over the same time.
        var cpu: Double
        var peakMegabytes: Double?
    }

    enum Task: String { case read, write }
    enum Way: String {
        /// The driver, its sessions and values.
        case values
        /// A channel, with rows that are bytes already, or are read where they arrived.
        case raw
    }

    private let task: Task
    private let way: Way
    private let configuration: BoltConfiguration
    private let rows: Int
    private let batch: Int
    private let query: String

    init(_ options: Options) throws {
        guard let task = Task(rawValue: try options.required("task")),
            let way = Way(rawValue: try options.required("way"))
        else { throw BenchmarkError("driver-client: --task read or write, --way values or raw") }
        self.task = task
        self.way = way
        configuration = try BoltConfiguration(url: try options.required("graph"))
        rows = try options.number("rows", 1000, tiny: 1000)
        batch = try options.number("batch", 5000, tiny: 5000)
        query = task == .read ? DriverRows.read : DriverRows.write(label: try options.required("label"))
    }

    func run() async throws {
        var outcome =
            switch (task, way) {
            case (.read, .values): try await readValues()
            case (.read, .raw): try await onThread(readRaw)
            case (.write, .values): try await writeValues()
            case (.write, .raw): try await onThread(writeRaw)
            }
        outcome.peakMegabytes = Usage.peakMegabytes()
        print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))
    }

    // A channel blocks.
    private func onThread(_ body: @escaping @Sendable () throws -> Outcome) async throws -> Outcome {
        try await DedicatedThread.run(name: "client") { try body() }
    }

    // MARK: Reading

    // Not where `main` is: each record would then be handed from one thread to another.
    @concurrent private func readValues() async throws -> Outcome {
        let driver = BoltDriver(configuration)
        _ = try await driver.verifyConnectivity()
        var clock = Clock()
        var sum = DriverRowSum()
        clock.start()
        let session = driver.session()
        let cursor = try await session.run(query, ["n": .integer(Int64(rows))])
        while let record = try await cursor.next() {
            guard record.count == 4, case .integer(let number) = record[0], case .string(let name) = record[1],
                case .float(let half) = record[2], case .boolean(let isEven) = record[3]
            else { throw BenchmarkError("another row than was asked for: \(record)") }
            sum.add(number: number, letters: name.utf8.count, half: half, isEven: isEven)
        }
        await session.close()
        clock.stop()
        await driver.close()
        return clock.outcome(sum.rows, sum.checksum)
    }

    private func readRaw() throws -> Outcome {
        let channel = try BoltChannel(configuration)
        var clock = Clock()
        var sum = DriverRowSum()
        clock.start()
        try channel.forEachRecord(query, ["n": .integer(Int64(rows))]) { reader throws(PackStreamError) in
            guard try reader.readListHeader() == 4 else { return }
            let number = try reader.readInteger()
            let letters = try reader.readStringBytes().byteCount
            let half = try reader.readFloat()
            sum.add(number: number, letters: letters, half: half, isEven: try reader.readBoolean())
        }
        clock.stop()
        return clock.outcome(sum.rows, sum.checksum)
    }

    // MARK: Writing

    private var batches: [ClosedRange<Int>] {
        stride(from: 1, through: rows, by: batch).map { $0...min($0 + batch - 1, rows) }
    }

    @concurrent private func writeValues() async throws -> Outcome {
        let driver = BoltDriver(configuration)
        _ = try await driver.verifyConnectivity()
        let session = driver.session()
        let query = query
        var clock = Clock()
        var written = 0
        for numbers in batches {
            let rows = numbers.map(DriverRows.value)
            clock.start()
            let summary = try await session.executeWrite { transaction in
                try await transaction.run(query, ["rows": .list(rows)]).consume()
            }
            clock.stop()
            written += Int(summary.counters["nodes-created"] ?? 0)
        }
        await session.close()
        await driver.close()
        return clock.outcome(written, 0)
    }

    private func writeRaw() throws -> Outcome {
        let channel = try BoltChannel(configuration)
        var rows = PackStreamBuffer()
        var clock = Clock()
        var written = 0
        for numbers in batches {
            rows.removeAll()
            for number in numbers { DriverRows.append(number, to: &rows) }
            clock.start()
            channel.begin()
            channel.run(query, rows: rows, count: numbers.count)
            channel.pull()
            channel.commit()
            try channel.flush()
            while channel.pendingResponses > 0 {
                switch try channel.receive() {
                case .success(let metadata): written += Int(metadata["stats"]?["nodes-created"]?.integerValue ?? 0)
                case .record: break
                case .failure(let failure): throw BenchmarkError("\(failure)")
                case .ignored: throw BenchmarkError("a request was ignored")
                }
            }
            clock.stop()
        }
        return clock.outcome(written, 0)
    }
}

/// Adds up the time between ``start()`` and ``stop()``: elapsed, and of the processor for the whole process.
private struct Clock {
    private var seconds = 0.0
    private var cpu = 0.0
    private var began = (MonotonicTime.now, 0.0)

    mutating func start() { began = (.now, Usage.ownCPU) }

    mutating func stop() {
        seconds += (MonotonicTime.now - began.0) / .seconds(1)
        cpu += Usage.ownCPU - began.1
    }

    func outcome(_ rows: Int, _ checksum: Int) -> DriverClient.Outcome {
        DriverClient.Outcome(rows: rows, checksum: checksum, seconds: seconds, cpu: cpu)
    }
}
