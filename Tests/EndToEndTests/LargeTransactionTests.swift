// Part of Lockstep. See LICENSE.

import Bolt
import PostgreSQL
import TestServers
import TestSupport
import Testing

/// Transactions that do not fit one graph transaction, nor the memory that PostgreSQL has for them.
@Suite(.oneAtATime, .postgres(settings: ["logical_decoding_work_mem": "64kB"]))
struct `A transaction that is applied in parts` {
    /// Customers, orders that refer to them and to each other, tags and what ties them to orders.
    private static let schema = """
        CREATE TABLE customer (id int PRIMARY KEY, name text, bio text);
        ALTER TABLE customer ALTER bio SET STORAGE EXTERNAL;
        CREATE TABLE purchase (
            id int PRIMARY KEY, note text,
            buyer int REFERENCES customer ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY IMMEDIATE,
            earlier int REFERENCES purchase ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY IMMEDIATE);
        CREATE TABLE tag (id int PRIMARY KEY, name text);
        CREATE TABLE purchase_tag (
            purchase int REFERENCES purchase ON UPDATE CASCADE ON DELETE CASCADE, tag int REFERENCES tag ON DELETE CASCADE,
            weight int, PRIMARY KEY (purchase, tag));
        CREATE TABLE stock (id int PRIMARY KEY, tag int REFERENCES tag ON DELETE CASCADE);
        CREATE TABLE visit (id int PRIMARY KEY, guest int REFERENCES customer DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO customer SELECT i, 'c' || i, repeat('b', 3000) FROM generate_series(1, 300) i;
        INSERT INTO purchase SELECT i, 'p', i % 300 + 1, nullif(i - 1, 0) FROM generate_series(1, 3000) i;
        INSERT INTO tag SELECT i, 't' || i FROM generate_series(1, 50) i;
        INSERT INTO purchase_tag SELECT i, i % 50 + 1, i FROM generate_series(1, 2000) i;
        INSERT INTO stock SELECT i, i % 50 + 1 FROM generate_series(1, 500) i;
        INSERT INTO visit SELECT i, 90 + i % 20 FROM generate_series(1, 100) i;
        """

    /// Some 25,000 changes of every kind.
    private static let everything = """
        BEGIN; SET CONSTRAINTS ALL DEFERRED;
        INSERT INTO purchase SELECT i, 'new', i % 300 + 1001, i + 1 FROM generate_series(10001, 16000) i;
        INSERT INTO purchase VALUES (16001, 'last', NULL, NULL);
        SAVEPOINT a; UPDATE purchase SET note = 'undone'; DELETE FROM purchase_tag; ROLLBACK TO a;
        INSERT INTO customer SELECT i, 'late', repeat('l', 2500) FROM generate_series(1001, 1300) i;
        UPDATE customer SET id = id + 2000 WHERE id <= 40;
        UPDATE customer SET name = 'renamed' WHERE id BETWEEN 41 AND 60;
        DELETE FROM customer WHERE id BETWEEN 61 AND 80;
        CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM purchase WHERE id BETWEEN 500 AND 900;
        DELETE FROM purchase WHERE id IN (SELECT id FROM kept);
        SAVEPOINT b; TRUNCATE tag CASCADE; ROLLBACK TO b;
        INSERT INTO purchase SELECT id, 'again', NULL, earlier FROM kept;
        UPDATE purchase SET buyer = 1001 + id % 100 WHERE id BETWEEN 700 AND 1200;
        UPDATE purchase_tag SET weight = 0 WHERE purchase % 3 = 0;
        UPDATE purchase_tag SET purchase = purchase + 1000 WHERE purchase BETWEEN 1901 AND 1990;
        DELETE FROM purchase_tag WHERE purchase % 7 = 0;
        UPDATE purchase SET id = id + 50000 WHERE id BETWEEN 2500 AND 2700;
        TRUNCATE stock; INSERT INTO stock SELECT i, i % 50 + 1 FROM generate_series(400, 1400) i;
        SAVEPOINT c; DELETE FROM customer WHERE id = 100; UPDATE purchase SET note = 'between';
        INSERT INTO customer VALUES (100, 'other', NULL); RELEASE c;
        UPDATE purchase SET note = 'done' WHERE id >= 10001;
        COMMIT;
        """

    @Test(arguments: GraphServer.kinds)
    func `ends as PostgreSQL is, whatever it does`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "large", schema: Self.schema) { project in
            try await project.propose()
            try project.applyInParts(of: 700, above: 2000)
            try await project.whileRunning { running in
                try await project.settle()
                try await project.sql(Self.everything)
                try await project.settle()
                #expect(running.log.contains("applied in parts"), "\(running.log.suffix(2000))")
                try await project.expectEqual()
                try await project.expectNoTraceOfParts()
                // What comes behind it goes the ordinary way, and knows nothing of foreign keys as they were.
                try await project.sql(
                    "UPDATE purchase SET buyer = 1005 WHERE id = 700; DELETE FROM customer WHERE id = 1006")
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `is continued where it was after kill -9, and readers can tell`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "killed", schema: Self.schema) { project in
            try await project.propose()
            try project.applyInParts(of: 100, above: 2000)
            try await project.whileRunning { _ in try await project.settle() }
            try await project.sql("INSERT INTO customer VALUES (9000, 'before', NULL)")
            try await project.sql(Self.everything)
            try await project.sql("INSERT INTO customer VALUES (9001, 'behind', NULL)")
            for pass in ["nodes", "relationships"] {
                let running = try project.start(["run"])
                let before = try await eventually("a part is in the graph: \(pass)", within: .seconds(60)) {
                    let partial = try await project.partial()
                    return partial.flatMap { $0.pass == pass && $0.changes > 300 ? $0.changes : nil }
                }
                try await running.kill9()
                #expect(try await project.cypher("MATCH (n:Customer {id: 9001}) RETURN count(n)") == "0")
                let again = try project.start(["run"])
                try await again.says("applied in parts from=", within: .seconds(60))
                try await again.kill9()
                let from = try #require(again.log.firstMatch(of: /parts from=(\w+):(\d+)/))
                #expect(from.1 != pass || (Int(from.2) ?? 0) >= before, "\(from.0), not \(pass):\(before)")
                #expect(pass == "nodes" || from.1 != "nodes")
            }
            let status = try await project.succeed("status", "--json")
            let shown = /"partial": \{"commitLsn": "\w+\/\w+", "pass": "\w+", "changes": \d+\}/
            #expect(status.contains(shown), "\(status)")
            try await project.whileRunning { running in
                try await project.settle()
                #expect(running.log.contains("applied in parts from="))
                try await project.expectEqual()
                try await project.expectNoTraceOfParts()
            }
        }
    }

    @Test(arguments: GraphServer.outermost)
    func `is one where a few changes truncate large tables`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "emptied", schema: Self.schema) { project in
            try await project.propose()
            try project.applyInParts(of: 700, above: 2000)
            try await project.whileRunning { running in
                try await project.settle()
                try await project.sql("BEGIN; TRUNCATE stock; INSERT INTO stock VALUES (1, 1); COMMIT")
                try await project.settle()
                #expect(!running.log.contains("applied in parts"))
                try await project.sql(
                    """
                    BEGIN; UPDATE customer SET name = 'gone'; INSERT INTO purchase VALUES (9999, 'gone', 1, NULL);
                    TRUNCATE customer, purchase_tag CASCADE; INSERT INTO customer VALUES (1, 'first', NULL);
                    INSERT INTO purchase VALUES (1, 'new', 1, NULL), (2, 'new', NULL, 1);
                    INSERT INTO purchase_tag VALUES (1, 1, 1); COMMIT
                    """)
                try await project.settle()
                #expect(running.log.contains("applied in parts"), "\(running.log.suffix(2000))")
                try await project.expectEqual()
                try await project.expectNoTraceOfParts()
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `is any of many random ones`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "random", schema: `A backlog of changes`.shop + `A backlog of changes`.tags) {
            project in
            try await project.propose()
            try project.applyInParts(of: 2, above: 1)
            try await project.followRandomChanges(600)
            try await project.expectNoTraceOfParts()
        }
    }

    @Test(arguments: GraphServer.newest)
    func `may change the table that it fills`(kind: GraphServer.Kind) async throws {
        let schema = """
            CREATE TABLE item (id int PRIMARY KEY, name text);
            INSERT INTO item SELECT i, 'i' || i FROM generate_series(1, 3000) i
            """
        try await Project.on(kind, "backfill", schema: schema) { project in
            try await project.propose()
            try project.applyInParts(of: 500, above: 1000)
            try project.edit { $0.replace("tables:", with: "schemaChanges: {columnAdded: apply}\n\ntables:") }
            try await project.whileRunning { running in
                try await project.settle()
                try await project.sql("BEGIN; ALTER TABLE item ADD mood text; UPDATE item SET mood = 'm' || id; COMMIT")
                try await project.settle()
                #expect(running.log.contains("applied in parts"))
                try await project.expectEqual()
                #expect(try await project.cypher("MATCH (n:Item) WHERE n.mood = 'm' + n.id RETURN count(n)") == "3000")
            }
        }
    }

    /// A table whose rows change places, one that names its rows by another column, and two that change beside them.
    private static let ranks = """
        CREATE TABLE rank (id int PRIMARY KEY DEFERRABLE, code text UNIQUE NOT NULL, name text, bio text);
        ALTER TABLE rank REPLICA IDENTITY FULL, ALTER bio SET STORAGE EXTERNAL;
        CREATE TABLE soldier (id int PRIMARY KEY, rank text REFERENCES rank (code) DEFERRABLE);
        CREATE TABLE country (id int PRIMARY KEY, code text UNIQUE NOT NULL);
        CREATE TABLE city (id int PRIMARY KEY, country text REFERENCES country (code));
        INSERT INTO rank SELECT i, 'c' || i, 'r' || i, repeat('b', 3000) FROM generate_series(1, 1500) i;
        INSERT INTO soldier SELECT i, 'c' || i FROM generate_series(1, 1500) i;
        INSERT INTO country SELECT i, 'c' || i FROM generate_series(1, 2000) i;
        INSERT INTO city SELECT i, 'c' || i FROM generate_series(1, 2000) i;
        """

    /// Most rows take others' keys, some go and some come; and behind it small transactions that do the same.
    private static func exchange(_ round: Int) -> String {
        """
        BEGIN; SET CONSTRAINTS ALL DEFERRED;
        UPDATE rank SET id = (SELECT min(id) + max(id) FROM rank) - id;
        DELETE FROM rank WHERE id % 10 = \(round) AND NOT EXISTS (SELECT FROM soldier s WHERE s.rank = code);
        INSERT INTO rank SELECT 10000 * \(round) + i, 'n\(round)' || i, 'new', 'b' FROM generate_series(1, 100) i;
        INSERT INTO soldier SELECT 10000 * \(round) + i, 'n\(round)' || i FROM generate_series(1, 50) i;
        UPDATE soldier SET rank = 'n\(round)' || (id % 100 + 1) WHERE id % 9 = \(round); DELETE FROM city WHERE id % 20 = \(round);
        COMMIT;
        BEGIN; SET CONSTRAINTS ALL DEFERRED; UPDATE rank SET id = 200 - id WHERE id BETWEEN 90 AND 110; COMMIT;
        UPDATE rank SET name = 'u\(round)' WHERE id % 50 = \(round);
        UPDATE rank SET id = id + 5000 WHERE id BETWEEN 100 * \(round) AND 100 * \(round) + 5;
        DELETE FROM rank WHERE id % 40 = 7 AND NOT EXISTS (SELECT FROM soldier s WHERE s.rank = code);
        INSERT INTO rank SELECT i, 'z\(round)' || i, 'z', NULL FROM generate_series(1, 2000) i
            WHERE i % 40 = 7 AND NOT EXISTS (SELECT FROM rank WHERE id = i);
        """
    }

    @Test(arguments: GraphServer.newest)
    func `passes over a table whose rows exchange their keys, which is read again`(kind: GraphServer.Kind) async throws
    {
        try await Project.on(kind, "exchanged", schema: Self.ranks) { project in
            try await project.propose()
            try project.applyInParts(of: 50, above: 300)
            try await project.whileRunning { running in
                try await project.settle()
                try await project.sql(Self.exchange(1))
                try await running.says("public.rank is read again behind the transaction")
                try await running.loads("public.rank")
                try await project.settle()
                try await project.expectEqual("while it runs")
                // It is to be read, and cannot yet, as is another one that somebody has locked: what comes meanwhile finds it
                // incomplete.
                let locking = try PostgresConnection(
                    PostgresConfiguration(project.postgres.url(database: project.database)))
                try locking.execute("BEGIN; LOCK TABLE country")
                try await project.succeed("resync", "country", "--no-wait")
                try await project.sql(Self.exchange(2))
                try await project.settle()
                let loads = "MATCH (l:LockstepLoad) RETURN l.reason, l.pass ORDER BY l.reason"
                #expect(try await project.cypher(loads) == "large transaction|null\nresync|null")
                locking.close()
                try await project.settleLoads()
                try await project.expectEqual("while tables are read")
            }
            try await project.sql(Self.exchange(3))
            var running = try project.start(["run"])
            try await eventually("a part is in the graph", within: .seconds(60), every: .milliseconds(5)) {
                try await project.partial()?.pass == "relationships"
            }
            try await running.kill9()
            #expect(
                try await project.cypher("MATCH (l:LockstepLoad) RETURN l.reason, l.pass") == "large transaction|null")
            running = try project.start(["run"])
            try await eventually("it is being read", within: .seconds(60), every: .milliseconds(5)) {
                try await project.cypher("MATCH (l:LockstepLoad {reason: 'large transaction'}) RETURN l.pass")
                    == "nodes"
            }
            try await running.kill9()
            try await project.sql(Self.exchange(4))
            running = try project.start(["run", "--resnapshot"])
            let read = "MATCH (l:LockstepLoad {reason: 'first read', table: 'rank'}) RETURN l.rows > 0"
            try await eventually("a part of it is read", within: .seconds(60), every: .milliseconds(5)) {
                try await project.cypher(read) == "true"
            }
            try await running.kill9()
            try await project.sql(Self.exchange(5))
            try await project.whileRunning { running in
                try await running.says("public.rank is read again behind the transaction")
                try await project.settleLoads()
                try await project.expectEqual("behind a first read")
                try await project.expectNoTraceOfParts()
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `changes a key that others do not name`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "named", schema: Self.ranks) { project in
            try await project.propose()
            try project.applyInParts(of: 50, above: 100)
            try await project.whileRunning { running in
                try await project.settle()
                // Nobody takes a key that another has, or had.
                try await project.sql(
                    """
                    INSERT INTO rank SELECT i + 2000, 'n' || i, 'n' FROM generate_series(1, 500) i;
                    UPDATE rank SET name = 'u'; UPDATE country SET id = id + 10000
                    """)
                try await project.settle()
                #expect(running.log.ranges(of: "applied in parts").count == 1)
                #expect(!running.log.contains("is read again"))
                try await project.expectEqual()
                try await project.sql(
                    "DELETE FROM city WHERE id < 1000; UPDATE country SET code = 'd' || code WHERE id < 10800")
                try await project.settle()
                try await project.expectEqual()
            }
        }
    }
}
