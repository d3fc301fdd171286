// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

/// Somebody has changed the graph behind Lockstep's back.
@Suite(.oneAtATime, .postgres())
struct `Tables that are read again` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text, bio text, boss int REFERENCES person ON DELETE SET NULL);
        ALTER TABLE person ALTER bio SET STORAGE EXTERNAL;
        CREATE TABLE task (
            id bigint PRIMARY KEY, owner int REFERENCES person ON UPDATE CASCADE ON DELETE SET NULL, title text, body text);
        ALTER TABLE task ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE label (id int PRIMARY KEY, name text);
        CREATE TABLE task_label (
            task bigint REFERENCES task ON UPDATE CASCADE ON DELETE CASCADE, label int REFERENCES label, weight int,
            PRIMARY KEY (task, label));
        CREATE TABLE remark (id int PRIMARY KEY, task bigint, text text);
        INSERT INTO person SELECT i, 'p' || i, repeat('b', 2200) || i, nullif(i - 1, 0) FROM generate_series(1, 400) i;
        INSERT INTO task SELECT i, i % 400 + 1, 't' || i, CASE WHEN i % 5 = 0 THEN repeat('x', 2200) || i END
            FROM generate_series(1, 4000) i;
        INSERT INTO label SELECT i, 'l' || i FROM generate_series(1, 30) i;
        INSERT INTO task_label SELECT i, i % 30 + 1, i FROM generate_series(1, 3000) i;
        INSERT INTO remark SELECT i, i * 7, 'r' FROM generate_series(1, 1000) i;
        """

    /// All of it is something that only reading again mends.
    private static let damage = [
        "MATCH (n:Task) WHERE n.id % 10 = 3 DETACH DELETE n",
        "MATCH (n:Task) WHERE n.id % 10 = 4 SET n.title = 'wrong', n.body = 'wrong'",
        "MATCH (n:Task) WHERE n.id % 10 = 5 REMOVE n.title, n.body",
        "MATCH (n:Task)-[o:OWNER]->() WHERE n.id % 10 = 6 DELETE o",
        "MATCH (n:Task)-[o:OWNER]->() WHERE n.id % 10 = 7 DELETE o",
        "MATCH (n:Task), (p:Person {id: 1}) WHERE n.id % 10 = 7 CREATE (n)-[:OWNER]->(p)",
        "MATCH (n:Task)-[o:TASK_LABEL]->() WHERE n.id % 10 = 8 DELETE o",
        "MATCH (n:Task)-[o:TASK_LABEL]->() WHERE n.id % 10 = 9 SET o.weight = -5",
        "MATCH (n:Task), (l:Label) WHERE n.id > 3900 AND l.id < 4 CREATE (n)-[:TASK_LABEL {weight: 1}]->(l)",
        "MATCH (p:Person {id: 2}) CREATE (n:Task {id: 100000, title: 'nobody'})-[:OWNER]->(p)",
        "CREATE (n:Task {title: 'nothing'})",
        "MATCH (n:Task)-[:OWNER]->(p) WHERE n.id % 10 = 1 CREATE (n)-[:OWNER]->(p)",
        "MATCH (n:Task)-[o:TASK_LABEL]->(l) WHERE n.id % 10 = 2 CREATE (n)-[:TASK_LABEL {weight: -1}]->(l)",
        "MATCH (l:Label {id: 5}) SET l.name = 'wrong'",
        "MATCH (p:Person) WHERE p.id % 9 = 1 DETACH DELETE p",
    ]

    /// Statements of somebody at work.
    private static func work(_ round: Int) -> String {
        let r = round % 97
        return """
            UPDATE task SET title = 'v\(round)' WHERE id % 97 = \(r);
            UPDATE task SET id = id + 10000 WHERE id % 970 = \(r) AND id < 10000;
            UPDATE task SET owner = id % 390 + 1 WHERE id % 89 = \(r);
            DELETE FROM task WHERE id % 1500 = \(r);
            INSERT INTO task VALUES (\(20000 + round), 7, 'new', repeat('n', 2300));
            INSERT INTO task_label VALUES (\(20000 + round), \(r % 30 + 1), \(round));
            UPDATE task_label SET weight = weight + 1 WHERE task % 97 = \(r);
            UPDATE person SET name = 'w\(round)' WHERE id % 97 = \(r);
            UPDATE person SET boss = 3 WHERE id % 97 = \(r) AND id > 3;
            UPDATE remark SET task = task + 7 WHERE id % 97 = \(r);
            """
    }

    private static func whileWorking<Value: Sendable>(
        _ project: Project, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let stop = StopSignal()
        async let worker: Void = {
            var round = 0
            while !stop.isStopped, round < 60 {
                try await project.sql(work(round))
                round += 1
            }
        }()
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        stop.stop()
        try await worker
        return try result.get()
    }

    private static func edit(_ project: Project) throws {
        try project.edit { text in
            text.replace(
                "label: Remark  ",
                with: """
                    label: Remark
                        relationships: [{type: ABOUT, columns: [task], references: public.task, enforced: false}]
                        #
                    """)
            text += "\nbatch: {rows: 500}\n"
        }
    }

    @Test(arguments: GraphServer.outermost)
    func `are as they should be again, while they change`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "resync", schema: Self.schema) { project in
            try await project.propose()
            try Self.edit(project)
            try await project.whileRunning { running in
                try await project.settle()
                for text in Self.damage { _ = try await project.cypher(text) }
                #expect(try await project.lockstep("verify", "--full").exit == .code(1))
                try await Self.whileWorking(project) {
                    let said = try await project.succeed("resync", "task", "public.person", "task_label", "label")
                    #expect(
                        said.contains("asked for public.task\n") && said.contains("done with public.person"), "\(said)")
                }
                try await running.says("loaded: public.label, public.person, public.task, public.task_label")
                try await project.settle()
                try await project.expectEqual()
                #expect(try await project.cypher("MATCH (l:LockstepLoad) RETURN count(l)") == "0")
                // And the stream goes on in its usual way.
                try await project.sql(Self.work(9000))
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `go on where they were after kill -9, and mend only what was asked for`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "resumed", schema: Self.schema) { project in
            try await project.propose()
            try Self.edit(project)
            let first = try project.start(["run"])
            try await project.settle()
            for text in Self.damage { _ = try await project.cypher(text) }
            let running = try await Self.whileWorking(project) {
                var running = first
                // A condition on the key's columns reaches what no row has, too, and those who refer to it.
                try await project.succeed("resync", "public.task", "--where", "id % 10 = 3 OR id = 100000")
                let found = try await project.cypher(
                    "MATCH (n:Task) WHERE n.id < 5000 AND n.id % 10 = 3 RETURN count(n) > 300")
                #expect(found == "true")
                #expect(try await project.cypher("MATCH (n:Task {id: 100000}) RETURN count(n)") == "0")
                #expect(try await project.cypher("MATCH (l:Label {name: 'wrong'}) RETURN count(l)") == "1")
                for pass in ["nodes", "relationships"] {
                    if pass == "nodes" { try await project.succeed("resync", "--all", "--no-wait") }
                    try await eventually("it is in the pass \(pass)", within: .seconds(60), every: .milliseconds(5)) {
                        try await project.cypher("MATCH (l:LockstepLoad {pass: '\(pass)'}) RETURN count(l) > 0")
                            == "true"
                    }
                    try await running.kill9()
                    running = try project.start(["run"])
                }
                try await project.settleLoads()
                return running
            }
            try await project.settle()
            try await project.expectEqual()
            try await running.stop()
        }
    }

    @Test func `wait for whoever has locked one, and the stream does not`() async throws {
        try await Project.on(try #require(GraphServer.newest.first), "locked", schema: Self.schema) { project in
            try await project.propose()
            try Self.edit(project)
            try await project.whileRunning { running in
                try await project.settle()
                for text in Self.damage { _ = try await project.cypher(text) }
                for pass in ["nodes", "leftovers", "relationships"] {
                    let locking = try PostgresConnection(
                        PostgresConfiguration(project.postgres.url(database: project.database)))
                    try await project.succeed("resync", "--all", "--no-wait")
                    try await eventually("it is in the pass \(pass)", within: .seconds(60), every: .milliseconds(2)) {
                        try await project.cypher("MATCH (l:LockstepLoad {pass: '\(pass)'}) RETURN count(l) > 0")
                            == "true"
                    }
                    try locking.execute("BEGIN; LOCK TABLE task")
                    let waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'task'::regclass"
                    try await eventually("it waits for the lock, or is done", within: .seconds(60)) {
                        if try await project.sql(waits) == "t" { return true }
                        return try await project.cypher("MATCH (l:LockstepLoad) RETURN count(l)") == "0"
                    }
                    try await project.sql("UPDATE remark SET text = '\(pass)'")
                    try await project.settle()
                    #expect(try await project.cypher("MATCH (r:Remark) RETURN DISTINCT r.text") == "\(pass)")
                    locking.close()
                    try await project.settleLoads()
                }
                try await project.expectEqual()
                #expect(!running.log.contains("retrying"), "\(running.log.suffix(3000))")
            }
        }
    }

    @Test func `are refused by name, and wait for somebody who reads them`() async throws {
        try await Project.on(GraphServer.kinds[0], "asked", schema: Self.schema) { project in
            try await project.propose()
            let early = try await project.lockstep("resync", "task")
            #expect(early.exit == .code(3) && early.errors.contains("the first read of"), "\(early)")
            try await project.whileRunning { _ in try await project.settle() }
            for (words, part) in [
                (["nobody"], "\"nobody\""), ([], "--all"), (["task", "person", "--where", "id = 1"], "one table"),
                (["task", "--where", "color = 1"], "color"), (["task", "--where", "id = "], "syntax error"),
            ] {
                let running = try project.start(["resync"] + words)
                #expect(try await running.process.waitForExit(within: .seconds(20)) == .code(2), "\(running.log)")
                #expect(running.log.contains(part), "\(running.log)")
            }
            _ = try await project.cypher("MATCH (n:Task) WHERE n.id < 100 DETACH DELETE n")
            let asked = try await project.lockstep("resync", "task", "--where", "title = 't7'")
            #expect(asked.exit == .code(1) && asked.errors.contains("nobody runs"), "\(asked)")
            let status = try await project.succeed("status")
            #expect(status.contains(/loading +public.task \(resync\): waiting/), "\(status)")
            try await project.whileRunning { running in
                try await running.says("loaded: public.task")
                #expect(try await project.cypher("MATCH (n:Task) WHERE n.id < 100 RETURN n.id") == "7")
                // A condition that some rows refuse stops nothing.
                try await project.succeed("resync", "task", "--where", "1 / (id - 8) > 0")
                #expect(running.log.contains("public.task is not read any further"), "\(running.log)")
                try await project.succeed("resync", "--all")
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }
}
