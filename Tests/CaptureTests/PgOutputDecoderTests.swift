// Part of Lockstep. See LICENSE.

import Capture
import Mapping
import PostgreSQL
import Testing

/// The decoder against what PostgreSQL made of `Tests/Fixtures/pgoutput.sql`.
@Suite struct PgOutputDecoderTests {
    /// What each statement of the recording has to give, in text format.
    static let expected = [
        "insert public.plain new(1, first, 2500 bytes, very happy, 7, 2024-02-29 12:34:56.789+00, {1,2})",
        "insert public.plain new(2, null, , null, null, null, null)",
        "update public.plain new(1, renamed, unchanged, very happy, 7, 2024-02-29 12:34:56.789+00, {1,2})",
        "update public.plain key(1, null, null, null, null, null, null) "
            + "new(3, renamed, unchanged, very happy, 7, 2024-02-29 12:34:56.789+00, {1,2})",
        "delete public.plain key(3, null, null, null, null, null, null)",
        "insert \"Odd Schema\".\"Tüte \"\"7\"\"\" new(5, five, 5.50)",
        "update \"Odd Schema\".\"Tüte \"\"7\"\"\" new(5, five, null)",
        "update \"Odd Schema\".\"Tüte \"\"7\"\"\" key(5, five, null) new(5, fünf, null)",
        "delete \"Odd Schema\".\"Tüte \"\"7\"\"\" key(5, fünf, null)",
        "insert public.whole new(1, 3000 bytes, t)",
        "update public.whole full(1, 3000 bytes, t) new(1, unchanged, f)",
        "delete public.whole full(1, 3000 bytes, f)",
        "insert public.blind new(0.1)",
        "insert public.parted new(1, low)",
        "delete public.parted key(1, null)",
        "insert public.parted new(101, low)",
        "truncate public.plain",
        "truncate public.whole",
        "truncate \"Odd Schema\".\"Tüte \"\"7\"\"\"",
        "truncate public.parted",
        "insert public.blind new(2)",
        "insert public.blind new(3)",
        "insert public.blind new(5, 4)",
        "insert public.blind new(6, 6)",
        "insert public.blind new(8, 8)",
    ]

    @Test(arguments: Recording.all)
    func `recorded text messages give what the statements did`(recording: Recording) throws {
        let (buffer, _) = try decodeAll(recording.text)
        #expect(buffer.lines == Self.expected)
    }

    @Test(arguments: Recording.all)
    func `binary messages have the same shape and the same values`(recording: Recording) throws {
        let (binary, _) = try decodeAll(recording.binary)
        let (text, _) = try decodeAll(recording.text)
        #expect(binary.relations == text.relations)
        #expect(binary.fields.count == text.fields.count)
        for (a, b) in zip(binary.changes, text.changes) {
            #expect((a.kind, a.old, a.relation) == (b.kind, b.old, b.relation))
            for (column, description) in binary.relations[Int(a.relation)].columns.enumerated() {
                guard a.kind != .truncate, a.kind != .delete else { continue }
                let (x, y) = (binary.fields[Int(a.newStart) + column], text.fields[Int(b.newStart) + column])
                #expect((x.kind == .binary) == (y.kind == .text))
                guard x.kind == .binary else {
                    #expect(x.kind == y.kind)
                    continue
                }
                switch description.type {
                case 25, 1043:
                    #expect(binary.content(x) == text.content(y))
                case 23, 20:
                    let value = binary.content(x).reduce(0) { $0 << 8 | Int($1) }
                    #expect(String(value) == text.text(y))
                default: break
                }
            }
        }
    }

    @Test(arguments: Recording.all)
    func `commits carry the LSN and xid that PostgreSQL tells`(recording: Recording) throws {
        let (buffer, events) = try decodeAll(recording.binary)
        let commits = recording.binary.filter { $0.type == "C" }
        #expect(buffer.transactions.map(\.endLSN) == commits.map(\.lsn))
        #expect(buffer.transactions.map(\.xid) == commits.map(\.xid))
        #expect(buffer.transactions.allSatisfy { $0.commitLSN < $0.endLSN })
        #expect(events.count { $0 == .commit } == commits.count)
        #expect(events.count { $0 == .begin } == commits.count)
        // Between 2020 and 2100, but for the one that says it came from 2024-01-01 00:00 elsewhere.
        let plausible: ClosedRange<Int64> = 631_152_000_000_000...3_155_760_000_000_000
        #expect(buffer.transactions.allSatisfy { plausible.contains($0.commitTime) })
        #expect(buffer.transactions.contains { $0.commitTime == 757_382_400_000_000 })
        var before = 0
        for transaction in buffer.transactions {
            #expect(transaction.changeCount >= before)
            before = transaction.changeCount
        }
        #expect(before == buffer.changes.count)
    }

    @Test(arguments: Recording.all)
    func `relations are announced with identity, key columns and types`(recording: Recording) throws {
        let (buffer, _) = try decodeAll(recording.text)
        func relation(_ name: String) throws -> Relation {
            try #require(buffer.relations.first { $0.name.name == name })
        }
        let plain = try relation("plain")
        #expect(plain.replicaIdentity == .default)
        #expect(plain.columns.map(\.name) == ["id", "name", "long", "feeling", "size", "at", "twice"])
        #expect(plain.columns.map(\.isKey) == [true, false, false, false, false, false, false])
        #expect(plain.columns[0].type == 23 && plain.columns[1].type == 25 && plain.columns[5].type == 1184)
        // The stream names a domain by its own OID.
        #expect(plain.columns[4].type.rawValue > 16384)
        let odd = try relation("Tüte \"7\"")
        #expect(odd.name.schema == "Odd Schema")
        #expect(odd.replicaIdentity == .index)
        #expect(odd.columns.map(\.isKey) == [true, true, false])
        #expect(odd.columns.map(\.typeModifier) == [-1, 13, 9 << 16 | 2 + 4])
        #expect(try relation("whole").replicaIdentity == .full)
        #expect(try relation("whole").columns.allSatisfy(\.isKey))
        #expect(try relation("blind").replicaIdentity == .nothing)
    }

    @Test(arguments: Recording.all)
    func `a relation announced again keeps its index until its content differs`(recording: Recording) throws {
        let (buffer, events) = try decodeAll(recording.text)
        var indices: [String: [Int]] = [:]
        for case .relation(let index) in events {
            indices[buffer.relations[index].name.name, default: []].append(index)
        }
        let blind = try #require(indices["blind"])
        #expect(blind.count == 3)
        #expect(blind[0] == blind[1])
        #expect(blind[2] == blind[1] + buffer.relations[(blind[1] + 1)...].count)
        #expect(buffer.relations[blind[2]].columns.map(\.name) == ["v", "w"])
        #expect(Set(indices["plain"] ?? []).count == 1)
        #expect(Set(buffer.relations.map { "\($0)" }).count == buffer.relations.count)
    }

    @Test func `a new decoder finds the relations of a buffer that lived on`() throws {
        let messages = Recording.all[0].text
        let (buffer, first) = try decodeAll(messages)
        let known = buffer.relations
        buffer.removeAll()
        let second = try decodeAll(messages, into: buffer)
        #expect(first == second)
        #expect(buffer.relations == known)
        #expect(buffer.lines == Self.expected)
    }

    @Test(arguments: Recording.all)
    func `logical messages come with prefix, content and place`(recording: Recording) throws {
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        var found: [LogicalMessage] = []
        for message in recording.binary where try decoder.decode(message.bytes, into: buffer) == .message {
            found.append(try #require(decoder.logicalMessage))
            #expect(decoder.isInTransaction == found.last?.isTransactional)
        }
        let recorded = recording.binary.filter { $0.type == "M" }
        #expect(
            found == [
                LogicalMessage(
                    prefix: "inside", content: Array("with the transaction".utf8), isTransactional: true,
                    lsn: recorded[0].lsn),
                LogicalMessage(prefix: "outside", content: [0, 1, 0xFF], isTransactional: false, lsn: recorded[1].lsn),
            ])
    }

    @Test func `an empty transaction gives a commit too`() throws {
        let messages = Recording.all[0].text
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        #expect(try decoder.decode(messages[0].bytes, into: buffer) == .begin)
        let commit = try #require(messages.first { $0.type == "C" })
        #expect(try decoder.decode(commit.bytes, into: buffer) == .commit)
        #expect(buffer.transactions.map(\.changeCount) == [0])
        #expect(buffer.changes.isEmpty)
    }

    @Test func `a second pass over the same stream needs no new storage`() throws {
        let messages = Recording.all[0].binary
        let (buffer, _) = try decodeAll(messages)
        let capacities = [buffer.bytes.capacity, buffer.fields.capacity, buffer.changes.capacity]
        buffer.removeAll()
        _ = try decodeAll(messages, into: buffer)
        #expect([buffer.bytes.capacity, buffer.fields.capacity, buffer.changes.capacity] == capacities)
    }

    // MARK: What is not as it should be

    @Test(arguments: Recording.all)
    func `every message that is cut short or goes on is refused and leaves the buffer as it was`(
        recording: Recording
    ) throws {
        for messages in [recording.binary, recording.text] {
            var decoder = PgOutputDecoder()
            let buffer = ChangeBuffer()
            for message in messages {
                let before = Extent(buffer)
                // The long values' insides are all alike.
                let cuts = message.bytes.indices.filter { $0 < 300 || $0 % 97 == 0 || $0 > message.bytes.count - 40 }
                for end in cuts {
                    var copy = decoder
                    #expect(throws: PgOutputError.self, "\(message.type) cut to \(end)") {
                        try copy.decode(Array(message.bytes[..<end]), into: buffer)
                    }
                    #expect(Extent(buffer) == before)
                }
                var copy = decoder
                #expect(throws: PgOutputError.self, "\(message.type) with a byte more") {
                    try copy.decode(message.bytes + [0], into: buffer)
                }
                #expect(Extent(buffer) == before)
                _ = try decoder.decode(message.bytes, into: buffer)
            }
            #expect(buffer.changes.count == Self.expected.count)
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `damaged messages never trap and never point outside the buffer`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let messages = Recording.all[0].binary.filter { $0.bytes.count < 200 }
        var refused = 0
        for _ in 0..<200 {
            var decoder = PgOutputDecoder()
            let buffer = ChangeBuffer()
            for message in messages {
                var bytes = message.bytes
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let place = Int.random(in: bytes.indices, using: &random)
                    bytes[place] = UInt8.random(in: 0...255, using: &random)
                }
                do throws(PgOutputError) {
                    _ = try decoder.decode(bytes, into: buffer)
                } catch {
                    refused += 1
                }
            }
            #expect(buffer.isSound, "seed \(seed)")
        }
        #expect(refused > 0)
    }

    @Test func `messages out of order are refused`() throws {
        let messages = Recording.all[0].text
        let commits = messages.filter { $0.type == "C" }
        let insert = try #require(messages.first { $0.type == "I" })
        let relation = try #require(messages.first { $0.type == "R" })
        let begin = messages[0]
        func reason(_ sequence: [[UInt8]]) -> PgOutputError.Reason? {
            var decoder = PgOutputDecoder()
            let buffer = ChangeBuffer()
            for (index, bytes) in sequence.enumerated() {
                do throws(PgOutputError) {
                    _ = try decoder.decode(bytes, into: buffer)
                } catch {
                    #expect(index == sequence.count - 1)
                    return error.reason
                }
            }
            return nil
        }
        #expect(reason([insert.bytes]) == .order)
        #expect(reason([commits[0].bytes]) == .order)
        #expect(reason([begin.bytes, begin.bytes]) == .order)
        #expect(reason([begin.bytes, commits[1].bytes]) == .order)
        #expect(reason([begin.bytes, insert.bytes]) == .unknownRelation)
        #expect(reason([begin.bytes, Array("Z".utf8)]) == .unknownMessage)
        #expect(reason([[]]) == .truncated)
        var narrow = insert.bytes
        narrow[7] -= 1
        #expect(reason([begin.bytes, relation.bytes, narrow]) == .columnCount)
        #expect(reason([begin.bytes, relation.bytes, insert.bytes, commits[0].bytes]) == nil)
    }

    @Test func `an error names message, relation and byte`() throws {
        let messages = Recording.all[0].text
        let insert = try #require(messages.first { $0.type == "I" })
        var decoder = PgOutputDecoder()
        let buffer = ChangeBuffer()
        _ = try decoder.decode(messages[0].bytes, into: buffer)
        let error = #expect(throws: PgOutputError.self) { try decoder.decode(insert.bytes, into: buffer) }
        let oid = insert.bytes[1...4].reduce(0) { $0 << 8 | UInt32($1) }
        #expect(error?.relation == OID(rawValue: oid))
        #expect(error?.description == "pgoutput message 'I' of relation \(oid): relation was never announced at byte 1")
    }

    // MARK: Helpers

    private func decodeAll(_ messages: [RecordedMessage]) throws -> (ChangeBuffer, [PgOutputEvent]) {
        let buffer = ChangeBuffer()
        return (buffer, try decodeAll(messages, into: buffer))
    }

    private func decodeAll(_ messages: [RecordedMessage], into buffer: ChangeBuffer) throws -> [PgOutputEvent] {
        var decoder = PgOutputDecoder()
        var events: [PgOutputEvent] = []
        for message in messages { events.append(try decoder.decode(message.bytes, into: buffer)) }
        return events
    }

    /// How much a buffer holds.
    private struct Extent: Equatable {
        var counts: [Int]

        init(_ buffer: ChangeBuffer) {
            counts = [
                buffer.bytes.count, buffer.fields.count, buffer.changes.count, buffer.transactions.count,
                buffer.relations.count,
            ]
        }
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
