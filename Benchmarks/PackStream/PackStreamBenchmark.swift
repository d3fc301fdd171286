// Part of Lockstep. See LICENSE.

import Bolt
import CAllocations
import Threading

/// PackStream alone: rows to bytes and back, as values and by the raw path, with no server and no socket.
struct PackStreamBenchmark {
    private let rows: Int
    private let runs: Int

    init(_ options: Options) throws {
        rows = try options.number("rows", 200_000, tiny: 200)
        runs = try options.number("runs", 5, tiny: 1)
    }

    /// One way over all rows, several times.
    private struct Figures {
        var nanosecondsPerValue: Samples
        var allocationsPerRow: Double
        var checksum: UInt64
    }

    func run() throws {
        print("packstream: \(rows) rows a pass, \(runs) passes\n  \(Machine.description)")
        try measure(ShortRow.self)
        try measure(LongRow.self)
    }

    private func measure<Row: PackStreamRow>(_: Row.Type) throws {
        let values = (0..<rows).map(Row.value)
        var bytes = PackStreamBuffer()
        for row in values { bytes.append(row) }
        var encoded = PackStreamBuffer(capacity: bytes.count)
        print("  \(Row.title), \(fixed(Double(bytes.count) / Double(rows), 1)) bytes")

        let encodeRaw = pass(Row.self) {
            encoded.removeAll()
            for number in 0..<rows { Row.append(number, to: &encoded) }
            return UInt64(encoded.count)
        }
        guard Self.areEqual(encoded.bytes, bytes.bytes) else { throw BenchmarkError("the raw path gave other bytes") }
        let encodeValues = pass(Row.self) {
            encoded.removeAll()
            for row in values { encoded.append(row) }
            return UInt64(encoded.count)
        }
        guard Self.areEqual(encoded.bytes, bytes.bytes) else { throw BenchmarkError("the values gave other bytes") }
        let decodeRaw = try pass(Row.self) { () throws(PackStreamError) in
            var reader = PackStreamReader(bytes.bytes)
            var sum: UInt64 = 0
            while !reader.isAtEnd { try Row.read(&reader, &sum) }
            return sum
        }
        let decodeValues = try pass(Row.self) { () throws(PackStreamError) in
            var reader = PackStreamReader(bytes.bytes)
            var sum: UInt64 = 0
            while !reader.isAtEnd { sum &+= UInt64(try reader.readList().count) }
            return sum
        }
        guard decodeValues.checksum == UInt64(rows * Row.valueCount) else { throw BenchmarkError("values are missing") }
        report("encode, raw   ", encodeRaw)
        report("encode, values", encodeValues)
        report("decode, raw   ", decodeRaw)
        report("decode, values", decodeValues)
        // A pass itself makes a few in a debug build; one for each row would be as many as there are rows.
        for figures in [encodeRaw, decodeRaw] where figures.allocationsPerRow * Double(rows) > 8 {
            throw BenchmarkError("the raw path allocates")
        }
    }

    private func pass<Row: PackStreamRow, Failure: Error>(
        _: Row.Type, _ body: () throws(Failure) -> UInt64
    ) throws(Failure) -> Figures {
        // The first grows what is kept.
        var checksum = try body()
        var times: [Double] = []
        var allocations: Int64 = 0
        for _ in 0..<runs {
            let before = lockstep_allocations()
            let began = MonotonicTime.now
            checksum = try body()
            times.append((MonotonicTime.now - began) / .nanoseconds(1) / Double(rows * Row.valueCount))
            allocations = lockstep_allocations() - before
        }
        return Figures(
            nanosecondsPerValue: Samples(times), allocationsPerRow: Double(allocations) / Double(rows),
            checksum: checksum)
    }

    private func report(_ title: String, _ figures: Figures) {
        let allocations = lockstep_allocations() < 0 ? "?" : fixed(figures.allocationsPerRow, 2)
        print(
            "    \(title) \(figures.nanosecondsPerValue.text(2, "ns a value")), \(allocations) allocations a row, "
                + "checksum \(checksum(figures.checksum))")
    }

    private static func areEqual(_ a: RawSpan, _ b: RawSpan) -> Bool {
        guard a.byteCount == b.byteCount else { return false }
        return unsafe a.withUnsafeBytes { a in unsafe b.withUnsafeBytes { b in unsafe a.elementsEqual(b) } }
    }
}
