// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// What is said when something is wrong, where it happened, what can be done; and that nothing is lost by it.
@Suite(.oneAtATime, .postgres(authentication: .scram))
struct `When something stands in the way` {
    private static let schema = """
        CREATE TABLE club (id int PRIMARY KEY, name text);
        CREATE TABLE member (id int PRIMARY KEY, club int REFERENCES club, name text);
        INSERT INTO club VALUES (1, 'a'), (2, 'b'); INSERT INTO member VALUES (1, 1, 'x'), (2, 2, 'y')
        """
    private static let oneKind = GraphServer.available.prefix(1)

    /// No password gets into anything that is printed.
    private func expectDiscreet(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        for secret in ["open sesame", "open%20sesame", "sesame", "hunter2"] {
            #expect(!text.contains(secret), "\(text)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `wrong passwords and missing databases are named, and end the run with exit code 3`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "wrong", schema: Self.schema) { project in
            try await project.propose()
            let wrong = try await project.lockstep("run", environment: ["PGPASSWORD": "hunter2"])
            #expect(wrong.exit == .code(3), "\(wrong)")
            #expect(wrong.errors.contains("password authentication failed"), "\(wrong)")
            expectDiscreet("\(wrong)")

            let database = project.database
            try project.edit { $0.substitute("/\(database)\n", with: "/nowhere\n") }
            let missing = try await project.lockstep("run")
            #expect(missing.exit == .code(3), "\(missing)")
            #expect(missing.errors.contains("\"nowhere\" does not exist"), "\(missing)")
            expectDiscreet("\(missing)")
            try project.edit { $0.substitute("/nowhere\n", with: "/\(database)\n") }

            // Where the graph asks for a password at all.
            guard project.graph.credentials != nil else { return }
            let graph = try await project.lockstep("run", environment: ["LOCKSTEP_GRAPH_PASSWORD": "hunter2"])
            #expect(graph.exit == .code(3), "\(graph)")
            #expect(graph.errors.contains("127.0.0.1:\(project.graph.port)"), "\(graph)")
            expectDiscreet("\(graph)")
        }
    }

    @Test(arguments: oneKind)
    func `an unknown column of the mapping is named with line and column`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "column", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { $0.substitute("      name: name", with: "      nmae: name") }
            let outcome = try await project.lockstep("run")
            #expect(outcome.exit == .code(2), "\(outcome)")
            let text = try String(contentsOf: project.mapping, encoding: .utf8)
            let line = try #require(
                text.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.contains("nmae") })
            #expect(outcome.errors.contains("lockstep.yaml:\(line + 1):7: error:"), "\(outcome)")
            #expect(outcome.errors.contains("did you mean name?"), "\(outcome)")
        }
    }

    @Test(arguments: GraphServer.kinds.prefix(1))
    func `a server that is down is waited for, at the start and later`(kind: GraphServer.Kind) async throws {
        let postgres = try await PostgresServer(authentication: .scram)
        try await Project.on(kind, "down", schema: Self.schema, postgres: postgres) { project in
            try await project.propose()
            try await project.graph.stop()
            let running = try project.start(["run"])
            try await running.says("retrying")
            try await project.graph.start()
            try await project.settle()
            try await project.expectEqual("after the graph came")

            try await postgres.stop(.fast)
            try await eventually("another retry is announced") { running.log.split(separator: "retrying").count > 2 }
            try await postgres.start()
            try await project.sql("INSERT INTO member VALUES (3, 1, 'z')")
            try await project.settle()

            try await project.graph.stop()
            try await project.sql("UPDATE member SET club = 2")
            try await project.graph.start()
            try await project.settle()
            try await project.expectEqual("after both went and came")
            expectDiscreet(running.log)
            try await running.stop(signal: SIGINT)

            // Stopped while a server is away, too.
            try await project.graph.stop()
            let waiting = try project.start(["run"])
            try await waiting.says("retrying")
            try await waiting.stop()
        }
    }

    @Test(arguments: oneKind)
    func `a slot that is gone stops the run, and reading everything again mends it`(kind: GraphServer.Kind) async throws
    {
        try await Project.on(kind, "gone", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            try await eventually("the slot is dropped") {
                (try? await project.sql("SELECT pg_drop_replication_slot('\(project.slot)')")) != nil
            }
            try await project.sql("DELETE FROM member WHERE id = 1; INSERT INTO club VALUES (3, 'c')")
            let outcome = try await project.lockstep("run")
            #expect(outcome.exit == .code(3), "\(outcome)")
            #expect(outcome.errors.contains("slot is gone") && outcome.errors.contains("--resnapshot"), "\(outcome)")
            try await project.whileRunning("--resnapshot") { running in
                try await running.says("streaming")
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }

    @Test(arguments: oneKind)
    func `a slot that another uses is waited for, with the process that has it`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "used", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            let holder = try ChildProcess(
                [
                    "pg_recvlogical", "-d", project.postgres.url(database: project.database), "-S", project.slot,
                    "--start", "-f", "-", "-o", "proto_version=1", "-o", "publication_names=\(project.slot)",
                ], output: URL(filePath: "/dev/null"))
            defer { holder.send(signal: SIGKILL) }
            let holding = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '\(project.slot)' AND active"
            let pid = try await eventually("the slot is held") {
                let pid = try await project.sql(holding)
                return pid.isEmpty ? nil : pid
            }
            try await project.whileRunning { running in
                try await running.says("slot is in use")
                #expect(running.log.contains(pid), "\(running.log)")
                holder.send(signal: SIGKILL)
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }

    @Test(arguments: oneKind)
    func `a publication that lacks a table stops the run`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "lacks", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            try await project.sql("ALTER PUBLICATION \"\(project.slot)\" DROP TABLE member")
            let outcome = try await project.lockstep("run")
            #expect(outcome.exit == .code(3), "\(outcome)")
            #expect(outcome.errors.contains("public.member") && outcome.errors.contains("publication"), "\(outcome)")
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `a change that the graph refuses stops the run where it stands, and goes through when the cause is gone`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "refused", schema: Self.schema) { project in
            try await project.propose()
            let checkpoint = "MATCH (c:LockstepCheckpoint {pipeline: '\(project.pipeline)'}) RETURN c.lsn"
            try await project.whileRunning { _ in try await project.settle() }
            // Somebody's own idea of order in the graph.
            try await project.graph.query("CREATE CONSTRAINT own IF NOT EXISTS FOR (n:Club) REQUIRE n.name IS UNIQUE")

            let running = try project.start(["run"])
            try await project.sql("INSERT INTO club VALUES (10, 'fine'); INSERT INTO member VALUES (10, 10, 'm')")
            try await project.settle()
            // In one batch: a good one, the bad one, a good one behind it.
            try await project.sql(
                "BEGIN; UPDATE member SET name = 'one'; COMMIT; BEGIN; INSERT INTO club VALUES (11, 'fine'); COMMIT;"
                    + "BEGIN; INSERT INTO club VALUES (12, 'later'); COMMIT")
            #expect(try await running.process.waitForExit(within: .seconds(60)) == .code(3), "\(running.log)")
            // ArcadeDB looks at uniqueness at COMMIT: no statement, and so no table, is known then; its message has the label.
            let place = kind.isNeo4j ? "public.club" : "Club"
            for part in ["the graph refused a change", place, "checkpoint has not moved", "transaction at"] {
                #expect(running.log.contains(part), "\(part) in: \(running.log)")
            }
            expectDiscreet(running.log)
            // What came before it is in the graph, it and what came behind is not.
            #expect(try await project.cypher("MATCH (m:Member {name: 'one'}) RETURN count(m)") == "3")
            #expect(try await project.cypher("MATCH (c:Club) WHERE c.id > 10 RETURN count(c)") == "0")
            let stopped = try await project.cypher(checkpoint)
            let again = try await project.lockstep("run")
            #expect(again.exit == .code(3), "\(again)")
            #expect(try await project.cypher(checkpoint) == stopped)

            try await project.graph.query("DROP CONSTRAINT own IF EXISTS")
            try await project.graph.query("DROP INDEX own IF EXISTS")
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }
}

extension String {
    fileprivate mutating func substitute(_ text: String, with other: String) {
        self = replacingOccurrences(of: text, with: other)
    }
}
