// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

extension RequestEncoder {
    fileprivate func sent() -> [UInt8] { unsafe outgoing.unsent.withUnsafeBytes { unsafe Array($0) } }
}

@Suite struct `Requests` {
    @Test func `have the bytes of the manual`() {
        var encoder = RequestEncoder()
        encoder.commit()
        encoder.rollback()
        encoder.reset()
        encoder.goodbye()
        encoder.discard()
        encoder.pull(-1)
        encoder.pull(1000)
        #expect(
            encoder.sent()
                == chunked(hex("B012")) + chunked(hex("B013")) + chunked(hex("B00F")) + chunked(hex("B002"))
                + chunked(hex("B12F A1816E FF")) + chunked(hex("B13F A1816E FF")) + chunked(hex("B13F A1816E C903E8")))
    }

    @Test func `begin with what was asked for and nothing else`() {
        var encoder = RequestEncoder()
        encoder.begin(TransactionExtra())
        encoder.begin(
            TransactionExtra(
                database: "g", bookmarks: ["b"], metadata: ["a": 1], timeout: .microseconds(1500), mode: .read))
        let all =
            packed("bookmarks") + packed(["b"]) + packed("tx_timeout") + packed(2) + packed("tx_metadata")
            + packed(["a": 1]) + packed("mode") + packed("r") + packed("db") + packed("g")
        #expect(encoder.sent() == chunked(hex("B111A0")) + chunked(hex("B111A5") + all))
    }

    @Test func `run with parameters, and name the database only outside of a transaction`() {
        var encoder = RequestEncoder()
        encoder.run("RETURN $x", ["x": 1], extra: nil)
        encoder.run("RETURN 1", [:], extra: TransactionExtra(database: "g"))
        #expect(
            encoder.sent()
                == chunked(hex("B310") + packed("RETURN $x") + packed(["x": 1]) + packed([:]))
                + chunked(hex("B310") + packed("RETURN 1") + packed([:]) + packed(["db": "g"])))
    }

    @Test(arguments: [0, 1, 15, 16, 300, 70_000])
    func `take rows that are bytes already`(count: Int) {
        var rows = PackStreamBuffer()
        for row in 0..<count { rows.append([.integer(Int64(row)), "text"]) }
        let values = (0..<count).map { BoltValue.list([.integer(Int64($0)), "text"]) }
        var encoder = RequestEncoder()
        encoder.run("UNWIND $rows AS r RETURN r", rows: rows, count: count, extra: nil)
        #expect(
            encoder.sent()
                == chunked(
                    hex("B310") + packed("UNWIND $rows AS r RETURN r") + packed(["rows": .list(values)]) + [0xA0]))
    }

    @Test func `introduce the client as the version wants it`() throws {
        var configuration = BoltConfiguration(host: "h", user: "u", password: "p")
        configuration.notifications = .warning
        func hello(_ version: BoltVersion) throws -> [String: BoltValue] {
            var encoder = RequestEncoder()
            encoder.hello(configuration, version: version)
            let bytes = Array(encoder.sent().dropFirst(2).dropLast(2))
            var reader = PackStreamReader(unsafe bytes.span.bytes)
            let (tag, fields) = try reader.readStructureHeader()
            #expect(tag == 0x01)
            #expect(fields == 1)
            let extra = try reader.readMap()
            try reader.expectEnd()
            return extra
        }
        let credentials = ["scheme", "principal", "credentials"]
        #expect(Set(try hello(BoltVersion(4, 4)).keys) == Set(["user_agent", "patch_bolt"] + credentials))
        #expect(Set(try hello(BoltVersion(5, 0)).keys) == Set(["user_agent"] + credentials))
        #expect(Set(try hello(BoltVersion(5, 1)).keys) == ["user_agent"])
        #expect(Set(try hello(BoltVersion(5, 2)).keys) == ["user_agent", "notifications_minimum_severity"])
        for version in [BoltVersion(5, 3), BoltVersion(5, 8), BoltVersion(6, 1)] {
            let extra = try hello(version)
            #expect(Set(extra.keys) == ["user_agent", "bolt_agent", "notifications_minimum_severity"])
            #expect(extra["notifications_minimum_severity"] == "WARNING")
            #expect(extra["bolt_agent"]?["product"] != nil)
        }
        configuration.notifications = .serverDefault
        #expect(try hello(BoltVersion(5, 8))["notifications_minimum_severity"] == nil)
    }
}
