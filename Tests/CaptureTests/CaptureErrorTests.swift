// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Capture

/// The words of PostgreSQL 15 to 18 where the SQLSTATE alone does not tell.
@Suite struct CaptureErrorTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var state: String
        var message: String
        var kind: CaptureError.Kind
        var testDescription: String { "\(state) \(message)" }

        init(_ state: String, _ message: String, _ kind: CaptureError.Kind) {
            self.state = state
            self.message = message
            self.kind = kind
        }
    }

    @Test(arguments: [
        Case("55006", "replication slot \"s\" is active for PID 4711", .slotActive(pid: 4711)),
        Case("42704", "replication slot \"s\" does not exist", .slotMissing),
        Case("42704", "publication \"p\" does not exist", .publicationMissing),
        Case("42710", "replication slot \"s\" already exists", .slotExists),
        Case("53400", "all replication slots are in use", .noFreeSlot),
        Case("55000", "logical decoding requires wal_level >= logical", .walLevel),
        Case("55000", "logical decoding requires \"wal_level\" >= \"logical\"", .walLevel),
        Case("55000", "cannot read from logical replication slot \"s\"", .slotLost),
        Case("55000", "can no longer get changes from replication slot \"s\"", .slotLost),
        Case("55000", "can no longer access replication slot \"s\"", .slotLost),
        Case("58P01", "requested WAL segment 000000010000000000000001 has already been removed", .slotLost),
        Case("57P01", "terminating connection due to administrator command", .postgres),
        Case("42501", "must be superuser or replication role to start walsender", .postgres),
    ])
    func `PostgreSQL's error on a slot becomes one with a remedy`(example: Case) {
        let kind: PostgresError.Kind = .server
        let postgres = PostgresError(kind, sqlState: example.state, example.message, server: "h:1/d")
        let error = CaptureError(postgres, slot: "s", publication: "p")
        #expect(error.kind == example.kind)
        #expect(error.postgres == postgres)
        #expect(error.description.contains("h:1/d"))
    }

    @Test func `an error says where in the stream it was`() {
        let error = CaptureError(
            .protocolViolation, "the stream cannot be decoded", lsn: LSN("1/ABC"),
            relation: QualifiedName(schema: "public", name: "Orders"),
            decoding: PgOutputError(.truncated, messageType: 0x49, offset: 7))
        #expect(
            error.description == """
                the stream cannot be decoded, table public."Orders", at LSN 1/ABC: pgoutput message 'I': too short \
                at byte 7
                """)
    }
}
