// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Tables whose rows go to Cypher of their own: beside a label, and in place of one.
@Suite(.oneAtATime, .postgres(settings: ["logical_decoding_work_mem": "64kB"]))
struct `Cypher for a table` {
    private static let schema = """
        CREATE TABLE post (id int PRIMARY KEY, title text, tags text[]);
        CREATE TABLE visit (
            id int PRIMARY KEY, post int REFERENCES post ON UPDATE CASCADE ON DELETE CASCADE, seconds int, note text,
            secret text);
        ALTER TABLE visit ALTER note SET STORAGE EXTERNAL;
        INSERT INTO post SELECT i, 'p' || i, ARRAY['all', 't' || i % 5] FROM generate_series(1, 40) i;
        INSERT INTO visit SELECT i, i % 40 + 1, i, repeat('n', 2500 + i % 9) FROM generate_series(1, 300) i;
        """

    private static let tables = """
        tables:
          public.post:
            label: Post
            key: {id: id}
            properties: {title: title, tags: tags}
            cypher:
              upsert: |
                MATCH (p:Post {id: row.id})
                OPTIONAL MATCH (p)-[old:TAGGED]->(:Tag)
                DELETE old
                WITH DISTINCT p, row
                UNWIND coalesce(row.tags, []) AS name
                MERGE (t:Tag {name: name})
                MERGE (p)-[:TAGGED]->(t)
              delete: "MATCH (:Post {id: row.id})-[old:TAGGED]->(:Tag) DELETE old"
          public.visit:
            key: {id: id}
            properties: {post: post, seconds: seconds, note: text}
            exclude: [secret]
            cypher:
              upsert: |
                MATCH (p:Post {id: row.post})
                MERGE (v:Seen {id: row.id})
                SET v.title = p.title, v.speed = 1000 / row.seconds, v.length = size(row.text),
                    v.runs = coalesce(v.runs, 0) + 1 // how often
              # What went is known as it was: also what the stream says nothing of.
              delete: |
                MATCH (v:Seen {id: row.id}) DELETE v
                MERGE (g:Gone {length: size(row.text)}) SET g.visits = coalesce(g.visits, 0) + 1
        batch: {rows: 50, wholeRows: 400}
        """

    /// What the statements have made, held against what SQL says.
    private func expectMade(
        _ project: Project, _ note: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let seen = try await project.cypher("MATCH (v:Seen) RETURN v.id, v.title, v.speed, v.length ORDER BY v.id")
        let visits = try await project.sql(
            "SELECT v.id, p.title, 1000 / seconds, length(note) FROM visit v JOIN post p ON p.id = v.post ORDER BY 1")
        #expect(Self.lines(seen) == Self.lines(visits), "\(note)", sourceLocation: sourceLocation)
        let tagged = try await project.cypher(
            "MATCH (p:Post)-[:TAGGED]->(t:Tag) WITH p, t.name AS name ORDER BY p.id, name RETURN p.id, name")
        let tags = try await project.sql(
            "SELECT id, t FROM post, unnest(tags) t ORDER BY id, t COLLATE \"C\"")
        #expect(Self.lines(tagged) == Self.lines(tags), "\(note)", sourceLocation: sourceLocation)
    }

    private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }

    @Test(arguments: GraphServer.outermost)
    func `is run for what its rows become, once for each state that a batch leaves`(kind: GraphServer.Kind) async throws
    {
        try await Project.on(kind, "cypher", schema: Self.schema) { project in
            try await project.propose()
            try project.setTables(Self.tables)
            let checked = try await project.lockstep("check")
            try #require(checked.exit == .code(0), "\(checked)")
            try await project.whileRunning { _ in
                try await project.settle()
                try await expectMade(project, "after the first read")
                let status = try await project.succeed("status")
                #expect(status.contains("what the cypher of public.visit makes"), "\(status)")
                let verified = try await project.succeed("verify", "--full")
                #expect(verified.contains("not verified: what the cypher of public.post makes"), "\(verified)")
                // The note of row 1 is not in the stream of either of the first two.
                try await project.sql(
                    """
                    UPDATE visit SET seconds = 7 WHERE id = 1; UPDATE visit SET id = 1001 WHERE id = 1;
                    BEGIN; UPDATE visit SET id = -2 WHERE id = 2; UPDATE visit SET id = 2 WHERE id = 3;
                    UPDATE visit SET id = 3 WHERE id = -2; COMMIT;
                    DELETE FROM visit WHERE id = 10; INSERT INTO visit VALUES (10, 3, 4, 'short');
                    UPDATE post SET tags = '{new,all}' WHERE id < 4; UPDATE post SET tags = NULL WHERE id = 5;
                    UPDATE post SET id = 500 WHERE id = 7; DELETE FROM post WHERE id = 8;
                    """)
                try await project.settle()
                try await expectMade(project, "by the stream")
                try await project.expectEqual("by the stream", allowingMore: true)
            }
            try await killed(project)
            try await project.whileRunning { running in
                try await handedOnce(project)
                try await inParts(project, running)
                try await mended(project)
            }
            if kind.isNeo4j { try await refused(project) }
            try project.edit { text in
                text.replace(/\n  public.visit:(.|\n)*batch:/, with: "\n  public.visit: {skip: true}\nbatch:")
            }
            try await project.whileRunning { running in
                try await running.says("public.visit: it is not in the mapping any more")
                #expect(try await project.cypher("MATCH (v:Seen) RETURN count(v)") == "0")
                #expect(try await project.cypher("MATCH (v:LockstepRow__public__visit) RETURN count(v)") == "0")
            }
        }
    }

    /// Each row comes in a transaction of its own, and the program dies while they come: a statement that counts how often it
    /// was run tells.
    private func killed(_ project: Project) async throws {
        let running = try project.start(["run"])
        let writer = Task {
            try await project.sql(
                """
                DO $$ BEGIN FOR i IN 2001..2800 LOOP
                INSERT INTO visit VALUES (i, i % 5 + 1, i, 'in a stream'); COMMIT; END LOOP; END $$
                """)
        }
        try await eventually("some have come") {
            Int(try await project.cypher("MATCH (v:Seen) WHERE v.id > 2000 RETURN count(v)")) ?? 0 > 100
        }
        running.process.send(signal: SIGKILL)
        running.process.blockUntilExit()
        _ = try await writer.value
    }

    private func handedOnce(_ project: Project) async throws {
        try await project.settle()
        let runs = try await project.cypher("MATCH (v:Seen) WHERE v.id > 2000 RETURN count(v), sum(v.runs)")
        #expect(runs == "800|800")
        try await project.sql("DELETE FROM visit WHERE id BETWEEN 2001 AND 2300")
        try await project.settle()
        #expect(try await project.cypher("MATCH (g:Gone {length: 11}) RETURN g.visits") == "300")
        try await expectMade(project, "behind the kill")
    }

    private func inParts(_ project: Project, _ running: RunningLockstep) async throws {
        try await project.sql(
            """
            ALTER TABLE visit ALTER CONSTRAINT visit_post_fkey DEFERRABLE INITIALLY DEFERRED;
            BEGIN; UPDATE visit SET note = note || 'x', seconds = seconds + 1;
            DELETE FROM visit WHERE id % 3 = 0; UPDATE visit SET id = id + 10000 WHERE id % 7 = 0;
            INSERT INTO visit SELECT i, 600, 5, 'with a post that comes later' FROM generate_series(4001, 4100) i;
            INSERT INTO post VALUES (600, 'late', '{all}'); COMMIT
            """)
        try await project.settle()
        #expect(running.log.contains("applied in parts"), "\(running.log.suffix(2000))")
        try await expectMade(project, "in parts")
        // Each as its statement saw it last: none of the notes as the transaction that deletes them has made them.
        #expect(try await project.cypher("MATCH (g:Gone) WHERE g.length > 2508 RETURN count(g)") == "0")
        try await project.expectNoTraceOfParts()
        let many = "INSERT INTO visit SELECT i, 600, i, 'a' FROM generate_series(1, 500) i"
        try await project.sql("BEGIN; TRUNCATE visit; \(many); COMMIT")
        try await project.settle()
        try await expectMade(project, "truncated in parts")
        try await project.sql("TRUNCATE visit; \(many.replacing("500", with: "50"))")
        try await project.settle()
        try await expectMade(project, "truncated at once")
    }

    private func mended(_ project: Project) async throws {
        for damage in [
            "MATCH (v:Seen) WHERE v.id < 20 DELETE v", "MATCH (v:LockstepRow__public__visit {id: 30}) DELETE v",
            "CREATE (:LockstepRow__public__visit {id: 900, text: 'abc'}), (:Seen {id: 900})",
            "MATCH (p:Post {id: 1})-[o:TAGGED]->() DELETE o",
        ] { _ = try await project.cypher(damage) }
        try await project.succeed("resync", "--all")
        try await project.settle()
        try await expectMade(project, "mended by a resync")
        try await project.expectEqual("mended by a resync", allowingMore: true)
    }

    /// What the server refuses stops the pipeline, by the names of table and statement, without what it was about.
    private func refused(_ project: Project) async throws {
        let running = try project.start(["run"])
        try await project.sql("INSERT INTO visit VALUES (9000, 600, 0, 'nobody is to know')")
        #expect(try await running.process.waitForExit(within: .seconds(30)) == .code(3), "\(running.log)")
        #expect(running.log.contains("public.visit") && running.log.contains("cypher.upsert"), "\(running.log)")
        #expect(!running.log.contains("by zero") && !running.log.contains("nobody"), "\(running.log)")
        try project.edit { $0.replace("1000 / row.seconds", with: "1000 / nullif(row.seconds") }
        let check = try await project.lockstep("check")
        #expect(check.exit == .code(1) && check.output.contains("cypher.upsert of public.visit"), "\(check)")
        try project.edit { $0.replace("1000 / nullif(row.seconds", with: "1000 / nullOf(row.seconds)") }
        let unknown = try await project.lockstep("check")
        #expect(unknown.exit == .code(1) && unknown.output.contains("nullOf"), "\(unknown)")
        try project.edit { $0.replace("nullOf(row.seconds)", with: "(row.seconds + 1)") }
    }
}
