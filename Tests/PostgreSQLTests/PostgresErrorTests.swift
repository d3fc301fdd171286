// Part of Lockstep. See LICENSE.

import Testing

@testable import PostgreSQL

@Suite struct PostgresErrorTests {
    @Test(arguments: [
        ("57P03", PostgresError.Kind.unavailable, true), ("57P01", .unavailable, true), ("53300", .unavailable, true),
        ("08006", .closed, true), ("40P01", .conflict, true), ("28P01", .authentication, false),
        ("3D000", .missingDatabase, false), ("42501", .privilege, false), ("55006", .objectInUse, false),
        ("55000", .state, false), ("42P01", .missingObject, false), ("23505", .server, false),
    ])
    func `an SQLSTATE gives kind and whether to try again`(state: String, kind: PostgresError.Kind, transient: Bool) {
        let error = PostgresError(sqlState: state, message: "m", detail: nil, hint: nil, server: "h:1/d")
        #expect(error.kind == kind)
        #expect(error.isTransient == transient)
    }

    @Test func `row values stay out of data and constraint errors`() {
        let unique = PostgresError(
            sqlState: "23505", message: "duplicate key value violates unique constraint \"t_pkey\"",
            detail: "Key (id)=(4711) already exists.", hint: nil, server: "h:1/d")
        #expect(!unique.description.contains("4711"))
        let syntax = PostgresError(
            sqlState: "22P02", message: "invalid input syntax for type integer: \"4711\"", detail: nil, hint: nil,
            server: "h:1/d")
        #expect(
            syntax.description
                == "PostgreSQL at h:1/d: invalid input syntax for type integer (SQLSTATE 22P02)")
    }

    @Test func `the SQLSTATE of a connection error is found in any language`() throws {
        let text = """
            Verbindung zum Server auf »::1«, Port 5432 fehlgeschlagen: FATAL:  28P01: Passwort falsch für »bob«
            ORT:  auth_failed, auth.c:326
            """
        let found = try #require(ServerText.sqlState(in: text))
        #expect(found.sqlState == "28P01")
        #expect(found.message == "Passwort falsch für »bob«")
        #expect(ServerText.sqlState(in: "connection to server at \"::1\", port 1 failed: Connection refused") == nil)
        #expect(ServerText.sqlState(in: "") == nil)
    }
}
