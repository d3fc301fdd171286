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
        encoder.pull(1000, query: 3)
        encoder.discard(query: 0)
        encoder.logoff()
        encoder.telemetry(2)
        #expect(
            encoder.sent()
                == chunked(hex("B012")) + chunked(hex("B013")) + chunked(hex("B00F")) + chunked(hex("B002"))
                + chunked(hex("B12F A1816E FF")) + chunked(hex("B13F A1816E FF")) + chunked(hex("B13F A1816E C903E8"))
                + chunked(hex("B13F A2816E C903E8 83716964 03")) + chunked(hex("B12F A2816E FF 83716964 00"))
                + chunked(hex("B06B")) + chunked(hex("B154 02")))
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

    @Test(arguments: [BoltVersion(4, 3), BoltVersion(4, 4)])
    func `ask for a route as the version wants it`(version: BoltVersion) {
        var encoder = RequestEncoder()
        encoder.version = version
        encoder.route(["a": "b"], TransactionExtra(database: "g", bookmarks: ["b"]))
        encoder.route([:], TransactionExtra())
        let isOld = version == BoltVersion(4, 3)
        let (named, none): (BoltValue, BoltValue) = isOld ? ("g", .null) : (["db": "g"], [:])
        #expect(
            encoder.sent()
                == chunked(hex("B366") + packed(["a": "b"]) + packed(["b"]) + packed(named))
                + chunked(hex("B366 A0 90") + packed(none)))
    }

    private static let credentials: [(BoltAuth, BoltValue)] = [
        (.none, ["scheme": "none"]),
        (
            .basic(user: "u", password: "p", realm: "r"),
            ["scheme": "basic", "principal": "u", "credentials": "p", "realm": "r"]
        ),
        (.bearer(token: "t"), ["scheme": "bearer", "credentials": "t"]),
        (.kerberos(ticket: "t"), ["scheme": "kerberos", "principal": "", "credentials": "t"]),
        (
            .custom(scheme: "s", principal: "u", credentials: "c", realm: "r", parameters: ["x": 1]),
            ["scheme": "s", "principal": "u", "credentials": "c", "realm": "r", "parameters": ["x": 1]]
        ),
    ]

    @Test(arguments: credentials)
    func `give each kind of credentials`(auth: BoltAuth, entries: BoltValue) throws {
        var encoder = RequestEncoder()
        encoder.logon(auth)
        let bytes = Array(encoder.sent().dropFirst(2).dropLast(2))
        var reader = PackStreamReader(unsafe bytes.span.bytes)
        #expect(try reader.readValue() == .structure(tag: 0x6A, fields: [entries]))
        var dumped = ""
        dump(auth, to: &dumped)
        for secret in ["\"p\"", "\"t\"", "\"c\""] { #expect(!dumped.contains(secret)) }
    }

    @Test func `filter notifications as the version wants it`() {
        let filter = BoltNotificationFilter(minimumSeverity: .warning, disabledCategories: ["HINT"])
        func keys(_ version: BoltVersion) -> [String] { filter.entries(version).map(\.key) }
        #expect(keys(BoltVersion(5, 1)) == [])
        let severity = "notifications_minimum_severity"
        #expect(keys(BoltVersion(5, 4)) == [severity, "notifications_disabled_categories"])
        #expect(keys(BoltVersion(5, 6)) == [severity, "notifications_disabled_classifications"])
        #expect(BoltNotificationFilter.serverDefault.entries(BoltVersion(5, 8)).isEmpty)
        // An empty list switches on what the connection has switched off.
        #expect(BoltNotificationFilter(disabledCategories: []).entries(BoltVersion(5, 8)).map(\.value) == [[]])
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
        #expect(Set(try hello(BoltVersion(4, 2)).keys) == Set(["user_agent"] + credentials))
        #expect(Set(try hello(BoltVersion(4, 3)).keys) == Set(["user_agent", "patch_bolt"] + credentials))
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
