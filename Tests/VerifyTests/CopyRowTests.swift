// Part of Lockstep. See LICENSE.

import Bolt
import Testing

@testable import Verify

struct CopyRowTests {
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    static let row: [UInt8] = [0, 3, 0, 0, 0, 2, 7, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]

    /// The columns of a message; nil for NULL.
    private func columns(_ message: [UInt8], isFirst: Bool = false, count: Int = 3) throws -> [[UInt8]?]? {
        guard var row = unsafe try CopyRow(message.span.bytes, isFirst: isFirst) else { return nil }
        var columns: [[UInt8]?] = []
        for _ in 0..<count {
            if let bytes = try row.next() { columns.append([UInt8](copying: bytes)) } else { columns.append(nil) }
        }
        try row.expectEnd()
        return columns
    }

    @Test func `rows come with and without the header`() throws {
        #expect(try columns(Self.row) == [[7, 8], nil, []])
        #expect(try columns(Self.header + Self.row, isFirst: true) == [[7, 8], nil, []])
        #expect(try columns(Self.header, isFirst: true) == nil)
        #expect(try columns([0xFF, 0xFF]) == nil)
        #expect(try columns(Self.header + [0xFF, 0xFF], isFirst: true) == nil)
    }

    @Test func `truncated and lengthened messages are errors`() throws {
        let whole = Self.header + Self.row
        for length in 0..<whole.count where length != Self.header.count {
            #expect(throws: VerifyError.self) { try columns(Array(whole.prefix(length)), isFirst: true) }
        }
        #expect(throws: VerifyError.self) { try columns(Self.row + [0]) }
        #expect(throws: VerifyError.self) { try columns([0, 1, 0x7F, 0xFF, 0xFF, 0xFF], count: 1) }
        #expect(throws: VerifyError.self) { try columns([0, 1, 0xFF, 0xFF, 0xFF, 0xFE], count: 1) }
    }
}
