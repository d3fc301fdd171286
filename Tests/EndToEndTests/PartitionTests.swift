// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// A table whose rows are in partitions: what is done to the table, to its rows, and to the partitions themselves.
@Suite(.oneAtATime, .postgres())
struct `A partitioned table` {
    private static let schema = """
        CREATE TABLE place (id int PRIMARY KEY);
        CREATE TABLE reading (
            at date, place int REFERENCES place, value int, note text, PRIMARY KEY (at, place)) PARTITION BY RANGE (at);
        CREATE TABLE reading_1 PARTITION OF reading FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
        CREATE TABLE reading_2 (value int, gone int, place int NOT NULL, note text, at date NOT NULL);
        ALTER TABLE reading_2 DROP gone, ALTER note SET STORAGE EXTERNAL;
        ALTER TABLE reading ATTACH PARTITION reading_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
        CREATE TABLE reading_3 PARTITION OF reading FOR VALUES FROM ('2024-03-01') TO ('2024-05-01')
            PARTITION BY LIST (place);
        CREATE TABLE reading_3a PARTITION OF reading_3 FOR VALUES IN (1, 2, 3);
        CREATE TABLE reading_3b PARTITION OF reading_3 DEFAULT;
        INSERT INTO place SELECT generate_series(1, 9);
        INSERT INTO reading SELECT date '2024-01-01' + d, p, d * p, repeat('n', 3000)
            FROM generate_series(0, 110, 10) d, generate_series(1, 6) p;
        CREATE TABLE old_reading (LIKE reading INCLUDING ALL);
        INSERT INTO old_reading SELECT date '2023-01-01' + d, 1, d, 'old' FROM generate_series(0, 20) d;
        """

    private static let mapping = """
        tables:
          public.place: {label: Place, key: {id: id}}
          public.reading:
            label: Reading
            key: {at: at, place: place}
            properties: {value: value, note: note}
            relationships: [{type: PLACE, columns: [place], references: public.place}]
          public.old_reading: {skip: true}

        """

    private static func project(
        _ name: String, _ kind: GraphServer.Kind, _ body: @escaping @Sendable (Project) async throws -> Void
    ) async throws {
        try await Project.on(kind, name, schema: schema) { project in
            try await project.propose()
            try project.setTables(mapping)
            try await body(project)
        }
    }

    private static let kinds = GraphServer.newest

    @Test(arguments: kinds)
    func `is followed through its rows, which change their partition, and through what leaves them alone`(
        kind: GraphServer.Kind
    ) async throws {
        try await Self.project("parted", kind) { project in
            try await project.whileRunning { running in
                try await project.settle()
                for change in Self.changes.split(separator: ";;\n") { try await project.sql(String(change)) }
                try await project.settle()
                try await project.expectEqual("after changes of rows")
                // New files, and the same rows; an empty partition; one that comes with rows that the stream has.
                try await project.sql("VACUUM FULL reading_1")
                try await project.sql("TRUNCATE reading")
                try await project.sql(
                    """
                    INSERT INTO reading SELECT '2024-01-05', generate_series(1, 9);
                    CREATE TABLE reading_5 PARTITION OF reading FOR VALUES FROM ('2024-05-01') TO ('2024-06-01');
                    INSERT INTO reading SELECT '2024-05-05', generate_series(1, 9)
                    """)
                try await project.sql(
                    """
                    CREATE TABLE empty (LIKE reading INCLUDING ALL);
                    ALTER TABLE reading ATTACH PARTITION empty FOR VALUES FROM ('2024-06-01') TO ('2024-07-01');
                    """)
                try await project.sql("DELETE FROM reading_5; ALTER TABLE reading DETACH PARTITION reading_5")
                try await project.expectPartitions("empty,reading_1,reading_2,reading_3a,reading_3b")
                try await project.settle()
                try await project.expectEqual("after what the stream does not say, and nobody has to know")
                #expect(running.process.isRunning && !running.log.contains("partition "), "\(running.log)")
            }
        }
    }

    private static let changes = """
        UPDATE reading SET at = at + 31 WHERE at < '2024-01-15';;
        UPDATE reading SET value = value + 1; UPDATE reading_2 SET value = -1 WHERE place = 2;;
        UPDATE reading SET place = 9 WHERE place = 1 AND at > '2024-03-15';;
        UPDATE reading SET note = NULL WHERE place = 3; DELETE FROM reading_3 WHERE place = 4;;
        INSERT INTO reading_1 VALUES ('2024-01-31', 7, 7, 'x'); DELETE FROM reading WHERE place = 6;;
        ALTER TABLE reading_2 REPLICA IDENTITY FULL;;
        UPDATE reading SET value = 0 WHERE at < '2024-03-01'; DELETE FROM reading_2 WHERE place = 5
        """

    @Test(arguments: kinds)
    func `whose partitions change without a word in the stream is not left wrong in silence`(
        kind: GraphServer.Kind
    ) async throws {
        try await Self.project("silent", kind) { project in
            let emptied = "partition public.reading_1 was emptied, or written anew"
            try await project.whileRunning { running in
                try await project.settle()
                try await project.sql("TRUNCATE reading_1")
                try await running.says("public.reading: \(emptied): it is read again: ")
                try await project.settleLoads()
                try await project.expectEqual("read again beside the stream")
            }
            #expect(try await project.succeed("status").contains(emptied))
            // The same for what happens while nobody looks.
            try await project.sql(
                """
                ALTER TABLE reading ATTACH PARTITION old_reading FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
                ALTER TABLE reading_3 DETACH PARTITION reading_3b; DROP TABLE reading_3a
                """)
            let words = """
                public.reading: partition public.old_reading was attached with rows, \
                partition public.reading_3a was detached or dropped, partition public.reading_3b was detached or dropped: it
                """.replacing("\n", with: " ")
            // First by somebody who wants to decide himself.
            try project.edit { $0 += "schemaChanges: {partitionsChanged: pause}\n" }
            var running = try project.start(["run"])
            #expect(try await running.process.waitForExit(within: .seconds(60)) == .code(3), "\(running.log)")
            #expect(running.errors.contains(words + " has to be read again: "), "\(running.log)")
            try project.edit { $0.replace("partitionsChanged: pause", with: "partitionsChanged: apply") }
            try await project.whileRunning { running in
                try await running.says(words + " is read again: ")
                try await project.settleLoads()
                try await project.expectEqual("read again for what happened while nobody looked")
            }
            // Somebody who keeps what partitions leave behind says so, and is told.
            try project.edit { $0.replace("partitionsChanged: apply", with: "partitionsChanged: ignore") }
            running = try project.start(["run"])
            try await running.says("streaming")
            try await project.sql("DROP TABLE old_reading; INSERT INTO reading VALUES ('2024-02-28', 9, 1, 'new')")
            try await running.says("partition public.old_reading was detached or dropped: rows in the graph stay")
            try await project.settle()
            #expect(
                try await project.cypher("MATCH (n:Reading) WHERE n.note IN ['old', 'new'] RETURN count(n)") == "22")
            // What a partition's own replica identity leaves out is refused, from the start and later.
            try await project.sql("ALTER TABLE reading_1 REPLICA IDENTITY NOTHING")
            #expect(try await running.process.waitForExit(within: .seconds(60)) == .code(2), "\(running.log)")
            #expect(running.errors.contains("ALTER TABLE public.reading_1 REPLICA IDENTITY DEFAULT;"), "\(running.log)")
            // A partition is no table of the mapping.
            try project.edit { $0.replace("public.reading:", with: "public.reading_1:") }
            #expect(
                try await project.lockstep("check").output.contains("public.reading_1 is a partition: its changes come")
            )
        }
    }
}

extension Project {
    fileprivate func expectPartitions(_ names: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await eventually("the partitions are known", within: .seconds(20)) {
            try await cypher(
                """
                MATCH (t:LockstepTable) WHERE t.leaves IS NOT NULL UNWIND t.leaves AS l
                WITH split(l, ' ')[3] AS l ORDER BY l RETURN l
                """
            ).replacing("public", with: "").replacing("\n", with: ",") == names
        }
    }
}
