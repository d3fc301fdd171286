// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Tables that are given another key while a pipeline lives, by migrations that know nothing of it.
@Suite(.oneAtATime, .postgres())
struct `A table with another key` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, code text NOT NULL, tenant int NOT NULL, name text);
        CREATE TABLE visit (id int PRIMARY KEY, tenant int NOT NULL, person int REFERENCES person, note text);
        CREATE TABLE device (id int PRIMARY KEY, serial text NOT NULL, name text);
        CREATE TABLE tag (id int PRIMARY KEY);
        CREATE TABLE tagged (visit int REFERENCES visit, tag int REFERENCES tag, note text, PRIMARY KEY (visit, tag));
        INSERT INTO person SELECT i, 'c' || i, i % 3, 'p' || i FROM generate_series(1, 500) i;
        INSERT INTO visit SELECT i, i % 500 % 3, nullif(i % 500, 0), 'n' || i FROM generate_series(1, 6000) i;
        INSERT INTO device SELECT i, 's' || i, 'd' FROM generate_series(1, 100) i;
        INSERT INTO tag SELECT i FROM generate_series(1, 20) i;
        INSERT INTO tagged SELECT i, i % 20 + 1, 'g' FROM generate_series(1, 100) i;
        """

    /// Deletes and changed keys on both sides of the change: the ones before it tell only the old key, the ones behind it only
    /// the new one.
    private static func work(_ round: Int) -> String {
        """
        UPDATE visit SET person = NULL WHERE person % 50 = \(round);
        DELETE FROM person WHERE id % 50 = \(round);
        UPDATE person SET name = 'w\(round)' WHERE id % 7 = \(round % 7);
        INSERT INTO person VALUES (\(1000 + round), 'k\(round)', 1, 'new');
        INSERT INTO visit VALUES (\(10000 + round), 1, \(1000 + round), 'v');
        DELETE FROM device WHERE id % 20 = \(round);
        INSERT INTO device VALUES (\(1000 + round), 'x\(round)', 'new');
        DELETE FROM tagged WHERE visit % 50 = \(round);
        UPDATE tagged SET tag = tag % 20 + 1, note = 'w\(round)' WHERE visit % 9 = \(round % 9);
        INSERT INTO tagged VALUES (\(2000 + round), 1, 'new');
        """
    }

    private static let change = """
        BEGIN;
        ALTER TABLE person DROP CONSTRAINT person_pkey CASCADE;
        ALTER TABLE person ADD PRIMARY KEY (tenant, id);
        UPDATE visit v SET tenant = p.tenant FROM person p WHERE p.id = v.person AND v.tenant <> p.tenant;
        ALTER TABLE visit ADD FOREIGN KEY (tenant, person) REFERENCES person (tenant, id) ON UPDATE CASCADE;
        COMMIT;
        ALTER TABLE device DROP CONSTRAINT device_pkey, ADD PRIMARY KEY (serial);
        ALTER TABLE tagged DROP CONSTRAINT tagged_pkey, ADD COLUMN id serial PRIMARY KEY;
        INSERT INTO tagged SELECT visit, tag, 'twice' FROM tagged WHERE visit % 5 = 0;
        """

    private func isFollowed(_ project: Project) async throws {
        try await project.settle()
        try await project.expectEqual()
        let joined = "SELECT count(*) FROM visit v JOIN person p ON p.id = v.person"
        let counted = try await project.cypher("MATCH (:Visit)-[:PERSON]->(p:Person) RETURN count(p)")
        #expect(try await project.sql(joined) == counted)
        let tagged = try await project.cypher("MATCH (:Visit)-[o:TAGGED]->(:Tag) RETURN count(o)")
        #expect(try await project.sql("SELECT count(*) FROM tagged") == tagged)
    }

    @Test(arguments: GraphServer.newest)
    func `has its nodes made anew, whatever the stream still brings of the old one`(kind: GraphServer.Kind) async throws
    {
        try await Project.on(kind, "rekeyed", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { $0.replace("tables:", with: "schemaChanges: {keyChanged: apply}\n\ntables:") }
            let running = try project.start(["run"])
            try await project.settle()
            try await running.kill9()
            // The stream holds both: rows that go by the old key, and by the new one.
            for round in 1..<4 { try await project.sql(Self.work(round)) }
            try await project.sql(Self.change)
            for round in 4..<7 { try await project.sql(Self.work(round)) }
            try await project.sql(
                "UPDATE person SET tenant = 5 WHERE id % 11 = 0; UPDATE device SET serial = 'y' || id WHERE id % 9 = 0")

            let again = try project.start(["run"])
            try await again.says("public.person: (id) is no key any more: its rows are known by (tenant, id)")
            try await again.kill9()
            try await project.sql(Self.work(7))
            try await project.whileRunning { running in
                try await project.sql(Self.work(8))
                try await running.loads("public.person", "public.visit", "public.device", "public.tagged")
                try await isFollowed(project)
                // While it runs, and back again.
                try await project.sql("ALTER TABLE device DROP CONSTRAINT device_pkey, ADD PRIMARY KEY (id)")
                try await project.sql(Self.work(9))
                try await project.sql("UPDATE device SET id = id + 5000 WHERE id % 7 = 3")
                try await running.says("public.device: the mapping makes something else of it")
                try await running.loads("public.device", times: 2)
                try await isFollowed(project)
                let status = try await project.succeed("status", "--json")
                #expect(status.contains("write key: {tenant: tenant, id: id} under public.person"), "\(status)")
            }
        }
    }

    @Test func `is left alone where the mapping says so, until it has its key again`() async throws {
        try await Project.on(try #require(GraphServer.newest.first), "unkeyed", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { $0.replace("tables:", with: "schemaChanges: {keyChanged: ignore}\n\ntables:") }
            try await project.whileRunning { running in
                try await project.settle()
                try await project.sql(
                    "ALTER TABLE device DROP CONSTRAINT device_pkey; DELETE FROM person WHERE false; INSERT INTO device VALUES (7777, 's', 'd')"
                )
                try await running.says("public.device: its key is no key any more: what it has made in the graph stays")
                try await project.sql(
                    "INSERT INTO device VALUES (7778, 's', 'd'); INSERT INTO person VALUES (7777, 'c', 1)")
                try await project.settle()
                #expect(try await project.cypher("MATCH (n:Device) WHERE n.id <> 7777 RETURN count(n)") == "100")
                #expect(try await project.cypher("MATCH (n:Person {id: 7777}) RETURN count(n)") == "1")
                try await project.sql("ALTER TABLE device ADD PRIMARY KEY (id); DELETE FROM device WHERE id < 10")
                try await running.says("public.device: the table is there again")
                try await running.loads("public.device")
                try await isFollowed(project)
            }
        }
    }
}
