// Part of Lockstep. See LICENSE.

import TestServers
import TestSupport
import Testing

/// Constraints that are dropped, and made again, while a pipeline lives that goes by them.
@Suite(.oneAtATime, .postgres())
struct `A foreign key that goes` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text);
        CREATE TABLE visit (id int PRIMARY KEY, person int REFERENCES person, note text);
        CREATE TABLE likes (person int REFERENCES person, visit int REFERENCES visit, much int, PRIMARY KEY (person, visit));
        INSERT INTO person SELECT i, 'p' || i FROM generate_series(1, 100) i;
        INSERT INTO visit SELECT i, i % 100 + 1, 'n' FROM generate_series(1, 1000) i;
        INSERT INTO likes SELECT i % 100 + 1, i, i FROM generate_series(1, 500) i;
        """

    private static let dropping = """
        ALTER TABLE visit DROP CONSTRAINT visit_person_fkey; ALTER TABLE likes DROP CONSTRAINT likes_person_fkey;
        """

    /// Rows come before what they name, which goes and comes back, too.
    private static func work(_ round: Int) -> String {
        """
        INSERT INTO visit VALUES (\(2000 + round), \(3000 + round), 'early');
        INSERT INTO likes VALUES (\(3000 + round), \(2000 + round), 1);
        UPDATE visit SET person = \(3000 + round) WHERE id = \(10 + round);
        INSERT INTO person VALUES (\(3000 + round), 'late');
        DELETE FROM person WHERE id = \(20 + round);
        INSERT INTO person VALUES (\(20 + round), 'back');
        DELETE FROM person WHERE id = \(40 + round);
        """
    }

    private static let own = """
        MATCH (n) UNWIND [x IN labels(n) + keys(n) WHERE x STARTS WITH '_lockstep' OR x STARTS WITH 'LockstepWaiting'] AS x
        RETURN count(x)
        """

    @Test(arguments: GraphServer.newest)
    func `leaves its relationships where both rows are, whichever came first, until it is there again`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "unguarded", schema: Self.schema) { project in
            try await project.propose()
            let running = try project.start(["run"])
            try await project.settle()
            #expect(try await project.cypher(Self.own) == "0")
            // Nobody has looked at the catalog yet when the first of these come.
            try await project.sql(Self.dropping + Self.work(1))
            try await running.says("public.visit: no foreign key leads from (person) to public.person any more")
            try await running.kill9()
            try await project.sql(Self.work(2))
            try await project.whileRunning { running in
                try await project.sql(Self.work(3))
                try await running.loads("public.visit", "public.likes")
                try await project.sql(Self.work(4))
                try await Self.expectBoth(project)
                let status = try await project.succeed("status")
                #expect(status.contains("write enforced: false beside columns: [person]"), "\(status)")
                #expect(try await project.cypher(Self.own) != "0")

                try await project.sql(
                    """
                    DELETE FROM likes WHERE person NOT IN (SELECT id FROM person);
                    UPDATE visit SET person = 1 WHERE person NOT IN (SELECT id FROM person);
                    ALTER TABLE visit ADD CONSTRAINT again FOREIGN KEY (person) REFERENCES person;
                    ALTER TABLE likes ADD FOREIGN KEY (person) REFERENCES person
                    """)
                try await running.says("public.likes: a foreign key leads from (person) to public.person again")
                try await running.loads("public.visit", "public.likes", times: 2)
                try await Self.expectBoth(project)
                #expect(try await project.cypher(Self.own) == "0")
            }
            // Another one in its place is not told of.
            try await project.sql(
                """
                BEGIN; ALTER TABLE visit DROP CONSTRAINT again;
                ALTER TABLE visit ADD FOREIGN KEY (person) REFERENCES person ON DELETE CASCADE; COMMIT;
                UPDATE visit SET person = 2 WHERE id < 50
                """)
            try await project.whileRunning { running in
                try await project.settle()
                #expect(!running.log.contains("foreign key"), "\(running.log)")
            }
            try project.edit { $0.replace("tables:", with: "schemaChanges: {foreignKeyDropped: pause}\n\ntables:") }
            try await project.sql("ALTER TABLE visit DROP CONSTRAINT visit_person_fkey")
            let outcome = try await project.lockstep("run")
            #expect(outcome.exit == .code(3) && outcome.errors.contains("write enforced: false"), "\(outcome)")
        }
    }

    private static func expectBoth(_ project: Project) async throws {
        try await project.settle()
        try await project.expectEqual()
        for (table, pattern) in [("visit", "(:Visit)-[:PERSON]->(:Person)"), ("likes", "(:Person)-[:LIKES]->(:Visit)")]
        {
            let count = try await project.cypher("MATCH \(pattern) RETURN count(*)")
            #expect(
                try await project.sql("SELECT count(*) FROM \(table) t JOIN person p ON p.id = t.person") == count,
                "\(table)")
        }
    }
}
