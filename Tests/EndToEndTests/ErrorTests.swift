// Part of Lockstep. See LICENSE.

import Foundation
import TestSupport
import Testing

/// What an operator sees when something is wrong: what, where, what to do, and that nothing is lost.
@Suite(.postgres())
struct `When something is wrong` {
    private static let schema = """
        CREATE TABLE customer (id int PRIMARY KEY, email text);
        INSERT INTO customer SELECT i, 'c' || i FROM generate_series(1, 5) i;
        """

    @Test(arguments: GraphServer.kinds)
    func `a change that the graph refuses stops the run with the checkpoint unmoved, and nothing is lost`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "refused", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            _ = try await project.graph.query(
                "CREATE CONSTRAINT own IF NOT EXISTS FOR (n:Customer) REQUIRE n.email IS UNIQUE")
            try await project.sql("INSERT INTO customer VALUES (6, 'c6')")
            try await project.sql("INSERT INTO customer VALUES (7, 'c1')")
            try await project.sql("INSERT INTO customer VALUES (8, 'c8')")
            let refused = try await project.lockstep("run")
            #expect(refused.exit == .code(3))
            #expect(refused.errors.contains("the graph refused a change"))
            #expect(refused.errors.contains("public.customer"))
            #expect(refused.errors.contains("checkpoint has not moved"))
            // What was committed before it is there, the culprit and what follows is not.
            #expect(try await project.cypher("MATCH (n:Customer) WHERE n.id > 5 RETURN n.id ORDER BY n.id") == "6")
            try await project.sql("UPDATE customer SET email = 'c7' WHERE id = 7")
            for constraint in ["own", "Customer[email]"] {
                _ = try? await project.graph.query("DROP CONSTRAINT `\(constraint)` IF EXISTS")
            }
            for index in ["Customer[email]"] { _ = try? await project.graph.query("DROP INDEX `\(index)` IF EXISTS") }
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }

    @Test func `a value that has no place in the graph stops with table, column and remedy`() async throws {
        let schema = "CREATE TABLE event (id int PRIMARY KEY, at timestamptz); INSERT INTO event VALUES (1, now());"
        try await Project.on(.arcadeDB, "value", schema: schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            try await project.sql("INSERT INTO event VALUES (2, 'infinity')")
            let stopped = try await project.lockstep("run")
            #expect(stopped.exit == .code(3))
            for part in ["public.event", "\"at\"", "as: string"] { #expect(stopped.errors.contains(part), "\(stopped)") }
            try await project.sql("UPDATE event SET at = now() WHERE id = 2; DELETE FROM event WHERE id = 2")
            // The change is still in the stream: the mapping has to take it.
            try project.edit { $0 = $0.replacing("at: at", with: "at: {property: at, as: string}") }
            let again = try start(project, "--resnapshot")
            try await again.says("streaming")
            try await project.settle()
            try await project.expectEqual()
            try await again.stop()
        }
    }

    @Test func `a slot that is gone or was made anew is refused, and a new snapshot makes it right`() async throws {
        try await Project.on(.arcadeDB, "slot", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            try await project.sql("SELECT pg_drop_replication_slot('\(project.slot)')")
            try await project.sql("INSERT INTO customer VALUES (6, 'lost')")
            let gone = try await project.lockstep("run")
            #expect(gone.exit == .code(3))
            #expect(gone.errors.contains("the replication slot is gone"))
            #expect(gone.errors.contains("--resnapshot"))
            try await project.sql("SELECT pg_create_logical_replication_slot('\(project.slot)', 'pgoutput')")
            let anew = try await project.lockstep("run")
            #expect(anew.exit == .code(3))
            #expect(anew.errors.contains("moved past the graph"), "\(anew)")
            let running = try start(project, "--resnapshot")
            try await running.says("streaming")
            try await project.settle()
            try await project.expectEqual()
            try await running.stop()
        }
    }

    @Test func `a second run waits for the slot, names who has it, and takes over when it is free`() async throws {
        try await Project.on(.arcadeDB, "second", schema: Self.schema) { project in
            try await project.propose()
            let first = try start(project)
            try await project.settle()
            let second = try start(project)
            try await second.says("in use")
            try await first.kill9()
            try await second.says("streaming", within: .seconds(60))
            try await project.sql("INSERT INTO customer VALUES (6, 'c6')")
            try await project.settle()
            try await project.expectEqual()
            try await second.stop()
        }
    }

    @Test func `a publication that lost a table is refused`() async throws {
        try await Project.on(.arcadeDB, "publication", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            try await project.sql(
                "CREATE TABLE other (id int PRIMARY KEY); ALTER PUBLICATION \(project.slot) SET TABLE other")
            let refused = try await project.lockstep("run")
            #expect(refused.exit == .code(3))
            #expect(refused.errors.contains("public.customer"), "\(refused)")
        }
    }

    @Test func `faults of the mapping are shown all at once, with line and column`() async throws {
        try await Project.on(.arcadeDB, "mapping", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { text in
                text = text.replacing("email: email", with: "emial: email")
                text += "\n  public.nothing:\n    label: Nothing\n    key: {id: id}\n"
            }
            let refused = try await project.lockstep("run")
            #expect(refused.exit == .code(2))
            let positions = refused.errors.matches(of: /lockstep\.yaml:\d+:\d+: error/)
            #expect(positions.count == 2, "\(refused)")
            #expect(refused.errors.contains("did you mean email"))
        }
    }

    @Test func `wrong passwords and a missing database are said at once, and no password is ever printed`() async throws {
        let postgres = try await PostgresServer(authentication: .scram)
        try await Project.on(.arcadeDB, "password", schema: Self.schema, postgres: postgres) { project in
            try await project.propose()
            let wrong = "wrong-secret-word"
            let source = try await project.lockstep("run", environment: ["PGPASSWORD": wrong])
            #expect(source.exit == .code(3))
            #expect(source.errors.contains("PostgreSQL refused the login"), "\(source)")
            let graph = try await project.lockstep("run", environment: ["LOCKSTEP_GRAPH_PASSWORD": wrong])
            #expect(graph.exit == .code(3))
            #expect(graph.errors.contains("the graph refused the login"), "\(graph)")
            for outcome in [source, graph] {
                #expect(!(outcome.output + outcome.errors).contains(wrong))
            }
            try project.edit { $0 = $0.replacing("/\(project.database)", with: "/nowhere") }
            let missing = try await project.lockstep("run")
            #expect(missing.exit == .code(3))
            #expect(missing.errors.contains("does not exist"), "\(missing)")
        }
    }

    @Test func `servers that are down are waited for, at the start and later`() async throws {
        let postgres = try await PostgresServer()
        try await Project.on(.arcadeDB, "down", schema: Self.schema, postgres: postgres) { project in
            try await project.propose()
            try await postgres.stop()
            let running = try start(project)
            try await running.says("PostgreSQL is not available")
            try await postgres.start()
            try await running.says("streaming", within: .seconds(60))
            try await project.settle()
            try await postgres.kill9()
            try await running.says("retrying")
            try await postgres.start()
            try await project.sql("INSERT INTO customer VALUES (6, 'c6')")
            try await project.settle()
            try await project.graph.stop()
            try await running.says("the graph is not available")
            try await project.sql("UPDATE customer SET email = 'later'")
            try await project.graph.start()
            try await project.settle()
            try await project.expectEqual()
            try await running.stop(signal: SIGINT)
        }
    }

    private func start(_ project: Project, _ arguments: String...) throws -> RunningLockstep {
        try project.start(["run"] + arguments)
    }
}
