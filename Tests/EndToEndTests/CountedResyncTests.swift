// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing
import Threading

/// Rows that nothing tells apart, whose counts in the graph have to be made anew.
@Suite(.oneAtATime, .postgres(settings: ["logical_decoding_work_mem": "64kB"]))
struct `A table without a key that is read again` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text);
        CREATE TABLE entry (
            level int, who int REFERENCES person ON UPDATE CASCADE ON DELETE CASCADE, what text, body text, gone text,
            secret text);
        ALTER TABLE entry REPLICA IDENTITY FULL;
        ALTER TABLE entry ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE plain (a int, b text);
        ALTER TABLE plain REPLICA IDENTITY FULL;
        CREATE TABLE parted (day int, what text) PARTITION BY RANGE (day);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
        CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
        ALTER TABLE parted REPLICA IDENTITY FULL;
        ALTER TABLE parted_1 REPLICA IDENTITY FULL;
        ALTER TABLE parted_2 REPLICA IDENTITY FULL;
        INSERT INTO person SELECT i, 'p' || i FROM generate_series(1, 20) i;
        INSERT INTO entry (level, who, what, gone, secret)
            SELECT i % 3, i % 20 + 1, 'many' || i % 400, i % 2, i FROM generate_series(1, 1500) i;
        INSERT INTO plain SELECT i % 7, 'x' FROM generate_series(1, 50) i;
        INSERT INTO parted SELECT i % 19 + 1, 'd' FROM generate_series(1, 60) i;
        """

    /// Counts, properties, nodes and relationships that are wrong, missing, or nobody's.
    private static let damage = [
        "MATCH (n:Entry) WHERE n.what ENDS WITH '1' SET n.rowCount = n.rowCount + 2",
        "MATCH (n:Entry) WHERE n.what ENDS WITH '2' SET n.rowCount = 0",
        "MATCH (n:Entry) WHERE n.what ENDS WITH '3' DETACH DELETE n",
        "MATCH (n:Entry) WHERE n.what ENDS WITH '4' SET n.what = 'wrong', n.level = null",
        "MATCH (n:Entry)-[r:WHO]->() WHERE n.what ENDS WITH '5' DELETE r",
        "MATCH (n:Entry), (p:Person {id: 7}) WHERE n.what ENDS WITH '66' AND NOT (n)-[:WHO]->(p) CREATE (n)-[:WHO]->(p)",
        "MATCH (p:Person {id: 3}) CREATE (:Entry {rowDigest: 'nobody', rowCount: 1})-[:WHO]->(p)",
        "CREATE (:Entry {rowDigest: '\(String(repeating: "0a", count: 32))', rowCount: 1})",
        "CREATE (:Entry {what: 'nothing'})",
    ]

    /// What a session does: rows that come, go, come back, and become equal to others.
    private static func work(_ round: Int, _ session: Int) -> String {
        let r = (round * 7 + session) % 97
        return """
            INSERT INTO entry (level, who, what) SELECT i % 3, i % 20 + 1, 'many' || i
                FROM generate_series(\(r), 400, 97) i;
            UPDATE entry SET level = level + 1 WHERE ctid IN (
                SELECT ctid FROM entry WHERE what = 'many\(r)' LIMIT 2 FOR UPDATE SKIP LOCKED);
            UPDATE entry SET secret = '\(round)' WHERE ctid IN (
                SELECT ctid FROM entry WHERE what = 'many\(r + 97)' FOR UPDATE SKIP LOCKED);
            DELETE FROM entry WHERE ctid IN (
                SELECT ctid FROM entry WHERE hashtext(ctid::text) % 97 = \(r) FOR UPDATE SKIP LOCKED);
            INSERT INTO entry (what, who) VALUES ('new\(r)', \(r % 20 + 1)), ('new\(r)', \(r % 20 + 1));
            """
    }

    private static func whileWorking<Value: Sendable>(
        _ project: Project, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let stop = StopSignal()
        @Sendable func session(_ number: Int) async throws {
            for round in 0..<200 where !stop.isStopped { try await project.sql(work(round, number)) }
        }
        async let first: Void = session(0)
        async let second: Void = session(3)
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        stop.stop()
        _ = try await (first, second)
        return try result.get()
    }

    private static let mapping = """
        tables:
          public.person: {label: Person, key: {id: id}, properties: {name: name}}
          public.entry:
            label: Entry
            distinct: {digest: rowDigest, count: rowCount}
            exclude: [secret]
            properties: {level: level, what: what, body: body, gone: gone}
            relationships: [{type: WHO, columns: [who], references: public.person}]
          public.parted: {label: Parted, distinct: {digest: rowDigest, count: rowCount}, properties: {day: day, what: what}}
          public.plain: {skip: true}
        batch: {rows: 40, wholeRows: 400}
        schemaChanges: {columnAdded: apply, columnDropped: apply}

        """

    private static func prepare(_ project: Project) async throws {
        try await project.propose()
        try project.setTables(mapping)
    }

    private static func expectLoaded(_ project: Project, _ note: String) async throws {
        try await project.settleLoads()
        try await project.expectEqual("\(note)")
    }

    @Test(arguments: GraphServer.newest)
    func `is right again while its rows change, whenever the run is killed`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "recounted", schema: Self.schema) { project in
            try await Self.prepare(project)
            var running = try project.start(["run"])
            try await project.settle()
            let part = try await project.lockstep("resync", "entry", "--where", "level = 1")
            #expect(part.exit == .code(2) && part.errors.contains("is read as a whole"), "\(part)")
            for text in Self.damage { _ = try await project.cypher(text) }
            #expect(try await project.lockstep("verify", "--full").exit == .code(1))
            running = try await Self.whileWorking(project) { [first = running] in
                var running = first
                try await project.succeed("resync", "entry")
                #expect(running.log.contains("the stream waits until public.entry is read"), "\(running.log)")
                for text in Self.damage { _ = try await project.cypher(text) }
                try await project.succeed("resync", "--all", "--no-wait")
                for state in ["l.pass = 'counts' AND l.rows > 0", "l.counted IS NOT NULL"] {
                    try await eventually("it is there: \(state)", within: .seconds(60), every: .milliseconds(5)) {
                        try await project.cypher("MATCH (l:LockstepLoad) WHERE \(state) RETURN count(l) > 0") == "true"
                    }
                    try await running.kill9()
                    running = try project.start(["run"])
                }
                return running
            }
            try await Self.expectLoaded(project, "after kills")
            try await project.sql(Self.work(900, 1))
            try await project.settle()
            try await project.expectEqual("live")
            try await running.stop()
        }
    }

    @Test(arguments: GraphServer.newest)
    func `has counts that the stream is still to come to, which are not counted twice`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "ahead", schema: Self.schema) { project in
            try await Self.prepare(project)
            try await project.whileRunning { _ in try await project.settle() }
            // The request is taken at the first transaction of these: what is read then shows all of them.
            _ = try await project.lockstep("resync", "entry", "--no-wait")
            for round in 0..<10 { try await project.sql(Self.work(round, round)) }
            try await project.sql("TRUNCATE entry")
            for round in 10..<30 { try await project.sql(Self.work(round, round)) }
            // Large ones, one of which empties it.
            try await project.sql(
                "INSERT INTO entry (what, who) SELECT 'large' || i % 90, i % 20 + 1 FROM generate_series(1, 2000) i")
            try await project.sql(
                "BEGIN; TRUNCATE entry; INSERT INTO entry (what) SELECT 'l' || i % 9 FROM generate_series(1, 2000) i; COMMIT"
            )
            try await project.whileRunning { running in
                for round in 30..<40 { try await project.sql(Self.work(round, round)) }
                try await Self.expectLoaded(project, "behind a backlog")
                #expect(running.log.contains("applied in parts"), "\(running.log)")
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `follows changes of its columns, of its partitions and of the mapping`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "recolumned", schema: Self.schema) { project in
            try await Self.prepare(project)
            try await project.whileRunning { running in
                try await project.settle()
                try await Self.whileWorking(project) {
                    try await project.sql("ALTER TABLE entry ADD COLUMN more int DEFAULT 7")
                    try await running.says("column more is new: it becomes the property more")
                    try await running.says("loaded: public.entry")
                    try await project.sql("ALTER TABLE entry DROP COLUMN gone")
                    try await running.says("column gone is gone")
                    // Said before the request is in the graph.
                    try await eventually("it is read again", within: .seconds(60)) {
                        running.log.ranges(of: "loaded: public.entry").count == 2
                    }
                }
                try await Self.expectLoaded(project, "other columns")
                #expect(try await project.cypher("MATCH (n:Entry) WHERE n.gone IS NOT NULL RETURN count(n)") == "0")
                try await project.sql("ALTER TABLE parted DETACH PARTITION parted_2")
                try await running.says(
                    "public.parted: partition public.parted_2 was detached or dropped: it is read again")
                try await Self.expectLoaded(project, "other partitions")
            }
            // All of it while nobody looks, between rows of before and behind.
            try await project.sql(Self.work(1, 1))
            try await project.sql(
                "BEGIN; DELETE FROM entry WHERE level = 1; ALTER TABLE entry ALTER level TYPE text, DROP body, ADD again text;"
                    + "INSERT INTO entry (level, what, again) VALUES ('a', 'b', 'c'), ('a', 'b', 'c'); COMMIT")
            try await project.sql("ALTER TABLE entry RENAME what TO kind; UPDATE entry SET kind = 'x' WHERE who = 3")
            try await project.sql("INSERT INTO plain VALUES (1, 'x'); DELETE FROM plain WHERE a = 2")
            try project.edit { text in
                text.replace(", what: what}}", with: "}, exclude: [what]}")
                text.replace(
                    "plain: {skip: true}",
                    with: "plain: {label: Plain, distinct: {digest: d, count: rowCount}, properties: {a: a, b: b}}")
            }
            let check = try await project.lockstep("check")
            #expect(check.exit == .code(0), "\(check)")
            try await project.whileRunning { running in
                try await running.says("public.plain: it is in the mapping now")
                // Said before the request is in the graph.
                try await running.says("loaded: ")
                try await project.sql("INSERT INTO plain VALUES (1, 'x'), (8, 'y')")
                try await Self.expectLoaded(project, "what happened while nobody looked")
                #expect(try await project.cypher("MATCH (n:Plain {a: 1, b: 'x'}) RETURN n.rowCount") == "10")
            }
        }
    }
}
