// Part of Lockstep. See LICENSE.

import TestServers
import TestSupport
import Testing

/// Tables that inherit from one another. A statement on the parent is one on its children, too; its rows are its own.
@Suite(.oneAtATime, .postgres())
struct `Tables that inherit` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text, vita text);
        ALTER TABLE person ALTER vita SET STORAGE EXTERNAL;
        CREATE TABLE employee (salary int, PRIMARY KEY (id)) INHERITS (person);
        CREATE TABLE manager (car text, PRIMARY KEY (id)) INHERITS (employee);
        CREATE TABLE customer (rating int, PRIMARY KEY (id)) INHERITS (person);
        CREATE TABLE visitor (seen date) INHERITS (person);
        CREATE TABLE badge (id int PRIMARY KEY, holder int REFERENCES person ON DELETE CASCADE ON UPDATE CASCADE);
        INSERT INTO person SELECT i, 'p', repeat('v', 5000) FROM generate_series(1, 9) i;
        INSERT INTO employee SELECT i, 'e', repeat('w', 5000), i FROM generate_series(5, 14) i;
        INSERT INTO manager SELECT i, 'm', NULL, i, 'red' FROM generate_series(1, 4) i;
        INSERT INTO customer SELECT i, 'c', NULL, i FROM generate_series(1, 20) i;
        INSERT INTO visitor SELECT i, 'v', NULL, '2024-01-01' FROM generate_series(1, 5) i;
        INSERT INTO badge SELECT i, i FROM generate_series(1, 9) i;
        """

    private static let changes = """
        UPDATE person SET name = name || id WHERE id % 2 = 0;
        UPDATE ONLY person SET name = 'only' WHERE id = 1;
        BEGIN; DELETE FROM person WHERE id = 3; INSERT INTO manager VALUES (3, 'new', 'x', 7, 'blue'); COMMIT;
        DELETE FROM ONLY person WHERE id = 4;
        UPDATE person SET id = id + 100 WHERE id IN (5, 6);
        UPDATE employee SET salary = salary + 1;
        BEGIN; ALTER TABLE customer NO INHERIT person; UPDATE person SET name = 'without'; COMMIT;
        ALTER TABLE customer INHERIT person;
        INSERT INTO badge VALUES (105, 105);
        UPDATE visitor SET seen = now(); DELETE FROM visitor WHERE id = 2
        """

    @Test(arguments: GraphServer.newest)
    func `have each their own rows in the graph, whichever table a statement names`(
        kind: GraphServer.Kind
    ) async throws {
        try await Project.on(kind, "inherit", schema: Self.schema) { project in
            try await project.propose()
            // A node of ArcadeDB has one label.
            try project.edit { text in
                for label in ["Person", "Employee", "Manager", "Customer"] where kind.isNeo4j {
                    text.replace("label: \(label) ", with: "labels: [\(label), Being] ")
                }
            }
            try await project.whileRunning { _ in
                try await project.settle()
                #expect(try await project.counts() == "Badge 9, Customer 20, Employee 10, Manager 4, Person 9")
                try await project.expectEqual("after the first read")
                // The visitors have no key, and can be changed all the same: they are not published.
                for change in Self.changes.split(separator: ";\n") {
                    try await project.sql(String(change))
                }
                try await project.settle()
                try await project.expectEqual("after changes row by row")
                try await project.sql("TRUNCATE ONLY employee")
                try await project.settle()
                #expect(try await project.counts() == "Badge 8, Customer 19, Manager 4, Person 7")
                try await project.sql("INSERT INTO employee VALUES (1, 'e', NULL, 1); TRUNCATE person CASCADE")
                try await project.settle()
                try await project.expectEqual("after TRUNCATE of all")
                #expect(try await project.counts() == "")
            }
        }
    }
}

extension Project {
    /// How many nodes there are of each label that is a table's.
    fileprivate func counts() async throws -> String {
        try await cypher(
            """
            MATCH (n) WHERE NOT labels(n)[0] STARTS WITH 'Lockstep'
            WITH [l IN labels(n) WHERE l <> 'Being'][0] AS label, count(*) AS c
            RETURN label + ' ' + c AS line ORDER BY line
            """
        ).replacing("\n", with: ", ")
    }
}
