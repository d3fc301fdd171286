// Part of Lockstep. See LICENSE.

import Mapping
import Testing

@testable import Capture

/// Against the format as PostgreSQL's manual has it; ``SnapshotTests`` has the server's own bytes.
@Suite struct CopyRowDecoderTests {
    private static let header: [UInt8] =
        Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]
    /// Two columns: 01 02, NULL.
    private static let row: [UInt8] = [0, 2, 0, 0, 0, 2, 1, 2, 0xFF, 0xFF, 0xFF, 0xFF]
    private static let trailer: [UInt8] = [0xFF, 0xFF]

    @Test func `header, rows and trailer give inserts`() {
        var decoder = decoder()
        let buffer = ChangeBuffer()
        for message in [Self.header + Self.row, Self.row, Self.trailer] {
            #expect(!decoder.isComplete)
            #expect(decode(&decoder, message, into: buffer))
        }
        #expect(decoder.isComplete)
        #expect(buffer.changes.map(\.newStart) == [0, 2])
        #expect(buffer.changes.allSatisfy { $0.kind == .insert && $0.relation == 3 && $0.old == .none })
        #expect(buffer.fields.map(\.kind) == [.binary, .null, .binary, .null])
        #expect(Array(buffer.content(buffer.fields[2])) == [1, 2])
    }

    @Test func `an empty table has header and trailer only`() {
        for messages in [[Self.header + Self.trailer], [Self.header, Self.trailer]] {
            var decoder = decoder()
            let buffer = ChangeBuffer()
            #expect(messages.allSatisfy { decode(&decoder, $0, into: buffer) })
            #expect(decoder.isComplete && buffer.isEmpty)
        }
    }

    @Test func `an extension of the header is passed over`() {
        var decoder = decoder()
        var header = Self.header
        header[18] = 3
        #expect(decode(&decoder, header + [7, 7, 7] + Self.row, into: ChangeBuffer()))
    }

    @Test func `every shorter and longer form is refused and leaves the buffer as it was`() {
        let first = Self.header + Self.row
        for end in 0..<first.count where end != Self.header.count {
            var decoder = decoder()
            let buffer = ChangeBuffer()
            #expect(!decode(&decoder, Array(first[..<end]), into: buffer), "cut to \(end)")
            #expect(buffer.isEmpty && buffer.fields.isEmpty && buffer.bytes.isEmpty)
        }
        for message in [first + [0], Self.header + Self.trailer + [0]] {
            var decoder = decoder()
            #expect(!decode(&decoder, message, into: ChangeBuffer()))
        }
    }

    @Test func `what the format does not have is refused`() {
        var badMark = Self.header
        badMark[7] = 0
        var badFlags = Self.header
        badFlags[11] = 1
        var negative = Self.row
        negative[5] = 0xFE
        negative[2] = 0xFF
        for message in [
            badMark + Self.row, badFlags + Self.row, Self.header + negative, Self.header + [0, 1] + Self.row[2...],
        ] {
            var decoder = decoder()
            #expect(!decode(&decoder, message, into: ChangeBuffer()))
        }
        var decoder = decoder()
        #expect(decode(&decoder, Self.header + Self.trailer, into: ChangeBuffer()))
        #expect(!decode(&decoder, Self.row, into: ChangeBuffer()), "a row behind the trailer")
    }

    private func decoder() -> CopyRowDecoder { CopyRowDecoder(columns: [.binary, .text], relation: 3) }

    private func decode(_ decoder: inout CopyRowDecoder, _ message: [UInt8], into buffer: ChangeBuffer) -> Bool {
        decoder.decode(unsafe message.span.bytes, into: buffer)
    }
}
