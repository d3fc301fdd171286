// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

@testable import Bolt

@Suite struct `Time zones` {
    /// Whole and half hours, summer in the north, in the south, of half an hour, none, in winter.
    static let names = [
        "UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo",
        "Europe/Dublin", "Pacific/Chatham", "Africa/Casablanca", "Asia/Tehran",
    ]

    @Test(arguments: names)
    func `are as Foundation has them`(name: String) throws {
        let zone = try #require(ZoneDatabase.zone(name))
        let expected = try #require(TimeZone(identifier: name))
        var generator = SystemRandomNumberGenerator()
        // From 1970 to 2035: before and after, two versions of the database need not agree.
        let moments = (0..<500).map { _ in Int64.random(in: 0...2_051_222_400, using: &generator) }
        let wrong = moments.filter { moment in
            Int(zone.offset(at: moment)) != expected.secondsFromGMT(for: Date(timeIntervalSince1970: Double(moment)))
        }
        #expect(wrong.isEmpty)
        // The clock's time leads back to the moment, or to the other one at which it shows the same.
        let lost = moments.filter { moment in
            let local = moment + zone.offset(at: moment)
            let offset = zone.offset(atLocal: local)
            return zone.offset(at: local - offset) != offset
        }
        #expect(lost.isEmpty)
    }

    @Test func `give the first of two moments, and skip what a clock leaves out`() throws {
        let zone = try #require(ZoneDatabase.zone("Europe/Stockholm"))
        // 2022-10-30T02:30, which came twice.
        #expect(zone.offset(atLocal: 1_667_097_000) == 7200)
        // 2022-03-27T02:30, which never came.
        #expect(zone.offset(atLocal: 1_648_348_200) == 3600)
    }

    @Test(arguments: ["Europe/Neo4j", "", "/etc/passwd", "../../etc/passwd", "Europe/../UTC", ".", "UTC/", "a\0b"])
    func `that there are not are not looked for elsewhere`(name: String) {
        #expect(ZoneDatabase.zone(name) == nil)
    }

    @Test func `follow the rule for the years without transitions`() throws {
        let berlin = try #require(ZoneRule("CET-1CEST,M3.5.0,M10.5.0/3".utf8))
        #expect(berlin.offset(at: 2_540_246_399) == 7200)  // Before 2050-06-30T23:59:59Z.
        #expect(berlin.offset(at: 2_526_944_400 - 86_400 * 30) == 3600)  // In winter.
        // 2022-03-27T01:00Z and 2022-10-30T01:00Z.
        let changes: [(Int64, Int64, Int64)] = [(1_648_342_800, 3600, 7200), (1_667_091_600, 7200, 3600)]
        for (moment, before, after) in changes {
            #expect(berlin.offset(at: moment - 1) == before)
            #expect(berlin.offset(at: moment) == after)
            // 400 years later the calendar is the same.
            #expect(berlin.offset(at: moment + 146_097 * 86_400) == after)
        }
        let chatham = try #require(ZoneRule("<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45".utf8))
        #expect(chatham.offset(at: 1_641_000_000) == 13 * 3600 + 45 * 60)
        #expect(chatham.offset(at: 1_656_633_600) == 12 * 3600 + 45 * 60)
        #expect(try #require(ZoneRule("IST-5:30".utf8)).offset(at: 0) == 19_800)
        for moment in [Int64.min, Int64.max] { #expect([3600, 7200].contains(berlin.offset(at: moment))) }
    }

    @Test(arguments: [
        "", "CET", "C-1", "CET-1CEST", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0", "<CET-1", "CET-x",
    ])
    func `have no rule where it cannot be read`(text: String) { #expect(ZoneRule(text.utf8) == nil) }

    @Test func `are read from no file that is cut off or made up`() throws {
        let file = try #require(FileManager.default.contents(atPath: "/usr/share/zoneinfo/Europe/Stockholm"))
        let bytes = [UInt8](file)
        #expect(ZoneFile(bytes) != nil)
        for count in stride(from: 0, to: bytes.count, by: 7) { _ = ZoneFile(Array(bytes.prefix(count))) }
        #expect(ZoneFile(Array(bytes.prefix(100))) == nil)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var broken = bytes
            for _ in 0..<3 { broken[.random(in: 4..<200, using: &generator)] = .random(in: 0...255, using: &generator) }
            guard let zone = ZoneFile(broken) else { continue }
            for moment in [Int64.min, 0, 4_000_000_000, .max] { _ = zone.offset(atLocal: moment) }
        }
    }

    @Test func `turn a date-time into the form of an old server, and back`() throws {
        // 2022-06-07T11:52:05+02:00[Europe/Stockholm].
        let value = BoltValue.dateTimeZone(seconds: 1_654_595_525, nanoseconds: 7, zone: "Europe/Stockholm")
        let legacy = BoltValue.structure(tag: 0x66, fields: [1_654_602_725, 7, "Europe/Stockholm"])
        #expect(value.withLegacyTimes == legacy)
        let node = { BoltValue.node(BoltNode(id: 1, labels: [], properties: ["at": $0])) }
        let wraps: [(BoltValue) -> BoltValue] = [{ $0 }, { [$0] }, { ["a": [$0]] }, node]
        for wrap in wraps {
            #expect(wrap(legacy).withUTCTimes == wrap(value))
        }
        let unknown = BoltValue.structure(tag: 0x66, fields: [0, 0, "Europe/Neo4j"])
        #expect(unknown.withUTCTimes == unknown)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `go to a 4.4 server in UTC only where it said so`(isPatched: Bool) async throws {
        let value = BoltValue.dateTimeZone(seconds: 1_654_595_525, nanoseconds: 0, zone: "Europe/Stockholm")
        let legacy = BoltValue.structure(tag: 0x66, fields: [1_654_602_725, 0, "Europe/Stockholm"])
        let server = try FakeServer { connection in
            try connection.login(
                BoltVersion(4, 4), agent: "Neo4j/4.4.0", more: isPatched ? ["patch_bolt": ["utc"]] : [:])
            let sent = try connection.expect(0x10)[1]["at"]
            #expect(sent == (isPatched ? value : legacy))
            try connection.expect(0x3F)
            try connection.success(["fields": ["at"]])
            try connection.record([isPatched ? value : legacy])
            try connection.success(["type": "r"])
            try connection.expect(0x02)
        }
        let driver = server.driver()
        #expect(try await driver.session().run("RETURN $at AS at", ["at": value]).single() == [value])
        await driver.close()
        try server.finish()
    }
}
