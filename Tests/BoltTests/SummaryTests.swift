// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

private func summary(
    _ metadata: [String: BoltValue], _ version: BoltVersion = BoltVersion(4, 4), hadKeys: Bool = true,
    hadRecord: Bool = true
) throws -> BoltSummary {
    try BoltSummary(
        query: "RETURN 1", parameters: [:], metadata: metadata, server: BoltServer(address: "a:1", version: version),
        hadKeys: hadKeys, hadRecord: hadRecord)
}

private let defaults: [String: BoltValue] = ["OPERATION": "", "OPERATION_CODE": "0", "CURRENT_SCHEMA": "/"]

@Suite struct `A summary` {
    @Test func `of an old server has the statuses that a new one would send`() throws {
        let position: BoltValue = ["offset": 8, "line": 1, "column": 9]
        let warning: BoltValue = [
            "severity": "WARNING", "category": "HINT", "code": "Neo.ClientNotification.A.B", "title": "t",
            "description": "slow", "position": position,
        ]
        let statuses = try summary(["notifications": [["severity": "INFORMATION"], warning, ["severity": "ODD"]]])
            .statuses
        #expect(statuses.map(\.gqlStatus) == ["01N42", "00000", "03N42", "03N42"])
        #expect(statuses.map(\.isNotification) == [true, false, true, true])
        #expect(statuses[0].description == "slow")
        #expect(statuses[0].severity == .warning)
        #expect(statuses[0].classification == .hint)
        #expect(statuses[0].position == BoltInputPosition(position))
        #expect(
            statuses[0].diagnosticRecord
                == defaults.merging(["_severity": "WARNING", "_classification": "HINT", "_position": position]) { $1 })
        #expect(statuses[1].diagnosticRecord == defaults)
        #expect(statuses[2].description == "info: unknown notification")
        #expect(statuses[3].severity == .unknown)
        #expect(statuses[3].rawSeverity == "ODD")
    }

    @Test func `of an old server says whether there was data`() throws {
        #expect(try summary([:]).statuses == [.success])
        #expect(try summary([:], hadRecord: false).statuses == [.noData])
        #expect(try summary([:], hadKeys: false, hadRecord: false).statuses == [.omittedResult])
        // No data comes before a warning.
        let statuses = try summary(["notifications": [["severity": "WARNING"]]], hadRecord: false).statuses
        #expect(statuses.map(\.gqlStatus) == ["02000", "01N42"])
        #expect(statuses[1].description == "warn: unknown warning")
    }

    @Test func `of a new server has the notifications that an old one would send`() throws {
        let metadata: [String: BoltValue] = [
            "statuses": [
                ["gql_status": "00000", "status_description": "note: successful completion"],
                [
                    "gql_status": "01N01", "status_description": "warn: x", "neo4j_code": "Neo.A", "title": "t",
                    "description": "old words",
                    "diagnostic_record": [
                        "OPERATION": .null, "_severity": "WARNING", "_classification": "MADE_UP", "_x": [1],
                        "_position": ["offset": 8, "line": 1],
                    ],
                ],
            ]
        ]
        let summary = try summary(metadata, BoltVersion(5, 6))
        // Neither sorted nor mended.
        #expect(summary.statuses.map(\.gqlStatus) == ["00000", "01N01"])
        #expect(summary.statuses[0].diagnosticRecord == defaults)
        #expect(summary.statuses[1].diagnosticRecord["OPERATION"] == .null)
        #expect(summary.statuses[1].diagnosticRecord["_x"] == [1])
        let notifications = try #require(summary.notifications)
        #expect(notifications.count == 1)
        #expect(notifications[0].code == "Neo.A")
        #expect(notifications[0].description == "old words")
        #expect(notifications[0].severity == .warning)
        #expect(notifications[0].rawClassification == "MADE_UP")
        #expect(notifications[0].classification == .unknown)
        #expect(notifications[0].position == nil)
    }

    @Test func `tells no notifications from no word about them`() throws {
        #expect(try summary([:]).notifications == nil)
        #expect(try summary(["notifications": []]).notifications == [])
        #expect(try summary([:], BoltVersion(5, 6)).notifications == [])
    }

    @Test func `refuses a type of query that there is not`() throws {
        for type in ["r", "w", "rw", "s"] { #expect(try summary(["type": .string(type)]).queryType == type) }
        let error = #expect(throws: BoltError.self) { try summary(["type": "wr"]) }
        #expect(error?.kind == .protocolViolation)
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `knows of records that were thrown away`(isEmpty: Bool) async throws {
        let server = try FakeServer { connection in
            try connection.login(BoltVersion(5, 4))
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success(["fields": ["x"]])
            if !isEmpty { try connection.record([1]) }
            try connection.success(["type": "r"])
            try connection.expect(0x02)
        }
        let driver = server.driver()
        let statuses = try await driver.session().run("x").consume().statuses
        #expect(statuses == [isEmpty ? .noData : .success])
        await driver.close()
        try server.finish()
    }
}

@Suite struct `A failure` {
    @Test func `of an old server has a status too`() {
        let failure = BoltFailure(metadata: ["code": "Neo.ClientError.A.B", "message": "no"])
        #expect(failure.gqlStatus == nil)
        #expect(failure.gqlCause.gqlStatus == "50N42")
        #expect(
            failure.gqlCause.description == "error: general processing exception - unexpected error. no")
        #expect(failure.gqlCause.diagnosticRecord == defaults)
    }

    @Test func `of a new server has the server's`() {
        let failure = BoltFailure(metadata: [
            "neo4j_code": "Neo.ClientError.A.B", "message": "no", "gql_status": "22N01", "description": "error: x",
            "diagnostic_record": ["_classification": "CLIENT_ERROR"],
        ])
        #expect(failure.gqlCause.gqlStatus == "22N01")
        #expect(failure.gqlCause.diagnosticRecord["_classification"] == "CLIENT_ERROR")
        #expect(failure.gqlCause.diagnosticRecord["OPERATION_CODE"] == "0")
    }
}
