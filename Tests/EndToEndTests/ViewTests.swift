// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import TestServers
import TestSupport
import Testing

/// Relationships that views compute, and queries in the mapping file.
@Suite(.oneAtATime, .postgres())
struct `Views that become relationships` {
    /// `author` names nobody whom a constraint guards. `co_author` counts; `latest` has a key of its own, and an end that
    /// changes; `ratio` divides; `named` is materialized, and reads a table that is not mapped. Of the queries one calls a
    /// function, the other reads a view.
    private static let schema = """
        CREATE FUNCTION weight(int) RETURNS int LANGUAGE sql RETURN 1 + $1 % 3;
        CREATE TABLE person (id int PRIMARY KEY, name text, score int NOT NULL DEFAULT 1);
        CREATE TABLE paper (id int PRIMARY KEY, title text, published date);
        CREATE TABLE author (paper int, person int, PRIMARY KEY (paper, person));
        CREATE TABLE nickname (person int PRIMARY KEY, paper int);
        CREATE VIEW co_author AS SELECT a.person AS one, b.person AS other, count(*) AS papers, min(a.paper) AS first
            FROM author a JOIN author b ON a.paper = b.paper AND a.person < b.person GROUP BY 1, 2;
        CREATE VIEW by_date AS SELECT a.person, p.id, p.published FROM author a JOIN paper p ON p.id = a.paper;
        CREATE VIEW latest AS SELECT DISTINCT ON (person) person AS who, id AS paper, published
            FROM by_date ORDER BY person, published DESC, id;
        CREATE VIEW ratio AS SELECT a.id AS one, b.id AS other, 100 / b.score AS part
            FROM person a JOIN person b ON b.id = a.id + 1;
        CREATE MATERIALIZED VIEW named AS SELECT person, paper FROM nickname;
        INSERT INTO person SELECT i, 'p' || i FROM generate_series(1, 40) i;
        INSERT INTO paper SELECT i, 't' || i, date '2020-01-01' + i FROM generate_series(1, 60) i;
        INSERT INTO author SELECT DISTINCT i, 1 + (i * j * 7) % 43 FROM generate_series(1, 60) i, generate_series(1, 4) j;
        INSERT INTO nickname SELECT i, i FROM generate_series(1, 5) i;
        REFRESH MATERIALIZED VIEW named;
        """

    private static let tables = """
        batch: {rows: 40, wholeRows: 100}
        queries:
          together:
            refresh: 1s
            query: |
              SELECT a.person AS one, b.person AS other, sum(public.weight(p.id)) AS weight, max(p.published) AS last
              FROM public.author a JOIN public.author b ON a.paper = b.paper AND a.person < b.person
              JOIN public.paper p ON p.id = a.paper GROUP BY 1, 2  -- each pair once
            relationship: TOGETHER
            from: {columns: [one], references: public.person}
            to: {columns: [other], references: public.person}
            properties: {weight: weight, last: last}
            constants: {source: query}
          oldest:
            refresh: 1s
            query: SELECT DISTINCT ON (person) person, id AS paper FROM public.by_date ORDER BY person, published, id
            relationship: OLDEST
            key: {person: who}
            from: {columns: [person], references: public.person}
            to: {columns: [paper], references: public.paper}
        tables:
          public.person: {label: Person, key: {id: id}, properties: {name: name, score: score}}
          public.paper: {label: Paper, key: {id: id}, properties: {title: title, published: published}}
          public.author:
            relationship: WROTE
            from: {columns: [person], references: public.person, enforced: false}
            to: {columns: [paper], references: public.paper, enforced: false}
          public.nickname: {skip: true}
          public.co_author:
            refresh: 1s
            relationship: CO_AUTHOR
            from: {columns: [one], references: public.person}
            to: {columns: [other], references: public.person}
            properties: {papers: papers, first: first}
          public.latest:
            refresh: 1s
            relationship: LATEST
            key: {who: who}
            from: {columns: [who], references: public.person}
            to: {columns: [paper], references: public.paper}
            properties: {published: published}
            constants: {source: view}
          public.ratio:
            refresh: 1s
            relationship: RATIO
            from: {columns: [one], references: public.person}
            to: {columns: [other], references: public.person}
            properties: {part: part}
          public.named:
            refresh: 1s
            relationship: NAMED
            from: {columns: [person], references: public.person}
            to: {columns: [paper], references: public.paper}
        """

    @Test func `keep nothing waiting that happens beside them, however often they are read`() async throws {
        let schema =
            "CREATE TABLE person (id int PRIMARY KEY); CREATE TABLE beside (id int); INSERT INTO person VALUES (1)"
        try await Project.on(try #require(GraphServer.newest.first), "busy", schema: schema) { project in
            try await project.propose()
            let queries = (1...4).map { number in
                """
                  self_\(number):
                    refresh: {every: 1s}
                    query: SELECT id AS one, id AS other FROM public.person, pg_sleep(0.3)
                    relationship: SELF_\(number)
                    from: {columns: [one], references: public.person}
                    to: {columns: [other], references: public.person}
                """
            }
            try project.setTables(
                """
                queries:
                \(queries.joined(separator: "\n"))
                tables:
                  public.person: {label: Person, key: {id: id}}
                  public.beside: {skip: true}
                """)
            try await project.whileRunning { running in
                try await running.says("read: self_4")
                try await project.sql("INSERT INTO beside SELECT generate_series(1, 100)")
                let wait = try await project.lockstep("wait", "--timeout", "20")
                #expect(wait.exit == .code(0), "\(wait)")
            }
        }
    }

    @Test(arguments: GraphServer.newest)
    func `are those of the source whatever changes`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "views", schema: Self.schema) { project in
            try await project.propose()
            try project.setTables(Self.tables)
            let check = try await project.lockstep("check")
            #expect(check.output.contains("public.named is a materialized view"), "\(check)")
            #expect(!check.output.contains("public.co_author is a view"), "\(check)")
            let running = try project.start(["run"])
            do {
                try await Self.follow(project, running)
            } catch {
                throw TestServerError("\(error)\n\(running.log.suffix(3000))")
            }
            // The change is in the graph, and the view is not read yet: somebody has locked another table of its.
            let locking = try PostgresConnection(
                PostgresConfiguration(project.postgres.url(database: project.database)))
            try locking.execute("BEGIN; LOCK TABLE author")
            try await project.sql("UPDATE paper SET published = published - 300 WHERE id < 30")
            try await project.settle()
            #expect(try await project.succeed("status", "--json").contains("\"pending\": true"))
            try await running.kill9()
            locking.close()
            try await project.sql("DROP VIEW ratio")
            try await project.whileRunning { running in
                try await Self.restore(project, running)
                try await project.settleViews()
                try await project.expectEqual("after a kill, and with a view that was gone")
                try await project.sql("TRUNCATE author")
                try await project.settleViews()
                #expect(
                    try await project.cypher(
                        "MATCH ()-[o:CO_AUTHOR|LATEST|TOGETHER|OLDEST]->() RETURN count(o)") == "0")
                try await project.sql(
                    """
                    INSERT INTO author VALUES (1, 8), (1, 9), (2, 9), (2, 10);
                    DROP VIEW co_author;
                    CREATE VIEW co_author AS SELECT a.person AS one, b.person AS other,
                        2.5::float8 * count(*) AS papers, min(a.paper) AS first
                    FROM author a JOIN author b ON a.paper = b.paper AND a.person < b.person GROUP BY 1, 2;
                    INSERT INTO nickname VALUES (9, 9); DELETE FROM nickname WHERE person = 1;
                    REFRESH MATERIALIZED VIEW named;
                    """)
                try await eventually("the new definition counts", within: .seconds(20)) {
                    try await project.cypher("MATCH ()-[o:CO_AUTHOR]->() RETURN DISTINCT o.papers") == "2.5"
                }
                try await project.settleViews()
                try await project.expectEqual("after another definition")
            }
            try await Self.edit(project)
            try await project.whileRunning { running in
                try await running.says("public.ratio: it is not in the mapping any more")
                try await project.settle()
                #expect(try await project.cypher("MATCH ()-[o:RATIO|NAMED]->() RETURN count(o)") == "0")
                try await running.says("together rows=1 ")
                try await project.settleViews()
                #expect(try await project.cypher("MATCH ({id: 9})-[o:TOGETHER]->({id: 10}) RETURN count(o)") == "1")
                #expect(try await project.cypher("MATCH ()-[o:TOGETHER]->() RETURN count(o)") == "1")
            }
        }
    }

    /// Another query, first one that cannot be, and fewer views.
    private static func edit(_ project: Project) async throws {
        try project.edit { text in
            text =
                text.prefix(upTo: try #require(text.range(of: "\n  public.ratio:")).lowerBound)
                .replacing("-- each pair once", with: "HAVING min(paper) > 1") + "\n"
        }
        let check = try await project.lockstep("check")
        #expect(
            check.output.contains("does not take the query together: line 3: column reference \"paper\" is ambiguous"),
            "\(check)")
        try project.edit { $0 = $0.replacing("min(paper)", with: "min(a.paper)") }
    }

    private static func follow(_ project: Project, _ running: RunningLockstep) async throws {
        try await project.settleViews()

        // More than one graph transaction's worth, key and end changes, and nodes that come, go and come back.
        try await project.sql(
            """
            INSERT INTO author SELECT DISTINCT i, 41 + (i * j) % 30 FROM generate_series(1, 60) i,
                generate_series(1, 5) j ON CONFLICT DO NOTHING;
            UPDATE paper SET published = published + 100 WHERE id % 3 = 0;
            DELETE FROM person WHERE id IN (3, 4); DELETE FROM author WHERE person % 11 = 5;
            """)
        try await project.settleViews()
        try await project.sql("INSERT INTO person SELECT i, 'q' FROM generate_series(3, 60) i ON CONFLICT DO NOTHING")
        try await project.sql(
            "UPDATE person SET id = 500 WHERE id = 7; UPDATE author SET person = 500 WHERE person = 7")
        try await project.settleViews()
        try await project.expectEqual("when ends have come, and a key has changed")

        try await fail(project, running)
        try await repair(project)
    }

    /// A view or a query that cannot be read keeps nothing else from going on.
    private static func fail(_ project: Project, _ running: RunningLockstep) async throws {
        try await project.sql(
            """
            DROP FUNCTION weight(int); UPDATE person SET score = 0 WHERE id = 20;
            INSERT INTO author VALUES (50, 20) ON CONFLICT DO NOTHING
            """)
        try await running.says("public.ratio could not be read")
        try await running.says("together could not be read")
        try await eventually("status says so", within: .seconds(10)) {
            try await project.succeed("status").contains("it cannot be read: PostgreSQL")
        }
        let status = try await project.succeed("status")
        #expect(
            status.contains("division by zero") && status.contains("function public.weight(integer) does not exist"))
        let check = try await project.lockstep("check")
        #expect(
            check.exit != .code(0) && check.description.contains("public.ratio are those of an earlier time"),
            "\(check)")
        #expect(try await project.cypher("MATCH (p:Person {id: 20}) RETURN p.score") == "0")
        #expect(try await project.cypher("MATCH ({id: 19})-[o:RATIO]->() RETURN o.part") == "100")
        #expect(try await project.cypher("MATCH ()-[o:TOGETHER]->() RETURN count(o) > 0") == "true")
        // The query gives another type from here on.
        try await project.sql(
            """
            UPDATE person SET score = 5 WHERE id = 20;
            CREATE FUNCTION weight(int) RETURNS float8 LANGUAGE sql RETURN 0.5::float8 + $1 % 3
            """)
        try await project.settleViews()
    }

    /// One that is gone keeps nothing else from beginning, and counts again when it is there.
    private static func restore(_ project: Project, _ running: RunningLockstep) async throws {
        try await running.says("public.ratio cannot be read until the mapping fits to it again")
        try await project.settle()
        #expect(try await project.cypher("MATCH ()-[o:RATIO]->() RETURN count(o) > 0") == "true")
        let status = try await project.succeed("status")
        #expect(status.contains("database \(project.database) has no table public.ratio"), "\(status)")
        try await project.sql(
            "CREATE VIEW ratio AS SELECT a.id AS one, b.id AS other, 100 / b.score AS part "
                + "FROM person a JOIN person b ON b.id = a.id + 2")
    }

    /// What somebody else does to the graph is found, and made right on request.
    private static func repair(_ project: Project) async throws {
        _ = try await project.cypher("MATCH ()-[o:CO_AUTHOR]->() WITH o LIMIT 1 DELETE o")
        _ = try await project.cypher("MATCH ()-[o:RATIO]->() WITH o LIMIT 1 SET o.part = 7")
        _ = try await project.cypher("MATCH ()-[o:TOGETHER]->() WITH o LIMIT 1 SET o.weight = 0.25")
        _ = try await project.cypher("MATCH (a:Person {id: 30}), (b:Paper {id: 1}) CREATE (a)-[:NAMED]->(b)")
        let verified = try await project.lockstep("verify", "--full")
        #expect(verified.exit != .code(0), "\(verified)")
        for what in ["CO_AUTHOR", "RATIO", "NAMED", "TOGETHER"] {
            #expect(verified.output.contains(what), "\(what): \(verified)")
        }
        // Their nodes with them.
        try await project.succeed(
            "resync", "public.person", "public.co_author", "public.ratio", "public.named", "together")
        try await project.settleViews()
        try await project.expectEqual("after resync")
    }
}

extension Project {
    /// Waits until the graph has everything that is committed now, the rows of views with it.
    func settleViews() async throws {
        try await settle()
        do {
            try await eventually("the views have been read", within: .seconds(30), every: .milliseconds(100)) {
                let status = try await lockstep("status", "--json")
                return status.exit == .code(0) && !status.output.contains("\"pending\": true")
                    && !status.output.contains("\"readAt\": null")
            }
        } catch {
            throw TestServerError("\(error)\n\(try await lockstep("status"))")
        }
    }
}
