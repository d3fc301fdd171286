// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

@Suite struct `The handshake` {
    struct Vector: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let answer: [UInt8]
        let version: BoltVersion
        let reply: [UInt8]

        init(_ name: String, _ digits: String, _ version: BoltVersion, reply: String = "") {
            testDescription = name
            answer = hex(digits)
            self.version = version
            self.reply = hex(reply)
        }
    }

    private static let vectors = [
        Vector("a plain 5.8", "00000805", BoltVersion(5, 8)),
        Vector("a plain 5.0", "00000005", BoltVersion(5, 0)),
        Vector("a plain 4.4", "00000404", BoltVersion(4, 4)),
        Vector("a plain 4.3", "00000304", BoltVersion(4, 3)),
        Vector("a plain 4.2", "00000204", BoltVersion(4, 2)),
        // As 5.26.31 and 2026.09.0 answer.
        Vector(
            "the manifest of 5.26", "000001FF 03 00040404 00040405 00020805 00", BoltVersion(5, 8),
            reply: "0000080500"),
        Vector(
            "the manifest of 2026.09", "000001FF 04 00040404 00040405 00020805 00010106 00", BoltVersion(6, 1),
            reply: "0000010600"),
        Vector("a manifest with one range", "000001FF 01 00040405 00", BoltVersion(5, 4), reply: "0000040500"),
        Vector(
            "a manifest of newer versions too", "000001FF 03 00000007 00030906 00010105 8001", BoltVersion(5, 1),
            reply: "0000010500"),
        Vector("a manifest with capabilities", "000001FF 01 00000006 FF7F", BoltVersion(6, 0), reply: "0000000600"),
        Vector(
            "a count in two bytes", "000001FF 8200 00000404 00000005 00", BoltVersion(5, 0), reply: "0000000500"),
        Vector(
            "a range longer than the minors below", "000001FF 01 00FF0806 00", BoltVersion(6, 1), reply: "0000010600"),
    ]

    private let handshake = Handshake(newest: BoltVersion(6, 1))

    @Test func `proposes the manifest, 5.8 to 5.0, 4.4 to 4.3, and 4.2`() {
        #expect(handshake.proposals == hex("6060B017 000001FF 00080805 00010404 00000204"))
    }

    @Test func `proposes nothing newer than wanted, and takes nothing newer`() {
        let older = Handshake(newest: BoltVersion(5, 3))
        #expect(older.proposals == hex("6060B017 00030305 00010404 00000204 00000000"))
        #expect(throws: Handshake.Failure.notProposed(BoltVersion(5, 4))) { try older.answer(to: hex("00000405")) }
        #expect(Handshake(newest: BoltVersion(4, 4)).proposals == hex("6060B017 00010404 00000204 00000000 00000000"))
    }

    @Test(arguments: vectors)
    func `ends in a version, with no byte read too many`(vector: Vector) throws {
        #expect(try handshake.answer(to: vector.answer) == .agreed(vector.version, reply: vector.reply))
        for count in 0..<vector.answer.count {
            guard case .needs(let more) = try handshake.answer(to: Array(vector.answer[..<count])) else {
                Issue.record("agreed after \(count) bytes")
                continue
            }
            #expect(more > 0)
            #expect(count + more <= vector.answer.count)
        }
    }

    @Test(arguments: [
        ("48545450", Handshake.Failure.http), ("00000000", .noCommonVersion), ("01000005", .malformed),
        ("00000306", .notProposed(BoltVersion(6, 3))), ("00000106", .notProposed(BoltVersion(6, 1))),
        ("00000104", .notProposed(BoltVersion(4, 1))), ("00000905", .notProposed(BoltVersion(5, 9))),
        ("000001FF 00 00", .noCommonVersion), ("000001FF 01 00000003 00", .noCommonVersion),
        ("000001FF 01 00000009 00", .noCommonVersion), ("000001FF 8104", .malformed),
        ("000001FF FFFFFFFFFFFFFFFFFF", .malformed),
    ])
    func `fails with the reason`(digits: String, failure: Handshake.Failure) {
        #expect(throws: failure) { try handshake.answer(to: hex(digits)) }
    }
}
