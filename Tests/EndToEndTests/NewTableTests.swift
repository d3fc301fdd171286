// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Tables that come to be while a pipeline lives whose mapping says `tableAdded: apply`.
@Suite(.oneAtATime, .postgres())
struct `A new table` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text);
        INSERT INTO person SELECT i, 'p' || i FROM generate_series(1, 200) i;
        CREATE TABLE aside (id int PRIMARY KEY);
        """

    /// One after the other as migrations make them, with rows in it before and behind.
    private static let visit = """
        BEGIN;
        CREATE TABLE visit (id int PRIMARY KEY, person int REFERENCES person, aside int REFERENCES aside, note text);
        INSERT INTO visit SELECT i, i % 200 + 1, NULL, 'n' || i FROM generate_series(1, 3000) i;
        COMMIT;
        INSERT INTO visit VALUES (5000, 1, NULL, 'behind');
        """

    private static func work(_ round: Int) -> String {
        """
        UPDATE visit SET person = id % 100 + 1 WHERE id % 31 = \(round);
        DELETE FROM visit WHERE id % 97 = \(round);
        INSERT INTO visit VALUES (\(6000 + round), 2, NULL, 'w');
        """
    }

    private static let policies = "schemaChanges: {tableAdded: apply, tableDropped: apply, columnAdded: apply}\n\n"

    @Test(arguments: GraphServer.newest)
    func `comes into the graph as init would write it, and is followed from then on`(kind: GraphServer.Kind)
        async throws
    {
        try await Project.on(kind, "adopted", schema: Self.schema) { project in
            try await project.propose()
            // A table that was there before stays out, whatever refers to it.
            try project.edit { text in
                let aside = try #require(text.firstMatch(of: #/  public\.aside:\n(    .*\n)+/#))
                text.replaceSubrange(aside.range, with: "")
                text.replace("tables:", with: Self.policies + "tables:")
            }
            let running = try project.start(["run"])
            try await project.settle()
            try await project.sql(Self.visit)
            try await running.says("public.visit: the table is new: it becomes a part of the mapping")
            try await running.kill9()
            try await project.sql(Self.work(1))

            try await project.whileRunning { running in
                for round in 2..<6 { try await project.sql(Self.work(round)) }
                try await running.loads("public.visit")
                try await project.settle()
                try await project.expectEqual("with visits")
                let counts = try await project.cypher("MATCH (:Visit)-[:PERSON]->(p:Person) RETURN count(p)")
                #expect(try await project.sql("SELECT count(*) FROM visit") == counts)
                #expect(try await project.cypher("MATCH (n:Aside) RETURN count(n)") == "0")

                // The label of one is somebody else's. Scratch tables are none, until they get a key; equal rows that are counted, relationships with a payload.
                _ = try await project.cypher("CREATE (:Taken {of: 'somebody'})")
                try await project.sql(
                    """
                    CREATE TABLE later AS SELECT id, name FROM person;
                    CREATE TABLE word AS SELECT id, id AS visit, 'w' AS text FROM visit WHERE id < 100
                    """)
                try await project.sql(
                    """
                    CREATE TABLE likes (person int REFERENCES person, visit int REFERENCES visit ON DELETE CASCADE, much int,
                        PRIMARY KEY (person, visit));
                    INSERT INTO likes SELECT i, i, i FROM generate_series(1, 50) i WHERE i IN (SELECT id FROM visit);
                    CREATE TABLE taken (id int PRIMARY KEY); INSERT INTO taken VALUES (1);
                    CREATE TABLE log (what text); ALTER TABLE log REPLICA IDENTITY FULL;
                    INSERT INTO log SELECT 'l' || i % 3 FROM generate_series(1, 30) i
                    """)
                try await running.says("public.likes: the table is new")
                try await running.says("it stays out of the graph: the graph has nodes labelled \"Taken\" that")
                _ = try await project.cypher("MATCH (n:Taken) DELETE n")
                try await project.sql("DROP TABLE taken")
                try await running.says("public.log: the table is new")
                #expect(!running.log.contains("public.later"), "\(running.log)")
                try await project.sql(
                    """
                    ALTER TABLE word ADD PRIMARY KEY (id); ALTER TABLE later ADD PRIMARY KEY (id);
                    ALTER TABLE visit ADD mood text
                    """)
                try await running.says("public.later: the table is new")
                // As a dump makes them.
                try await project.sql("ALTER TABLE word ADD FOREIGN KEY (visit) REFERENCES visit ON DELETE CASCADE")
                try await running.says("public.word: the table has new foreign keys: it becomes public.word -> (:Word)")
                try await running.says("column mood is new: it becomes the property mood")
                try await project.sql("UPDATE visit SET mood = 'm' WHERE id % 3 = 0; DELETE FROM log WHERE what = 'l1'")
                try await running.loads("public.likes", "public.log", "public.later")
                try await running.loads("public.word", times: 2)
                try await project.settle()
                try await project.expectEqual("with all of them")
                let named = try await project.cypher("MATCH (:Word)-[:VISIT]->(v:Visit) RETURN count(v)")
                #expect(try await project.sql("SELECT count(*) FROM word") == named)
            }
            // What init writes is what is there: nothing is read again, and nothing goes.
            try await project.sql("DROP TABLE aside CASCADE")
            try await project.succeed("init")
            try await project.whileRunning { running in
                try await project.sql("DROP TABLE later; UPDATE likes SET much = 7; ALTER TABLE visit RENAME TO stay")
                try await running.says("public.later: the table is gone")
                try await running.says("the table is called public.stay now")
                try await project.sql("UPDATE stay SET note = 'behind'")
                try await project.settle()
                try await project.expectEqual("as the file says")
                #expect(try await project.cypher("MATCH (n:Later) RETURN count(n)") == "0")
                #expect(!running.log.contains("load"), "\(running.log)")
            }
        }
    }
}
