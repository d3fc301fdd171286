// Part of Lockstep. See LICENSE.

import TestServers
import TestSupport
import Testing

/// Rows that thousands of others name while no constraint says so: what comes and goes with one of them does not fit into one
/// transaction of the graph server.
@Suite(.oneAtATime, .postgres())
struct `A row that many name` {
    /// - Parameter count: Of those who name one row, or a few times as many.
    private static func schema(_ count: Int) -> String {
        """
        CREATE TABLE topic (id int PRIMARY KEY, code text UNIQUE NOT NULL, title text);
        CREATE TABLE note (id int PRIMARY KEY, topic int, code text REFERENCES topic (code) ON DELETE SET NULL);
        CREATE TABLE mention (id int PRIMARY KEY, note int, topic int, place int);
        INSERT INTO topic VALUES (1, 'one', 'hub'), (3, 'three', 'other hub'), (4, 'four', 'hardly named');
        INSERT INTO note SELECT i, CASE WHEN i <= \(count * 3) THEN 1 ELSE 2 END, CASE WHEN i % 4 = 0 THEN 'three' END
            FROM generate_series(1, \(count * 4)) i;
        INSERT INTO mention SELECT i, i + \(count * 3), i % 2 + 1, i % 9 FROM generate_series(1, \(count * 2)) i;
        """
    }

    /// Some of the mentions lead from notes that are not there.
    private static let tables = """
        tables:
          public.topic: {label: Topic, key: {id: id}, properties: {code: code, title: title}}
          public.note:
            label: Note
            key: {id: id}
            relationships:
              - {type: TOPIC, columns: [topic], references: public.topic, enforced: false}
              - {type: CODE, columns: [code], references: public.topic}
          public.mention:
            relationship: MENTIONS
            key: {id: id}
            from: {columns: [note], references: public.note, enforced: false}
            to: {columns: [topic], references: public.topic, enforced: false}
            properties: {place: place}

        """

    /// Half of what one of the changes below would take.
    private static let memory = ["db.memory.transaction.max": "4m"]

    @Test(arguments: GraphServer.newest)
    func `goes, comes and changes its key in portions, and goes on behind kill -9`(kind: GraphServer.Kind) async throws
    {
        try kind.requireAvailable()
        // ArcadeDB has no such limit, and slow indexes where many have one value.
        let count = kind.isNeo4j ? 3000 : 600
        let project = try await Project(
            "hub", postgres: .current, graph: GraphServer(kind, settings: kind.isNeo4j ? Self.memory : [:]),
            schema: Self.schema(count))
        try await project.propose()
        try project.setTables(Self.tables)
        try project.applyInParts(of: count / 15, above: count / 3)
        try await project.whileRunning { running in
            try await project.settle()
            for change in [
                "DELETE FROM topic WHERE id = 1",
                "INSERT INTO topic VALUES (1, 'one', 'again')",
                "UPDATE topic SET id = 2 WHERE id = 1",
                // Its notes stay, by another key.
                "UPDATE topic SET id = 30 WHERE id = 3",
            ] {
                let before = running.log.ranges(of: "applied in parts").count
                try await project.sql(change)
                try await project.settle()
                let verified = try await project.lockstep("verify", "--full")
                #expect(verified.exit == .code(0), "\(change)\n\(verified)")
                #expect(running.log.ranges(of: "applied in parts").count == before + 1, "\(change)")
            }
            // Few name these.
            try await project.sql("UPDATE topic SET id = 5, title = 'x' WHERE id = 4; UPDATE topic SET title = 'y'")
            try await project.settle()
            #expect(running.log.ranges(of: "applied in parts").count == 4)
            try await project.sql("TRUNCATE topic CASCADE; INSERT INTO topic VALUES (1, 'one', 'back')")
            try await project.sql("INSERT INTO note SELECT i, 1 FROM generate_series(1, \(count * 3)) i")
            try await project.settle()
            #expect(!running.log.contains("the graph cannot hold the transaction"), "\(running.log.suffix(3000))")
        }
        // Small ones before, between and behind, all of which wait when the run begins.
        func many(_ change: (Int) -> String) -> String { (10..<20).map { "BEGIN; \(change($0)); COMMIT; " }.joined() }
        try await project.sql(many { "INSERT INTO topic VALUES (\($0), 'c\($0)')" })
        try await project.sql("UPDATE topic SET id = 40 WHERE id = 1")
        try await project.sql(many { "UPDATE topic SET id = id + 100 WHERE id = \($0)" })
        try await project.sql("UPDATE topic SET id = 1 WHERE id = 40")
        try await project.sql(many { "DELETE FROM topic WHERE id = \($0 + 100)" })
        try await project.whileRunning { running in
            try await project.settle()
            #expect(running.log.ranges(of: "applied in parts").count == 2, "\(running.log)")
            try await project.expectEqual("small ones beside it")
            // What somebody else has put there, with as much at it, goes as well.
            _ = try await project.cypher("CREATE (:Topic {id: 77})")
            for first in stride(from: 0, to: kind.isNeo4j ? count * 3 : count / 2, by: 500) {
                let range = "n.id > \(first) AND n.id <= \(first + 500)"
                _ = try await project.cypher(
                    "MATCH (t:Topic {id: 77}) MATCH (n:Note) WHERE \(range) CREATE (n)-[:TOPIC]->(t)")
            }
            try await project.succeed("resync", "public.topic")
            try await running.loads("public.topic")
            try await project.expectEqual("a leftover")
        }
        try await Self.kill(project, in: "DELETE FROM topic", with: "UPDATE note SET topic = 5 WHERE id = 7")
        try await Self.kill(
            project, in: "INSERT INTO topic VALUES (1, 'one', 'back')", with: "DELETE FROM note WHERE id = 8")
        try await project.remove()
    }

    /// Ends the run while a part of the first change is in the graph.
    private static func kill(_ project: Project, in first: String, with second: String) async throws {
        let count = "MATCH ()-[o:TOPIC]->() RETURN count(o)"
        let running = try project.start(["run"])
        try await project.settle()
        let before = try await project.cypher(count)
        try await project.sql(first)
        try await project.sql(second)
        try await eventually("a part of it is in the graph", within: .seconds(60)) {
            try await project.cypher(count) != before
        }
        try await running.kill9()
        #expect(try await project.partial() != nil, "\(first)")
        try await project.whileRunning { running in
            try await project.settle()
            #expect(running.log.contains("applied in parts from="), "\(running.log)")
            try await project.expectEqual("after kill -9 in \(first)")
            try await project.expectNoTraceOfParts()
        }
    }
}
