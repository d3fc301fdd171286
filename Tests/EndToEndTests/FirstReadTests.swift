// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import TestServers
import TestSupport
import Testing

/// `kill -9` in every part of the first read, while the tables change in every way.
@Suite(.oneAtATime, .postgres())
struct `A first read that is interrupted` {
    /// Pieces whose id is a multiple of ten stay as they are. Some blocks in front are free again: updates move rows there,
    /// and those that refer to a row are not touched together with it.
    private static let schema = """
        CREATE TABLE writer (id int PRIMARY KEY, name text, bio text);
        ALTER TABLE writer ALTER bio SET STORAGE EXTERNAL;
        CREATE TABLE piece (
            id bigint PRIMARY KEY, writer int REFERENCES writer ON UPDATE CASCADE ON DELETE SET NULL,
            previous bigint REFERENCES piece ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY IMMEDIATE,
            title text, body text, version int DEFAULT 0);
        ALTER TABLE piece ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE topic (id text PRIMARY KEY, name text);
        CREATE TABLE piece_topic (
            piece bigint REFERENCES piece ON UPDATE CASCADE ON DELETE CASCADE, topic text REFERENCES topic,
            reason text, weight int, PRIMARY KEY (piece, topic));
        ALTER TABLE piece_topic ALTER reason SET STORAGE EXTERNAL;
        CREATE TABLE line (
            id int PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE, piece bigint REFERENCES piece ON UPDATE CASCADE ON DELETE CASCADE,
            words text);
        ALTER TABLE line ALTER words SET STORAGE EXTERNAL, REPLICA IDENTITY FULL;
        CREATE TABLE remark (id int PRIMARY KEY, about bigint, text text);
        INSERT INTO writer SELECT i, 'w' || i, repeat('b', 2500) FROM generate_series(0, 400) i;
        INSERT INTO piece SELECT -i, NULL, NULL, 'gone', repeat('x', 2500) FROM generate_series(1, 300) i;
        INSERT INTO piece VALUES (0), (1), (2), (3), (4), (5), (6);
        INSERT INTO piece SELECT i, i % 400, CASE WHEN i % 10 > 0 THEN i - 7 END, 't' || i,
            CASE WHEN i % 4 = 1 THEN repeat('y', 2200) || i END FROM generate_series(7, 8000) i;
        DELETE FROM piece WHERE id < 0;
        INSERT INTO topic SELECT 't' || i, 'n' || i FROM generate_series(0, 39) i;
        INSERT INTO piece_topic SELECT i, 't' || i % 40, repeat('r', 2100) || i, i FROM generate_series(0, 1500) i;
        INSERT INTO line SELECT i, i * 2, CASE WHEN i % 3 = 1 THEN repeat('z', 2100) || i END FROM generate_series(0, 1500) i;
        INSERT INTO remark SELECT i, 7900 + i % 400, 'r' FROM generate_series(0, 500) i;
        """

    /// Changes of every kind; other ones for each `round` up to 8.
    private static func changes(_ round: Int) -> String {
        let r = round + 1
        return """
            BEGIN; UPDATE piece SET version = version + 1 WHERE id % 20 = \(r);
            UPDATE piece SET id = id + 8000 WHERE id % 210 = \(r) AND id < 8000;
            UPDATE piece SET writer = (writer + 1) % 400, previous = NULL WHERE id % 130 = \(r);
            COMMIT; BEGIN; SET CONSTRAINTS ALL DEFERRED;
            CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM piece WHERE id % 310 = \(r);
            DELETE FROM piece WHERE id % 310 = \(r);
            INSERT INTO piece SELECT id, NULL, previous, 'again', repeat('n', 2300), \(r) FROM kept; COMMIT;
            DELETE FROM piece WHERE id % 470 = \(r);
            BEGIN; UPDATE writer SET id = id + 1000 WHERE id % 50 = \(r) AND id < 400;
            UPDATE writer SET name = 'renamed' WHERE id % 20 = \(r);
            UPDATE piece_topic SET weight = -weight WHERE piece % 10 = \(r);
            UPDATE piece_topic SET topic = 't' || (weight & 31) WHERE piece % 70 = \(r) AND weight > 0;
            COMMIT; BEGIN; UPDATE line SET words = 'short' WHERE id % 90 = \(r);
            UPDATE line SET piece = NULL WHERE id % 110 = \(r);
            UPDATE line SET id = CASE WHEN id % 20 = \(r) THEN id + 10 ELSE id - 10 END WHERE id % 10 = \(r) AND id < 1480;
            UPDATE remark SET about = about + 7 WHERE id % 10 = \(r);
            INSERT INTO piece SELECT 30000 + \(r) * 100 + i, 10, 20, 'new', repeat('m', 2400) FROM generate_series(0, 49) i
                ON CONFLICT DO NOTHING;
            COMMIT; TRUNCATE topic CASCADE; INSERT INTO topic SELECT 't' || i, 'n\(r)' FROM generate_series(0, 39) i;
            INSERT INTO piece_topic SELECT id, 't' || id % 40, repeat('s', 2100), id FROM piece WHERE id % 10 = \(r) AND id < 1500;
            """
    }

    @Test(arguments: GraphServer.newest)
    func `goes on where it was, reads nothing again, and both sides end equal`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "interrupted", schema: Self.schema) { project in
            try await project.sql("VACUUM")
            try await project.propose()
            try project.edit { text in
                text.replace(
                    "label: Remark  ",
                    with: """
                        label: Remark
                            relationships: [{type: ABOUT, columns: [about], references: public.piece, enforced: false}]
                            #
                        """)
                text += "\nbatch: {rows: 100, wholeRows: 500}\n"
            }
            // In the first pass.
            var running = try project.start(["run"])
            try await Self.killed(running, while: "nodes", project)
            let nodes = try await Self.finishedRows(project, "nodes")
            _ = try await project.cypher("MATCH (n:Piece) WHERE n.id IN [\(nodes)] SET n.title = 'kept'")
            let status = try await project.succeed("status")
            #expect(status.contains(/loading +public.piece \(first read\): nodes, \d+ %/), "\(status)")
            try await project.sql(Self.changes(0))
            // While it follows the stream to where it has read.
            running = try project.start(["run"])
            try await project.sql(Self.changes(1))
            try await running.says("catching up", within: .seconds(60))
            try await running.kill9()
            #expect(running.log.contains(/goes on at [1-9]\d* %/), "\(running.log)")
            try await project.sql(Self.changes(2))
            // In the second pass.
            running = try project.start(["run"])
            try await project.sql(Self.changes(3))
            try await Self.killed(running, while: "relationships", project)
            let ends = try await Self.finishedRows(project, "relationships")
            _ = try await project.cypher("MATCH (n:Piece)-[o:WRITER]->() WHERE n.id IN [\(ends)] DELETE o")
            try await project.sql(Self.changes(4))

            try await project.whileRunning { running in
                try await project.sql(Self.changes(5))
                try await project.settle()
                #expect(!running.log.contains("begins again"), "\(running.log)")
                // What was read before the kill was not read again: nobody has mended it.
                let kept = "MATCH (n:Piece) WHERE n.id IN [\(nodes)] AND n.title <> 'kept' RETURN count(n)"
                #expect(try await project.cypher(kept) == "0")
                let cut = "MATCH (n:Piece)-[o:WRITER]->() WHERE n.id IN [\(ends)] RETURN count(o)"
                #expect(try await project.cypher(cut) == "0")
                try await project.sql("UPDATE piece SET title = title WHERE id IN (\(nodes), \(ends))")
                try await project.sql(Self.changes(6))
                try await project.settleLoads()
                try await project.expectEqual()
                #expect(try await project.cypher("MATCH (l:LockstepLoad) RETURN count(l)") == "0")
                try await project.expectNoTraceOfParts()
            }
        }
    }

    /// Kills it when a part of the largest table is read in a pass, and not all.
    private static func killed(_ running: RunningLockstep, while pass: String, _ project: Project) async throws {
        try await eventually("some ranges are read: \(pass)", within: .seconds(60), every: .milliseconds(5)) {
            try await finishedBlocks(project, pass).reduce(0) { $0 + $1.count } >= 20
        }
        try await running.kill9()
        try #require(try await !finishedBlocks(project, pass).isEmpty, "the pass is over already")
    }

    private static func finishedBlocks(_ project: Project, _ pass: String) async throws -> [Range<Int>] {
        let heap = try await project.cypher(
            """
            MATCH (l:LockstepLoad {pipeline: '\(project.pipeline)', table: 'piece', pass: '\(pass)'}) RETURN l.heaps[0]
            """)
        return heap.matches(of: /(\d+)-(\d+)/).compactMap { match in
            guard let first = Int(match.1), let end = Int(match.2) else { return nil }
            return first..<end
        }
    }

    /// The ids of rows in the ranges that are finished, of those rows that stay as they are.
    private static func finishedRows(_ project: Project, _ pass: String) async throws -> String {
        let blocks = try await finishedBlocks(project, pass)
        let ranges = blocks.map { "ctid >= '(\($0.lowerBound),0)' AND ctid < '(\($0.upperBound),0)'" }
        let ids = try await project.sql(
            """
            SELECT string_agg(id::text, ',') FROM piece
            WHERE id % 10 = 0 AND id < 8000 AND (\(ranges.joined(separator: " OR ")))
            """)
        try #require(ids.split(separator: ",").count > 20, "\(blocks): \(ids)")
        return ids
    }
}
