// Part of Lockstep. See LICENSE.

import Apply
import Bolt
import Capture
import Foundation
import Mapping
import PostgreSQL
import Threading

/// Lockstep's capture with nothing behind it: receives, decodes, folds and encodes a slot's changes, batch by batch as
/// the pipeline does, and throws the rows away. A process of its own, so that its CPU time and memory are its alone.
struct CaptureDrain {
    /// What it found, printed as one line.
    struct Outcome: Codable {
        var changes = 0
        var transactions = 0
        var rows = 0
        var bytes = 0
        var checksum: UInt64 = 0
        var streamSeconds = 0.0
        var peakMegabytes: Double?
    }

    private let url: String
    private let slot: String
    private let end: LSN
    private let limits = BatchSettings()

    init(_ options: Options) throws {
        url = try options.required("source")
        slot = try options.required("slot")
        guard let end = LSN(try options.required("until")) else { throw BenchmarkError("--until is no LSN") }
        self.end = end
    }

    func run() throws {
        let configuration = try PostgresConfiguration(url)
        let catalog = try CatalogReader.read(try PostgresConnection(configuration))
        let file = try Source.mappingFile(source: url, graph: "bolt://127.0.0.1:1", slot: slot, catalog: catalog)
        let encoder = BatchEncoder(mapping: try file.resolve(against: catalog))
        let stream = try ReplicationStream(
            configuration, slot: slot, publication: Source.publication, from: .zero, binary: true,
            spool: SourceSettings.standardSpool, stop: StopSignal())
        let outcome = try drain(stream, encoder)
        stream.finish()
        print(String(decoding: try JSONEncoder().encode(outcome), as: UTF8.self))
    }

    private func drain(_ stream: ReplicationStream, _ encoder: BatchEncoder) throws -> Outcome {
        var outcome = Outcome()
        let buffer = ChangeBuffer()
        let began = MonotonicTime.now
        while true {
            switch try stream.receive(into: buffer) {
            case .nothing: try stream.wait(wakeups: [], deadline: .after(.seconds(10)))
            case .change:
                if buffer.changes.count >= 2 * limits.rows || buffer.bytes.count >= 2 * limits.bytes {
                    try encode(buffer, encoder, &outcome)
                }
            case .spooled:
                guard let spooled = stream.spooled else { break }
                while try !stream.replay(spooled, into: buffer, rows: limits.rows, bytes: limits.bytes) {
                    try encode(buffer, encoder, &outcome)
                }
                fallthrough
            case .transaction:
                let isLast = buffer.transactions.last.map { $0.commitLSN >= end } ?? false
                if isLast || buffer.changes.count >= limits.rows || buffer.bytes.count >= limits.bytes {
                    let position = buffer.transactions.last?.endLSN ?? .zero
                    try encode(buffer, encoder, &outcome)
                    try stream.confirm(written: position, flushed: position)
                }
                if isLast {
                    outcome.streamSeconds = (MonotonicTime.now - began) / .seconds(1)
                    outcome.peakMegabytes = Usage.peakMegabytes()
                    return outcome
                }
            default: break
            }
        }
    }

    private func encode(_ buffer: ChangeBuffer, _ encoder: BatchEncoder, _ outcome: inout Outcome) throws {
        for statement in try encoder.encode(buffer, 0..<buffer.changes.count) {
            outcome.rows += statement.rowCount
            outcome.bytes += statement.rows.count
            outcome.checksum &+= Self.sum(statement.rows.bytes)
        }
        outcome.changes += buffer.changes.count
        outcome.transactions += buffer.transactions.count
        buffer.removeAll()
    }

    /// The same whatever the batches are: they depend on nothing but the stream.
    private static func sum(_ bytes: RawSpan) -> UInt64 {
        var sum: UInt64 = 0
        var offset = 0
        while offset + 8 <= bytes.byteCount {
            sum =
                (sum ^ (unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                &* 0x9e37_79b9_7f4a_7c15
            offset += 8
        }
        return sum
    }
}
