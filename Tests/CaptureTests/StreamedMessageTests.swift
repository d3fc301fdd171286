// Part of Lockstep. See LICENSE.

import Capture
import Mapping
import PostgreSQL
import Testing

/// The messages of transactions that are streamed while they run, by the manual's layouts.
@Suite struct StreamedMessageTests {
    private static let start: [UInt8] = [0x53, 0, 0, 2, 0xE8, 1]
    private static let stop: [UInt8] = [0x45]
    /// An insert of relation 16384 by subtransaction 745: one column, the text "x".
    private static let insert: [UInt8] = [
        0x49, 0, 0, 2, 0xE9, 0, 0, 0x40, 0, 0x4E, 0, 1, 0x74, 0, 0, 0, 1, 0x78,
    ]
    private static let commit: [UInt8] = [
        0x63, 0, 0, 2, 0xE8, 0, 0, 0, 0, 0, 1, 0x5A, 0x3B, 0x10, 0, 0, 0, 0, 1, 0x5A, 0x3B, 0x40, 0, 2, 0xB0, 0xD5,
        0xD4, 0xE9, 0x40, 0,
    ]
    private static let abort: [UInt8] = [0x41, 0, 0, 2, 0xE8, 0, 0, 2, 0xE9]
    /// With `streaming 'parallel'`.
    private static let abortWithPlace =
        abort + [0, 0, 0, 0, 1, 0x5A, 0x3B, 0x10, 0, 2, 0xB0, 0xBB, 0x5A, 0xF6, 0x40, 0]

    @Test func `pieces, commits and aborts decode`() throws {
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        #expect(try decoder.decode(Self.start, into: buffer) == .streamStart(xid: 744))
        #expect(decoder.isInTransaction)
        #expect(try decoder.decode(Self.insert, into: buffer) == .streamed(xid: 745))
        #expect(try decoder.decode(Self.stop, into: buffer) == .streamStop)
        #expect(!decoder.isInTransaction)
        #expect(try decoder.decode(Self.abort, into: buffer) == .streamAbort(xid: 744, subxid: 745))
        #expect(try decoder.decode(Self.abortWithPlace, into: buffer) == .streamAbort(xid: 744, subxid: 745))
        #expect(try decoder.decode(Self.commit, into: buffer) == .streamCommit)
        let end = try #require(decoder.streamedCommit)
        #expect(end.xid == 744)
        #expect(end.commitLSN == LSN("0/15A3B10"))
        #expect(end.endLSN == LSN("0/15A3B40"))
        #expect(end.commitTime == 757_382_400_000_000)
        // Nothing counts before the commit, and that holds no changes itself.
        #expect(buffer.isEmpty)
    }

    @Test(arguments: [start, insert, stop, commit, abort, abortWithPlace])
    func `what is too short or too long is refused`(message: [UInt8]) throws {
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        let isInside = message[0] == 0x49 || message[0] == 0x45
        if isInside { _ = try decoder.decode(Self.start, into: buffer) }
        // A piece's content is only kept, and has its length checked when it is decoded.
        let shortest = message[0] == 0x49 ? 6 : message.count
        for count in 0..<shortest where !(message == Self.abortWithPlace && count == Self.abort.count) {
            var copy = decoder
            #expect(throws: PgOutputError.self) { try copy.decode(Array(message.prefix(count)), into: buffer) }
        }
        guard message[0] != 0x49 else { return }
        var copy = decoder
        #expect(throws: PgOutputError.self) { try copy.decode(message + [0], into: buffer) }
    }

    @Test func `what cannot come inside a piece, or outside, is refused`() throws {
        func reason(_ sequence: [UInt8]...) -> PgOutputError.Reason? {
            var decoder = PgOutputDecoder()
            let buffer = ChangeBuffer()
            do throws(PgOutputError) {
                for message in sequence { _ = try decoder.decode(message, into: buffer) }
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(reason(Self.stop) == .order)
        #expect(reason(Self.start, Self.start) == .order)
        #expect(reason(Self.start, Self.commit) == .order)
        #expect(reason(Self.start, Self.abort) == .order)
        #expect(reason(Self.start, [0x5A, 1, 2, 3, 4, 5]) == .unknownMessage)
        let begin = try #require(Recording.all[0].text.first).bytes
        #expect(reason(begin, Self.start) == .order)
        #expect(reason(begin, Self.commit) == .order)
        #expect(reason(Self.start, begin) == .order)
        #expect(reason(Self.start, Self.insert, Self.stop, begin) == nil)
    }
}
