// Part of Lockstep. See LICENSE.

import Capture
import Mapping
import PostgreSQL
import Testing

/// The messages of two-phase transactions, by the manual's layouts.
@Suite struct PreparedMessageTests {
    private static let place: [UInt8] = [0, 0, 0, 0, 1, 0x5A, 0x3B, 0x10]
    private static let end: [UInt8] = [0, 0, 0, 0, 1, 0x5A, 0x3B, 0x40]
    private static let time: [UInt8] = [0, 2, 0xB0, 0xD5, 0xD4, 0xE9, 0x40, 0]
    /// xid 744, gid "g".
    private static let name: [UInt8] = [0, 0, 2, 0xE8, 0x67, 0]
    private static let begin = [0x62] + place + end + time + name
    private static let prepare = [0x50, 0] + place + end + time + name
    private static let streamPrepare = [0x70, 0] + place + end + time + name
    private static let commit = [0x4B, 0] + place + end + time + name
    private static let rollback = [0x72, 0] + place + end + time + time + name
    private static let insert: [UInt8] = [0x49, 0, 0, 0x40, 0, 0x4E, 0, 1, 0x74, 0, 0, 0, 1, 0x78]

    @Test func `preparations, commits and rollbacks decode`() throws {
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        let lsn = try #require(LSN("0/15A3B10"))
        #expect(try decoder.decode(Self.begin, into: buffer) == .beginPrepare(xid: 744, at: lsn))
        #expect(decoder.isInTransaction)
        #expect(try decoder.decode(Self.insert, into: buffer) == .prepared)
        #expect(try decoder.decode(Self.prepare, into: buffer) == .prepare(xid: 744))
        #expect(!decoder.isInTransaction)
        #expect(try decoder.decode(Self.streamPrepare, into: buffer) == .streamPrepare(xid: 744, at: lsn))
        #expect(try decoder.decode(Self.rollback, into: buffer) == .rollbackPrepared(xid: 744))
        #expect(try decoder.decode(Self.commit, into: buffer) == .commitPrepared)
        #expect(decoder.streamedCommit?.xid == 744)
        #expect(decoder.streamedCommit?.commitLSN == lsn)
        #expect(decoder.streamedCommit?.endLSN == LSN("0/15A3B40"))
        #expect(decoder.streamedCommit?.commitTime == 757_382_400_000_000)
        // Nothing counts before the commit.
        #expect(buffer.isEmpty)
    }

    @Test(arguments: [begin, prepare, streamPrepare, commit, rollback])
    func `what is too short or too long is refused`(message: [UInt8]) throws {
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        if message == Self.prepare { _ = try decoder.decode(Self.begin, into: buffer) }
        for wrong in (0..<message.count).map({ Array(message.prefix($0)) }) + [message + [0]] {
            var copy = decoder
            #expect(throws: PgOutputError.self) { try copy.decode(wrong, into: buffer) }
        }
    }

    @Test func `what cannot come inside a preparation, or outside, is refused`() throws {
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
        #expect(reason(Self.prepare) == .order)
        #expect(reason(Self.begin, Self.begin) == .order)
        #expect(reason(Self.begin, Self.commit) == .order)
        #expect(reason(Self.begin, Array(Self.prepare.dropLast(3)) + [0xE9, 0x67, 0]) == .order)
        #expect(reason(Self.begin, Self.insert, Self.prepare, Self.commit) == nil)
    }
}
