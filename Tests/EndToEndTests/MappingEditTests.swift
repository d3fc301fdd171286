// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import TestServers
import TestSupport
import Testing

/// The mapping file names other tables than it did, or the tables have changed so that the stream alone does not tell.
@Suite(.oneAtATime, .postgres())
struct `A table that the graph does not have yet` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text, code text);
        CREATE TABLE room (no text PRIMARY KEY, name text);
        CREATE TABLE task (
            id bigint PRIMARY KEY, owner int REFERENCES person ON DELETE SET NULL, room text REFERENCES room, body text);
        ALTER TABLE task ALTER body SET STORAGE EXTERNAL;
        CREATE TABLE label (id int PRIMARY KEY, name text);
        CREATE TABLE task_label (
            task bigint REFERENCES task ON UPDATE CASCADE ON DELETE CASCADE, label int REFERENCES label, weight int,
            PRIMARY KEY (task, label));
        CREATE TABLE device (id int PRIMARY KEY, serial text NOT NULL);
        INSERT INTO device SELECT i, 's' || i FROM generate_series(1, 50) i;
        INSERT INTO person SELECT i, 'p' || i, i FROM generate_series(1, 300) i;
        INSERT INTO room SELECT i, 'r' || i FROM generate_series(1, 20) i;
        INSERT INTO task SELECT i, i % 300 + 1, i % 20 + 1, CASE WHEN i % 5 = 0 THEN repeat('x', 2200) || i END
            FROM generate_series(1, 2000) i;
        INSERT INTO label SELECT i, 'l' || i FROM generate_series(1, 30) i;
        INSERT INTO task_label SELECT i, i % 30 + 1, i FROM generate_series(1, 1000) i;
        """

    private static func work(_ round: Int) -> String {
        """
        UPDATE task SET owner = id % 290 + 1 WHERE id % 97 = \(round);
        UPDATE task SET id = id + 10000 WHERE id % 970 = \(round) AND id < 10000;
        DELETE FROM task WHERE id % 500 = \(round);
        INSERT INTO task (id, owner, body) VALUES (\(20000 + round), 7, repeat('n', 2300));
        INSERT INTO task_label VALUES (\(20000 + round), \(round + 1), \(round));
        UPDATE task_label SET weight = weight + 1 WHERE task % 97 = \(round);
        UPDATE person SET name = 'w\(round)' WHERE id % 97 = \(round);
        """
    }

    /// The mapping without some of its tables.
    private static func without(_ tables: [String], _ text: String) -> String {
        var isLeftOut = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
            if let name = line.firstMatch(of: /^  public\.(\w+):/) { isLeftOut = tables.contains(String(name.1)) }
            if line.first.map({ $0 != " " && $0 != "#" }) == true { isLeftOut = false }
            let leads = tables.contains { line.contains("references: public.\($0)}") }
            return !isLeftOut && !leads
        }.joined(separator: "\n")
    }

    @Test(arguments: GraphServer.newest)
    func `is read while the stream goes on, and one that the mapping lost leaves`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "edited", schema: Self.schema) { project in
            try await project.propose()
            let whole = try String(contentsOf: project.mapping, encoding: .utf8)
            try project.edit { $0 = Self.without(["task", "task_label"], whole) }
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("without tasks")
            }
            try await project.sql(Self.work(0))
            try project.edit { $0 = whole }
            let check = try await project.lockstep("check")
            #expect(check.exit == .code(0) && check.output.contains("lacks public.task"), "\(check)")
            // Somebody is writing to the new table, and has been before it was published.
            let slow = Task {
                try await project.sql(
                    """
                    BEGIN; UPDATE task SET owner = 5 WHERE id % 7 = 1;
                    DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM person WHERE id = 999) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
                    UPDATE task SET owner = 6 WHERE id % 7 = 2; COMMIT
                    """)
            }
            try await eventually("the writer writes") {
                try await project.sql(
                    "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' AND relation = 'task'::regclass")
                    != "0"
            }
            try await project.whileRunning { running in
                try await running.says("public.task: it is in the mapping now")
                try await eventually("it is begun with") {
                    try await project.cypher("MATCH (l:LockstepLoad {pass: 'nodes'}) RETURN count(l)") == "1"
                }
                try await project.sql("UPDATE person SET name = 'late'; INSERT INTO person VALUES (999)")
                _ = try await slow.value
                for round in 1..<10 { try await project.sql(Self.work(round)) }
                for round in 10..<20 { try await project.sql(Self.work(round)) }
                try await running.says("loaded: public.task, public.task_label", within: .seconds(60))
                try await project.settle()
                try await project.expectEqual("with tasks")
            }
            try project.edit { $0 = Self.without(["label", "task_label"], whole) }
            #expect(try await project.lockstep("check").output.contains("public.label is not in the mapping any more"))
            try await project.whileRunning { running in
                try await project.sql(Self.work(20))
                try await project.settle()
                #expect(running.log.contains("public.label: it is not in the mapping any more"), "\(running.log)")
                #expect(try await project.cypher("MATCH (n:Label) RETURN count(n)") == "0")
                try await project.expectEqual("without labels")
                #expect(!running.log.contains("something else"), "\(running.log)")
            }
        }
    }

    private static let edits: [(words: String, others: String)] = [
        // Properties: gone, another name, another type, constants and derived ones.
        (
            "      name: name  # text -> string\n      code: code",
            "      name: title\n      code: {property: code, as: string}"
        ),
        (
            "    label: Person",
            "    labels: [Person, Being]\n    constants: {source: crm}\n    derived: {tag: \"<${name}>\"}"
        ),
        // Rows that do not count, by a filter that the publication does not have yet, and softly deleted ones.
        ("    label: Room", "    where: no < '15'\n    label: Chamber"),
        (
            "    label: Label  # a node for each row; the table's name\n    key: {id: id}",
            "    label: Label\n    softDelete: {column: name, equals: l7}\n    key: {id: number}"
        ),
        // Relationships under another type, the other way round, and of rows under another property.
        (
            "{type: OWNER, columns: [owner], references: public.person}",
            "{type: BELONGS_TO, columns: [owner], references: public.person, reversed: true}"
        ),
        ("      weight: weight", "      weight: heft"),
    ]

    @Test(arguments: GraphServer.newest.filter(\.isNeo4j))
    func `is not needed where an entry was edited: the graph follows beside the stream`(kind: GraphServer.Kind)
        async throws
    {
        try await Project.on(kind, "reworded", schema: Self.schema) { project in
            try await project.sql("ALTER TABLE room REPLICA IDENTITY FULL; ALTER TABLE label REPLICA IDENTITY FULL")
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            // A waiting transaction has written to a table whose filter is about to be another one.
            try await project.sql(Self.work(0))
            var original = ""
            try project.edit { text in
                original = text
                for (words, others) in Self.edits {
                    #expect(text.contains(words), "\(words)")
                    text.replace(words, with: others)
                }
            }
            let check = try await project.lockstep("check")
            #expect(
                check.exit == .code(0)
                    && check.output.contains("public.person: the mapping makes something else of it"), "\(check)")
            try await project.whileRunning { running in
                for round in 1..<10 { try await project.sql(Self.work(round)) }
                try await running.says(
                    "loaded: public.label, public.person, public.room, public.task, public.task_label",
                    within: .seconds(60))
                try await project.settle()
                try await project.expectEqual("edited")
                #expect(
                    running.log.contains(
                        "public.room: the mapping makes something else of it than the graph has: what it has made leaves"
                    ))
                let rests = """
                    MATCH (n:Person) WHERE n.name IS NOT NULL RETURN count(*) AS c UNION ALL
                    MATCH (n:Room) RETURN count(*) AS c UNION ALL MATCH ()-[o:OWNER]->() RETURN count(*) AS c UNION ALL
                    MATCH ()-[o:TASK_LABEL]->() WHERE o.weight IS NOT NULL RETURN count(*) AS c
                    """
                #expect(try await project.cypher(rests) == "0\n0\n0\n0")
                #expect(
                    try await project.succeed("status").contains(
                        "leaves the graph, and it is read while the stream goes on"))
            }
            // Back again, killed in the middle, and taken back.
            var edited = ""
            try project.edit { text in
                edited = text
                text = original
            }
            try await project.sql(Self.work(10))
            let killed = try project.start(["run"])
            try await killed.says("public.task: the mapping makes something else of it")
            try await killed.kill9()
            try project.edit { $0 = edited }
            try await project.whileRunning { running in
                for round in 11..<20 { try await project.sql(Self.work(round)) }
                try await running.says("loaded: ", within: .seconds(60))
                try await project.settle()
                try await project.expectEqual("taken back")
            }
            // Nothing but a property less: nothing is read.
            try project.edit { text in
                text.replace(/\n      body: body[^\n]*/, with: "")
                text.replace("tables:\n", with: "schemaChanges: {mappingEdited: pause}\ntables:\n")
            }
            #expect(try await project.lockstep("run").errors.contains("let mappingEdited be apply"))
            try project.edit { $0.replace("mappingEdited: pause", with: "mappingEdited: apply") }
            try await project.whileRunning { running in
                try await project.sql(Self.work(20))
                try await project.settle()
                try await project.expectEqual("without bodies")
                #expect(try await project.cypher("MATCH (n:Task) WHERE n.body IS NOT NULL RETURN count(n)") == "0")
                #expect(
                    running.log.contains("body leaves the graph") && !running.log.contains("loaded:"), "\(running.log)")
            }
        }
    }

    @Test func `comes with a file that is read anew while the process runs, unless something is wrong with it`()
        async throws
    {
        try await Project.on(try #require(GraphServer.newest.first), "reloaded", schema: Self.schema) { project in
            try await project.propose()
            let whole = try String(contentsOf: project.mapping, encoding: .utf8)
            try project.edit { $0 = Self.without(["label", "task_label"], whole) }
            try await project.whileRunning { running in
                try await project.settle()
                // Wrong in itself, against the database, in what cannot change, and only for who alters the publication.
                let wrong: [(String, String, String)] = [
                    ("tables:\n", "tables: [\n", "lockstep.yaml:"),
                    ("name: name", "nme: name", "has no column nme"),
                    ("\n  slot: ", "\n  slot: other_", "source.slot cannot change while it runs"),
                    ("    label: Room", "    where: no < '15'\n    label: Room", "REPLICA IDENTITY FULL"),
                ]
                for (index, (words, others, complaint)) in wrong.enumerated() {
                    try project.edit { text in
                        #expect(text.contains(words), "\(words)")
                        text.replace(words, with: others)
                    }
                    running.process.send(signal: SIGHUP)
                    try await eventually("it is refused: \(words)", within: .seconds(20)) {
                        running.log.components(separatedBy: "is refused, and the mapping in use goes on").count == index
                            + 2
                    }
                    #expect(running.log.contains(complaint), "\(running.log.suffix(1000))")
                    try project.edit { $0 = Self.without(["label", "task_label"], whole) }
                    try await project.sql(Self.work(index))
                }
                try await project.settle()
                try await project.expectEqual("as before")
                #expect(!running.log.contains("was read anew"))
                // What only an attempt finds, which cannot begin for it.
                _ = try await project.cypher("CREATE (:Crew {id: 1})")
                try project.edit { $0.replace("    label: Person", with: "    label: Crew") }
                running.process.send(signal: SIGHUP)
                try await running.says("lockstep.yaml cannot be gone by, and the mapping before it goes on")
                #expect(running.log.contains("nodes labelled \"Crew\" already"), "\(running.log.suffix(1000))")
                _ = try await project.cypher("MATCH (n:Crew) DELETE n")
                try project.edit { text in
                    text = whole.replacing("      body: body", with: "      body: text")
                    text.replace("tables:\n", with: "batch: {rows: 100}\ntables:\n")
                }
                for _ in 0..<2 { running.process.send(signal: SIGHUP) }
                for round in 4..<10 { try await project.sql(Self.work(round)) }
                try await running.says("loaded: public.label, public.task, public.task_label", within: .seconds(60))
                try await project.settle()
                try await project.expectEqual("by another file")
                #expect(
                    running.log.contains(
                        "public.task: the mapping makes something else of it than the graph has: body leaves"))
            }
            // Another primary key is for somebody to say.
            let waiting = try project.start(["run"])
            try await project.settle()
            try await project.sql(
                "ALTER TABLE device DROP CONSTRAINT device_pkey, ADD PRIMARY KEY (serial); UPDATE device SET id = id % 7"
            )
            try await waiting.says("the key (id) is neither the primary key of public.device")
            #expect(try await waiting.process.waitForExit(within: .seconds(10)) != .code(0))
            try await project.sql(
                "UPDATE device SET serial = 't' || id WHERE serial = 's7'; DELETE FROM device WHERE id = 2")
            try project.edit { text in
                text.replace(/( +)key: \{id: id\}[^\n]*\n +properties:\n +serial: serial[^\n]*/) { match in
                    "\(match.1)key: {serial: serial}\n\(match.1)properties: {id: id}"
                }
            }
            try await project.whileRunning { running in
                try await running.says("loaded: public.device")
                try await project.sql(
                    "DELETE FROM device WHERE id = 3; UPDATE device SET serial = 'x' WHERE serial = 's1'")
                try await project.settle()
                try await project.expectEqual("by another key")
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `as it is now is read again while it is followed`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "altered", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { text in
                text = text.replacing(
                    "tables:\n", with: "schemaChanges: {columnAdded: apply, columnRetyped: apply}\ntables:\n")
            }
            try await project.whileRunning { running in
                try await project.settle()
                // ArcadeDB's constraint fixes the type of a key.
                let retypedKey = """
                    ALTER TABLE task DROP CONSTRAINT task_room_fkey; ALTER TABLE room ALTER COLUMN no TYPE int USING no::int;
                    ALTER TABLE task ALTER COLUMN room TYPE int USING room::int, ADD FOREIGN KEY (room) REFERENCES room
                    """
                for (index, statement) in [
                    "ALTER TABLE person ALTER COLUMN code TYPE int USING code::int",
                    "ALTER TABLE task ADD COLUMN priority int DEFAULT 5",
                    kind.isNeo4j ? retypedKey : "ALTER TABLE room ADD COLUMN floor int DEFAULT 2",
                    """
                    DROP TABLE task_label; CREATE TABLE task_label (task bigint REFERENCES task ON UPDATE CASCADE ON DELETE CASCADE,
                    label int REFERENCES label, weight int, PRIMARY KEY (task, label));
                    INSERT INTO task_label SELECT id, 7, 0 FROM task WHERE id < 500
                    """,
                ].enumerated() {
                    try await project.sql(Self.work(2 * index))
                    try await project.sql(statement)
                    try await project.sql(Self.work(2 * index + 1))
                    try await eventually("it is read again: \(statement)", within: .seconds(60)) {
                        running.log.components(separatedBy: "loaded: ").count > index + 1
                    }
                    try await project.settle()
                    try await project.expectEqual(statement)
                }
            }
        }
    }
}
