// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Tables of which not all rows count, labels that depend on the row, and properties that are no column's.
@Suite(.oneAtATime, .postgres())
struct `A row that does not count` {
    /// Long values that an update leaves alone are not in the stream.
    private static let schema = """
        CREATE TYPE kind AS ENUM ('admin', 'guest', 'robot');
        CREATE TABLE topic (id int PRIMARY KEY, tenant int NOT NULL, parent int REFERENCES topic, title text);
        CREATE TABLE note (id int PRIMARY KEY, topic int REFERENCES topic, deleted_at timestamptz, body text);
        CREATE TABLE reply (id int PRIMARY KEY, note int REFERENCES note, is_deleted boolean, size int);
        CREATE TABLE echo (id int PRIMARY KEY, reply int REFERENCES reply, loud boolean, secret text);
        CREATE TABLE author (
            id int PRIMARY KEY, kind kind, first text, last varchar(5), archived_at date, vip boolean);
        CREATE TABLE credit (
            author int REFERENCES author, echo int REFERENCES echo, state varchar(5), share numeric(5, 2),
            PRIMARY KEY (author, echo));
        ALTER TABLE topic ALTER title SET STORAGE EXTERNAL;
        ALTER TABLE note ALTER body SET STORAGE EXTERNAL;
        ALTER TABLE topic REPLICA IDENTITY FULL;
        ALTER TABLE note REPLICA IDENTITY FULL;
        ALTER TABLE author REPLICA IDENTITY FULL;
        INSERT INTO topic SELECT i, i % 3, nullif(i / 3, 0), repeat('t', 4000) || i FROM generate_series(1, 30) i;
        INSERT INTO note SELECT i, 1 + i % 30, CASE WHEN i % 4 = 0 THEN now() END, repeat('b', 4000)
            FROM generate_series(1, 40) i;
        INSERT INTO reply SELECT i, 1 + i % 40, nullif(i % 3, 2) = 0, i FROM generate_series(1, 60) i;
        INSERT INTO echo SELECT i, 1 + i % 60, i % 2 = 0 FROM generate_series(1, 60) i;
        INSERT INTO author SELECT i, (enum_range(NULL::kind))[1 + i % 4], 'f' || i, nullif('l' || i % 3, 'l0'),
            CASE WHEN i % 5 = 0 THEN date '2024-01-01' END, nullif(i % 3, 0) = 1 FROM generate_series(1, 30) i;
        INSERT INTO credit SELECT i % 30 + 1, i % 60 + 1, CASE WHEN i % 3 = 0 THEN 'void' WHEN i % 3 = 1 THEN 'ok' END, i
            FROM generate_series(1, 60) i;
        """

    private static let tables = """
        tables:
          public.topic:
            label: Topic
            where: tenant = 1 OR tenant = 2 AND id > 10
            key: {id: id}
            properties: {title: title, tenant: tenant}
            relationships:
              - {type: PARENT, columns: [parent], references: public.topic}
          public.note:
            label: Note
            softDelete: deleted_at
            key: {id: id}
            properties: {body: body}
            relationships:
              - {type: TOPIC, columns: [topic], references: public.topic}
          public.reply:
            label: Reply
            softDelete: {column: is_deleted, equals: true}
            key: {id: id}
            properties: {size: size}
            relationships:
              - {type: NOTE, columns: [note], references: public.note, reversed: true}
          public.echo:
            labels: [Echo, {column: loud, label: Loud}]
            key: {id: id}
            relationships:
              - {type: REPLY, columns: [reply], references: public.reply}
          public.author:
            labels: [Author, Person, {column: kind, values: {admin: Staff, robot: Staff, guest: Guest}}, {column: vip, label: Vip}]
            softDelete: {column: archived_at, as: label, label: Archived}
            key: {id: id}
            properties: {first: first}
            constants: {source: "it's \\\\ crm", version: 3, ratio: 0.5, isLive: true}
            derived:
              fullName: "${first} ${last}"
              tag: "#${id}/${kind:-nobody}$$"
          public.credit:
            relationship: CREDIT
            from: {columns: [author], references: public.author}
            to: {columns: [echo], references: public.echo}
            softDelete: {column: state, equals: void}
            properties: {share: {property: share, as: float}}
            constants: {by: credit}
            derived: {label: "${state:-none}"}
        """

    private static func project(
        _ kind: GraphServer.Kind, _ name: String, _ body: @escaping @Sendable (Project) async throws -> Void
    ) async throws {
        try await Project.on(kind, name, schema: schema) { project in
            try await project.propose()
            try project.setTables(tables)
            if !kind.isNeo4j {
                // ArcadeDB has no labels that change, which is said before anything is written.
                let refused = try await project.lockstep("run")
                #expect(refused.errors.contains("labels of public.echo depend on a column"), "\(refused)")
                try project.edit { text in
                    text.replace("labels: [Echo, {column: loud, label: Loud}]", with: "label: Echo")
                    text.replace(/labels: \[Author.*/, with: "labels: [Author, Person]")
                    text.replace(/softDelete: {column: archived_at.*/, with: "")
                }
                let several = try await project.lockstep("run")
                #expect(several.errors.contains("public.author has several labels"), "\(several)")
                try project.edit { $0.replace("labels: [Author, Person]", with: "label: Author") }
            }
            try await body(project)
        }
    }

    /// How many rows that count refer to one that does not.
    private static let waiting = """
        WITH t AS (SELECT *, tenant = 1 OR tenant = 2 AND id > 10 AS counts FROM topic)
        SELECT (SELECT count(*) FROM t JOIN t AS p ON t.parent = p.id WHERE t.counts AND NOT p.counts)
            + (SELECT count(*) FROM note n JOIN t ON n.topic = t.id WHERE n.deleted_at IS NULL AND NOT t.counts)
            + (SELECT count(*) FROM reply r JOIN note n ON r.note = n.id
                WHERE r.is_deleted IS NOT TRUE AND n.deleted_at IS NOT NULL)
            + (SELECT count(*) FROM echo e JOIN reply r ON e.reply = r.id WHERE r.is_deleted)
        """

    @Test(arguments: GraphServer.kinds)
    func `is not in the graph, and comes and goes as it comes to count or not`(kind: GraphServer.Kind) async throws {
        try await Self.project(kind, "rows") { project in
            var dice = Dice.thrown
            let seed = dice.seed
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("after the first read")
                try await project.sql((0..<150).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
                let waiting = try await project.sql(Self.waiting)
                let status = try await project.succeed("status", "--json")
                #expect(
                    status.contains("\"waitingReferences\": \(waiting)"), "\(waiting), LOCKSTEP_SEED=\(seed)\n\(status)"
                )
            }
            try await project.sql((0..<150).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed), as a backlog")
            }
        }
    }

    @Test(arguments: GraphServer.kinds.filter(\.isNeo4j).prefix(1))
    func `is judged by the mapping as it is now`(kind: GraphServer.Kind) async throws {
        try await Self.project(kind, "filters") { project in
            try await project.whileRunning { _ in try await project.settle() }
            // By another filter the table is read again.
            try project.edit { $0 = $0.replacingOccurrences(of: "tenant = 1 OR", with: "tenant = 0 OR") }
            #expect(try await project.lockstep("check").output.contains("the next `lockstep run` alters it"))
            try await project.whileRunning { running in
                try await running.says("loaded: public.topic")
                try await project.settle()
                try await project.expectEqual("after another filter")
                // Both judges see a label, a constant and a relationship that are not as they should be.
                let spoilt = [
                    ("MATCH (n:Author {id: 3}) SET n:Guest:Staff", "labels"),
                    ("MATCH (n:Author {id: 4}) SET n.version = 4", "version"),
                    ("MATCH (n:Author {id: 7}) SET n.fullName = 'x'", "fullName"),
                    ("MERGE (n:Note {id: 4}) SET n.body = 'b'", "extra node"),
                ]
                for (statement, _) in spoilt { _ = try await project.cypher(statement) }
                let verified = try await project.lockstep("verify", "--full")
                #expect(verified.exit == .code(1))
                for (_, word) in spoilt { #expect(verified.output.contains(word), "\(word): \(verified)") }
            }
            // Only mapped columns leave the server, once the publication is made of lists: of all tables, whose entries are as they
            // were.
            try project.edit { $0.replace("\nsource:", with: "\nsource:\n  columnLists: true") }
            #expect(try await project.lockstep("run").errors.contains("--resnapshot"))
            try await project.whileRunning("--resnapshot") { _ in
                try await project.settle()
                let published = try await project.sql(
                    "SELECT attnames FROM pg_publication_tables WHERE tablename = 'echo'")
                #expect(published == "{id,reply,loud}")
                try await project.sql(
                    """
                    UPDATE echo SET secret = 'x', loud = NOT loud; DELETE FROM credit WHERE author < 5;
                    UPDATE reply SET id = id + 500 WHERE id NOT IN (SELECT reply FROM echo);
                    UPDATE note SET deleted_at = NULL
                    """)
                try await project.settle()
                try await project.expectEqual("with column lists")
            }
            // What PostgreSQL does not take is found by check, at its line.
            try project.edit { $0 = $0.replacingOccurrences(of: "tenant = 0 OR", with: "id < random() OR") }
            let checked = try await project.lockstep("check")
            #expect(
                checked.output.contains("lockstep.yaml:") && checked.output.contains("does not take where"),
                "\(checked)")
        }
    }

    /// Large transactions go in parts.
    @Test(arguments: GraphServer.kinds.filter(\.isNeo4j).prefix(1))
    func `comes and goes in parts of a transaction too`(kind: GraphServer.Kind) async throws {
        try await Self.project(kind, "rowparts") { project in
            try project.edit { text in text += "\nbatch: {rows: 20, wholeRows: 30}\n" }
            var dice = Dice.thrown
            let seed = dice.seed
            try await project.whileRunning { _ in
                try await project.settle()
                let changes = (0..<120).map { _ in Self.change(&dice) }.joined(separator: ";\n")
                try await project.sql("BEGIN; \(changes); COMMIT")
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
            }
        }
    }

    private static func transaction(_ dice: inout Dice) -> String {
        "BEGIN; \((0...dice.pick(4)).map { _ in change(&dice) }.joined(separator: "; ")); COMMIT"
    }

    /// Keys are few, so that changes meet.
    private static func change(_ dice: inout Dice) -> String {
        let (topic, note, reply) = (1 + dice.pick(30), 1 + dice.pick(40), 1 + dice.pick(60))
        let (echo, author) = (1 + dice.pick(60), 1 + dice.pick(30))
        switch dice.pick(16) {
        case 0: return "UPDATE topic SET tenant = \(dice.pick(3)) WHERE id = \(topic)"
        case 1: return "UPDATE topic SET parent = \(1 + dice.pick(30)) WHERE id = \(topic)"
        case 2:
            return "UPDATE note SET deleted_at = \(dice.percent(50) ? "NULL" : "now()") WHERE id % 20 = \(note % 20)"
        case 3: return "UPDATE note SET topic = \(topic) WHERE id = \(note)"
        case 4:
            let flag = dice.one(of: ["true", "false", "NULL"])
            return "UPDATE reply SET is_deleted = \(flag) WHERE id % 20 = \(reply % 20)"
        case 5: return "UPDATE reply SET size = size + 1, note = \(note) WHERE id = \(reply)"
        case 6:
            return "UPDATE echo SET reply = (SELECT id FROM reply WHERE id = \(reply)), "
                + "loud = \(dice.one(of: ["true", "false", "NULL"])) WHERE id = \(echo)"
        case 7:
            let kind = dice.one(of: ["'admin'", "'guest'", "'robot'", "NULL"])
            return "UPDATE author SET kind = \(kind), vip = \(dice.percent(50)) WHERE id = \(author)"
        case 8:
            return "UPDATE author SET archived_at = \(dice.percent(50) ? "NULL" : "'2025-01-01'"), "
                + "last = \(dice.one(of: ["NULL", "'ö'", "'xy'"])) WHERE id = \(author)"
        case 9:
            let state = dice.one(of: ["'void'", "'ok'", "NULL"])
            return "UPDATE credit SET state = \(state), share = share + 0.5 WHERE author = \(author)"
        case 10:
            return "INSERT INTO credit SELECT id, \(echo), 'void', 1 FROM author WHERE id = \(author) "
                + "ON CONFLICT (author, echo) DO UPDATE SET state = NULL"
        case 11: return "DELETE FROM credit WHERE author = \(author)"
        case 12:
            return "UPDATE echo SET reply = NULL WHERE reply = \(reply); DELETE FROM reply WHERE id = \(reply); "
                + "INSERT INTO reply VALUES (\(reply), \(note), \(dice.percent(50)), 0)"
        case 13: return "UPDATE topic SET title = 'short' || id WHERE id = \(topic)"
        case 14:
            // The key changes, of a row that counts or not.
            return "UPDATE author SET id = id + 100 WHERE id = \(author) AND NOT EXISTS "
                + "(SELECT FROM credit WHERE author = \(author)) AND NOT EXISTS "
                + "(SELECT FROM author WHERE id = \(author + 100)); UPDATE author SET id = id - 100 WHERE id > 100 "
                + "AND id % 2 = 0 AND NOT EXISTS (SELECT FROM author a WHERE a.id = author.id - 100)"
        default:
            return "UPDATE reply SET id = 200 + \(reply) WHERE id = \(reply) AND NOT EXISTS "
                + "(SELECT FROM echo WHERE reply = \(reply)) AND NOT EXISTS (SELECT FROM reply WHERE id = 200 + \(reply)); "
                + "UPDATE reply SET is_deleted = NOT is_deleted WHERE id = 200 + \(reply)"
        }
    }

    /// What is done to a table, and what it is called in between.
    private static let renamings = [
        (
            "UPDATE topic SET tenant = (tenant + 1) % 3 WHERE id % 4 = 0",
            "ALTER TABLE topic RENAME tenant TO client", "UPDATE topic SET client = (client + 1) % 3 WHERE id % 4 = 1"
        ),
        (
            "UPDATE note SET deleted_at = now() WHERE id % 5 = 0", "ALTER TABLE note RENAME deleted_at TO gone_at",
            "UPDATE note SET gone_at = CASE WHEN gone_at IS NULL THEN now() END WHERE id % 3 = 1"
        ),
        (
            "UPDATE reply SET is_deleted = NOT is_deleted WHERE id % 5 = 0",
            "ALTER TABLE reply RENAME is_deleted TO is_gone", "UPDATE reply SET is_gone = NOT is_gone WHERE id % 4 = 0"
        ),
        (
            "UPDATE echo SET loud = NOT loud WHERE id % 5 = 0", "ALTER TABLE echo RENAME loud TO is_loud",
            "UPDATE echo SET is_loud = NOT is_loud WHERE id % 3 = 0"
        ),
        (
            "UPDATE author SET kind = 'guest', first = 'x' WHERE id % 5 = 0",
            """
            ALTER TABLE author RENAME kind TO role; ALTER TABLE author RENAME first TO given;
            ALTER TABLE author RENAME archived_at TO left_at
            """,
            """
            UPDATE author SET role = 'robot', given = 'y', left_at = CASE WHEN left_at IS NULL THEN date '2024-02-02' END
                WHERE id % 4 = 0
            """
        ),
        (
            "UPDATE credit SET state = 'void' WHERE author % 5 = 0", "ALTER TABLE credit RENAME state TO status",
            "UPDATE credit SET status = CASE WHEN status = 'void' THEN 'ok' ELSE 'void' END WHERE author % 3 = 0"
        ),
    ]

    @Test func `is known by the column's number, whatever the column is called by now`() async throws {
        try await Self.project(try #require(GraphServer.newest.first), "renamed") { project in
            try project.edit { $0.replace("tables:", with: "schemaChanges: {columnDropped: apply}\ntables:") }
            try await project.whileRunning { running in
                try await project.settle()
                for (before, change, behind) in Self.renamings {
                    try await project.sql(before)
                    try await project.sql(change)
                    try await project.sql(behind)
                }
                try await project.settle()
                try await project.expectEqual("while it runs")
                try await project.succeed("resync", "topic", "note", "author")
                try await project.expectEqual("read again")
            }
            // While nobody looks; then the stream brings the older names, too.
            try await project.sql(
                """
                UPDATE topic SET client = 2 WHERE id % 5 = 0; ALTER TABLE topic RENAME client TO customer;
                UPDATE topic SET customer = 1 WHERE id % 7 = 0; UPDATE note SET gone_at = NULL WHERE id % 6 = 0;
                ALTER TABLE note RENAME gone_at TO left_at; UPDATE note SET left_at = now() WHERE id % 7 = 0
                """)
            let advice = "write customer in place of tenant under public.topic in the mapping ("
            let check = try await project.lockstep("check")
            #expect(check.exit == .code(0) && check.output.contains(advice), "\(check)")
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("renamed meanwhile")
            }
            // The names of old stand in the file still: each start says where.
            try await project.whileRunning { running in
                try await running.says("column tenant is called customer now: " + advice)
                try await running.says("write left_at in place of deleted_at under public.note")
                try await project.sql("UPDATE topic SET customer = 2 WHERE id % 3 = 0")
                try await project.settle()
                try await project.expectEqual("with the names of old")
            }
            try project.edit { text in
                text.replace("tenant: tenant", with: "customer: tenant")
                text.replace(/tenant = (\d)/, with: { "customer = \($0.1)" })
                text.replace("softDelete: deleted_at", with: "softDelete: left_at")
            }
            try await project.whileRunning { running in
                try await project.sql(
                    """
                    UPDATE topic SET customer = 0 WHERE id % 4 = 3;
                    ALTER TABLE echo DROP COLUMN is_loud; ALTER TABLE author DROP COLUMN given
                    """)
                try await running.says("public.author: column first is gone")
                try await project.settle()
                try await project.expectEqual("with names that are right")
                let gone =
                    "MATCH (n:Loud) RETURN count(n) UNION ALL MATCH (n) WHERE n.fullName IS NOT NULL RETURN count(n)"
                #expect(try await project.cypher(gone) == "0\n0")
                for name in ["tenant", "deleted_at"] {
                    #expect(!running.log.contains("place of \(name)"), "\(running.log)")
                }
                #expect(!running.log.contains("something else"), "\(running.log)")
            }
        }
    }
}
