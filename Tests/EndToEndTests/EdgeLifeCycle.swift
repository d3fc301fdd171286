// Part of Lockstep. See LICENSE.

import Testing

/// What happens to rows and what the graph shows then: each with tables of its own.
struct EdgeLifeCycle: Sendable, CustomTestStringConvertible {
    struct Step: Sendable {
        /// One transaction, unless it says otherwise.
        var sql: String
        /// `query` gives `answer`, once the graph has caught up.
        var query: String
        var answer: String

        init(_ sql: String, _ query: String, _ answer: String) {
            self.sql = sql
            self.query = query
            self.answer = answer
        }
    }

    var name: String
    var schema: String
    var steps: [Step]

    var testDescription: String { name }

    init(_ name: String, _ schema: String, _ steps: Step...) {
        self.name = name
        self.schema = schema
        self.steps = steps
    }

    static let all: [EdgeLifeCycle] = relationships + unenforced + joins + keys + rows + names

    /// Foreign keys that nothing enforces: NOT VALID, and without their triggers.
    private static let unenforced = [
        EdgeLifeCycle(
            "a row refers to one that comes later, goes, comes back and changes its key",
            """
            CREATE TABLE harbour (id int PRIMARY KEY);
            CREATE TABLE boat (id int PRIMARY KEY, harbour int);
            ALTER TABLE boat ADD FOREIGN KEY (harbour) REFERENCES harbour NOT VALID;
            ALTER TABLE boat DISABLE TRIGGER ALL; ALTER TABLE harbour DISABLE TRIGGER ALL;
            INSERT INTO harbour VALUES (1); INSERT INTO boat VALUES (1, 1), (2, 2), (3, NULL)
            """,
            Step("SELECT 1", boats, "1-1"),
            Step("INSERT INTO harbour VALUES (2)", boats, "1-1\n2-2"),
            Step("DELETE FROM harbour WHERE id = 2", boats, "1-1"),
            Step("INSERT INTO harbour VALUES (2)", boats, "1-1\n2-2"),
            Step("UPDATE harbour SET id = 3 WHERE id = 2", boats, "1-1"),
            Step("UPDATE boat SET harbour = 3", boats, "1-3\n2-3\n3-3"),
            Step(
                """
                BEGIN; UPDATE harbour SET id = 9 WHERE id = 1; UPDATE harbour SET id = 1 WHERE id = 3;
                UPDATE harbour SET id = 3 WHERE id = 9; COMMIT
                """, boats, "1-3\n2-3\n3-3"),
            Step("BEGIN; DELETE FROM harbour; INSERT INTO harbour VALUES (3); COMMIT", boats, "1-3\n2-3\n3-3"),
            Step(
                "BEGIN; INSERT INTO boat VALUES (4, 7); INSERT INTO harbour VALUES (7); COMMIT", boats,
                "1-3\n2-3\n3-3\n4-7"),
            Step("UPDATE boat SET harbour = NULL WHERE id < 3; UPDATE boat SET harbour = 8 WHERE id = 3", boats, "4-7"),
            Step("UPDATE harbour SET id = id + 1 WHERE id = 7", boats, "3-8"),
            Step("DELETE FROM harbour", boats, ""),
            Step("DELETE FROM boat WHERE id = 3; INSERT INTO harbour VALUES (7), (8)", boats, "4-7")),
        EdgeLifeCycle(
            "a row refers to another's unique column, which changes, is NULL, and is given to another row",
            """
            CREATE TABLE writer (id int PRIMARY KEY, mail text UNIQUE, note text);
            CREATE TABLE postcard (id int PRIMARY KEY, sender text);
            ALTER TABLE postcard ADD FOREIGN KEY (sender) REFERENCES writer (mail) NOT VALID;
            ALTER TABLE postcard DISABLE TRIGGER ALL; ALTER TABLE writer DISABLE TRIGGER ALL;
            INSERT INTO writer VALUES (1, 'a'), (2, 'b'); INSERT INTO postcard VALUES (1, 'a'), (2, 'b'), (3, 'c')
            """,
            Step("UPDATE writer SET note = 'x'", mails, "1-1\n2-2"),
            Step("UPDATE writer SET mail = 'c' WHERE id = 2", mails, "1-1\n3-2"),
            Step("UPDATE writer SET mail = NULL WHERE id = 1", mails, "3-2"),
            Step("UPDATE postcard SET sender = 'd' WHERE id > 1", mails, ""),
            Step(
                "BEGIN; UPDATE writer SET mail = 'd'  WHERE id = 1; UPDATE writer SET id = 5 WHERE id = 1; COMMIT",
                mails, "2-5\n3-5"),
            Step("UPDATE writer SET id = 6, mail = 'a' WHERE id = 5", mails, "1-6")),
        EdgeLifeCycle(
            "rows of two columns' reference to their own table wait for each other",
            """
            CREATE TABLE part (maker text, id int, of_maker text, of_id int, PRIMARY KEY (maker, id));
            ALTER TABLE part ADD FOREIGN KEY (of_maker, of_id) REFERENCES part NOT VALID;
            ALTER TABLE part DISABLE TRIGGER ALL;
            INSERT INTO part VALUES ('x', 1, 'x', 2), ('y', 1, NULL, 1), ('z', 1, 'z', 1)
            """,
            Step("SELECT 1", parts, "z1-z1"),
            Step("INSERT INTO part VALUES ('x', 2, 'y', 1)", parts, "x1-x2\nx2-y1\nz1-z1"),
            Step("DELETE FROM part WHERE id = 1", parts, ""),
            Step(
                "INSERT INTO part VALUES ('x', 1, 'x', 2), ('y', 1, 'z', 1), ('z', 1, 'z', 1)", parts,
                "x1-x2\nx2-y1\ny1-z1\nz1-z1"),
            Step("UPDATE part SET maker = 'q' WHERE maker = 'z'", parts, "x1-x2\nx2-y1")),
    ]

    private static let relationships = [
        EdgeLifeCycle(
            "a foreign key is changed, set to NULL, set again, and its row deleted",
            """
            CREATE TABLE ship (id int PRIMARY KEY);
            CREATE TABLE sailor (id int PRIMARY KEY, ship int REFERENCES ship);
            INSERT INTO ship VALUES (1), (2); INSERT INTO sailor VALUES (1, 1), (2, NULL)
            """,
            Step("SELECT 1", sailors, "1-1"),
            Step("UPDATE sailor SET ship = 2", sailors, "1-2\n2-2"),
            Step("UPDATE sailor SET ship = NULL WHERE id = 1", sailors, "2-2"),
            Step("UPDATE sailor SET ship = 1 WHERE id = 1", sailors, "1-1\n2-2"),
            Step("DELETE FROM sailor WHERE id = 1; DELETE FROM ship WHERE id = 1", sailors, "2-2"),
            Step("SELECT 1", "MATCH (n:Ship) RETURN count(n)", "1")),
        EdgeLifeCycle(
            "a foreign key under REPLICA IDENTITY FULL",
            """
            CREATE TABLE dock (id int PRIMARY KEY);
            CREATE TABLE crane (id int PRIMARY KEY, dock int REFERENCES dock, note text);
            ALTER TABLE crane REPLICA IDENTITY FULL;
            INSERT INTO dock VALUES (1), (2); INSERT INTO crane VALUES (1, 1, 'a'), (2, 1, NULL)
            """,
            Step("UPDATE crane SET note = 'b', dock = 2 WHERE id = 1", cranes, "1-2-b\n2-1-null"),
            Step("UPDATE crane SET note = 'c'", cranes, "1-2-c\n2-1-c"),
            Step(
                "UPDATE crane SET id = 3, dock = NULL WHERE id = 1; UPDATE crane SET id = 1 WHERE id = 2", cranes,
                "1-1-c"),
            Step("DELETE FROM crane WHERE dock IS NULL", "MATCH (n:Crane) RETURN count(n)", "1")),
        EdgeLifeCycle(
            "a foreign key of two columns, one of them NULL at times",
            """
            CREATE TABLE room (house int, number int, PRIMARY KEY (house, number));
            CREATE TABLE guest (id int PRIMARY KEY, house int, room int, FOREIGN KEY (house, room) REFERENCES room);
            INSERT INTO room VALUES (1, 1), (1, 2), (2, 1); INSERT INTO guest VALUES (1, 1, 1), (2, 1, NULL)
            """,
            Step("SELECT 1", guests, "1-1-1"),
            Step(
                "UPDATE guest SET house = 2 WHERE id = 1; UPDATE guest SET room = 2 WHERE id = 2", guests,
                "1-2-1\n2-1-2"),
            Step("UPDATE guest SET house = NULL WHERE id = 1", guests, "2-1-2")),
        EdgeLifeCycle(
            "rows refer to their own table, to themselves too",
            """
            CREATE TABLE boss (id int PRIMARY KEY, boss int REFERENCES boss ON DELETE SET NULL);
            INSERT INTO boss VALUES (1, 1), (2, 1), (3, 2)
            """,
            Step("SELECT 1", bosses, "1-1\n2-1\n3-2"),
            Step("UPDATE boss SET boss = 3 WHERE id = 1", bosses, "1-3\n2-1\n3-2"),
            Step("DELETE FROM boss WHERE id = 1", bosses, "3-2"),
            Step(
                "INSERT INTO boss SELECT i, CASE WHEN i < 12000 THEN i + 1 END FROM generate_series(100, 12000) AS i",
                "MATCH (:Boss)-[o:BOSS]->(:Boss) RETURN count(o)", "11901")),
        EdgeLifeCycle(
            "several foreign keys lead to one table",
            """
            CREATE TABLE port (id int PRIMARY KEY);
            CREATE TABLE voyage (
                id int PRIMARY KEY, origin_id int NOT NULL REFERENCES port, destination_id int REFERENCES port);
            INSERT INTO port VALUES (1), (2), (3); INSERT INTO voyage VALUES (1, 1, 2), (2, 3, 3)
            """,
            Step("SELECT 1", voyages, "1-DESTINATION-2\n1-ORIGIN-1\n2-DESTINATION-3\n2-ORIGIN-3"),
            Step(
                "UPDATE voyage SET origin_id = destination_id, destination_id = origin_id; UPDATE voyage SET "
                    + "destination_id = NULL WHERE id = 2", voyages, "1-DESTINATION-1\n1-ORIGIN-2\n2-ORIGIN-3")),
        EdgeLifeCycle(
            "a deferred foreign key, while what it names goes and another takes its place",
            """
            CREATE TABLE seat (id int PRIMARY KEY, row int);
            CREATE TABLE ticket (id int PRIMARY KEY, seat int REFERENCES seat DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO seat VALUES (1, 1), (2, 2), (3, 3), (9, 9); INSERT INTO ticket VALUES (1, 1), (2, 2), (3, 3)
            """,
            Step("DELETE FROM seat WHERE id = 1; UPDATE seat SET id = 1 WHERE id = 9", tickets, "1-1-9\n2-2-2\n3-3-3"),
            Step(
                "UPDATE seat SET id = 99 WHERE id = 2; INSERT INTO seat VALUES (2, 20)", tickets, "1-1-9\n2-2-20\n3-3-3"
            ),
            Step(
                "UPDATE seat SET id = 0 WHERE id = 1; UPDATE seat SET id = 1 WHERE id = 3; UPDATE seat SET id = 3 WHERE id = 0",
                tickets, "1-1-3\n2-2-20\n3-3-9"),
            Step(
                "INSERT INTO ticket VALUES (4, 4); DELETE FROM seat WHERE id = 2; INSERT INTO seat VALUES (2, 21), (4, 4)",
                tickets, "1-1-3\n2-2-21\n3-3-9\n4-4-4")),
    ]

    private static let joins = [
        EdgeLifeCycle(
            "join rows come with a payload, change it and their key, and go",
            """
            CREATE TABLE actor (id int PRIMARY KEY);
            CREATE TABLE film (id int PRIMARY KEY);
            CREATE TABLE role (
                actor int REFERENCES actor ON UPDATE CASCADE ON DELETE CASCADE,
                film int REFERENCES film ON UPDATE CASCADE, part text, pay int, PRIMARY KEY (actor, film));
            INSERT INTO actor VALUES (1), (2); INSERT INTO film VALUES (1), (2);
            INSERT INTO role VALUES (1, 1, 'x', 5), (1, 2, 'y', NULL)
            """,
            Step("SELECT 1", roles, "1-1-x-5\n1-2-y-null"),
            Step("UPDATE role SET part = NULL, pay = film WHERE actor = 1", roles, "1-1-null-1\n1-2-null-2"),
            Step("UPDATE role SET actor = 2, part = 'z' WHERE film = 2", roles, "1-1-null-1\n2-2-z-2"),
            Step(
                "UPDATE role SET film = 2 WHERE actor = 1; UPDATE role SET film = 1 WHERE actor = 2", roles,
                "1-2-null-1\n2-1-z-2"),
            Step("DELETE FROM role WHERE actor = 1; INSERT INTO role VALUES (1, 1, 'n', 9)", roles, "1-1-n-9\n2-1-z-2"),
            Step("DELETE FROM role WHERE actor = 1; UPDATE actor SET id = 7 WHERE id = 1", roles, "2-1-z-2"),
            Step("INSERT INTO role VALUES (7, 1, 'k', 1); UPDATE actor SET id = id + 10", roles, "12-1-z-2\n17-1-k-1"),
            Step("DELETE FROM actor WHERE id = 12", roles, "17-1-k-1")),
        EdgeLifeCycle(
            "a long payload of a join row survives the change of every key around it",
            """
            CREATE TABLE author (id int PRIMARY KEY);
            CREATE TABLE book (id int PRIMARY KEY);
            CREATE TABLE wrote (
                author int REFERENCES author ON UPDATE CASCADE, book int REFERENCES book ON UPDATE CASCADE,
                contract text, pages int, PRIMARY KEY (author, book));
            ALTER TABLE wrote ALTER contract SET STORAGE EXTERNAL;
            INSERT INTO author VALUES (1), (2); INSERT INTO book VALUES (1), (2), (3);
            INSERT INTO wrote VALUES (1, 1, repeat('a', 9000), 1), (2, 2, repeat('b', 8000), 2)
            """,
            Step("UPDATE wrote SET pages = 3 WHERE author = 1", contracts, "1-1-9000-3\n2-2-8000-2"),
            Step("UPDATE wrote SET book = 3 WHERE author = 1", contracts, "1-3-9000-3\n2-2-8000-2"),
            Step("UPDATE author SET id = 5 WHERE id = 1", contracts, "2-2-8000-2\n5-3-9000-3"),
            Step(
                "UPDATE author SET id = 0 WHERE id = 2; UPDATE author SET id = 2 WHERE id = 5; UPDATE author SET id = 5 "
                    + "WHERE id = 0", contracts, "2-3-9000-3\n5-2-8000-2"),
            Step("UPDATE wrote SET book = book + 10 - 10, author = 7 - author", contracts, "2-2-8000-2\n5-3-9000-3")),
    ]

    private static let keys = [
        EdgeLifeCycle(
            "a changed primary key keeps relationships, and keys change places in one transaction",
            """
            CREATE TABLE team (id int PRIMARY KEY, name text);
            CREATE TABLE player (id int PRIMARY KEY, team int REFERENCES team ON UPDATE CASCADE);
            INSERT INTO team VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO player VALUES (1, 1), (2, 2), (3, 3)
            """,
            Step("UPDATE team SET id = 10 WHERE id = 1", players, "1-10-a\n2-2-b\n3-3-c"),
            Step(
                "UPDATE team SET id = 0 WHERE id = 2; UPDATE team SET id = 2 WHERE id = 3; UPDATE team SET id = 3 WHERE id = 0",
                players, "1-10-a\n2-3-b\n3-2-c"),
            Step(
                "UPDATE team SET id = 11 WHERE id = 10; INSERT INTO team VALUES (10, 'new'); "
                    + "UPDATE team SET id = 12 WHERE id = 10", players, "1-11-a\n2-3-b\n3-2-c"),
            Step(
                "UPDATE player SET team = NULL WHERE id = 1; UPDATE team SET id = 13 WHERE id = 11; "
                    + "UPDATE team SET id = 11 WHERE id = 12; UPDATE player SET team = 11 WHERE id = 1",
                players, "1-11-new\n2-3-b\n3-2-c"),
            Step(
                "DELETE FROM team WHERE id = 13; UPDATE team SET id = 13, name = 'd' WHERE id = 11", players,
                "1-13-d\n2-3-b\n3-2-c")),
        EdgeLifeCycle(
            "a deferrable key changes places in one statement, and is there twice for a moment",
            """
            CREATE TABLE rank (id int PRIMARY KEY DEFERRABLE, name text);
            ALTER TABLE rank REPLICA IDENTITY FULL;
            INSERT INTO rank VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')
            """,
            Step("UPDATE rank SET id = 5 - id", ranks, "1-d\n2-c\n3-b\n4-a"),
            Step("UPDATE rank SET id = id % 4 + 1", ranks, "1-a\n2-d\n3-c\n4-b"),
            Step(
                "SET CONSTRAINTS ALL DEFERRED; UPDATE rank SET id = 2 WHERE id = 1; DELETE FROM rank WHERE name = 'd'; "
                    + "INSERT INTO rank VALUES (3, 'new'); DELETE FROM rank WHERE name = 'c'", ranks, "2-a\n3-new\n4-b")
        ),
        EdgeLifeCycle(
            "what somebody added to a node stays when its key changes",
            "CREATE TABLE city (id int PRIMARY KEY, name text); INSERT INTO city VALUES (1, 'x')",
            Step("SELECT 1", "MATCH (n:City {id: 1}) SET n:Visited RETURN n.id", "1"),
            Step("UPDATE city SET id = 2", "MATCH (n:City:Visited) REMOVE n:Visited RETURN n.id", "2")),
    ]

    private static let rows = [
        EdgeLifeCycle(
            "NULL removes the property",
            "CREATE TABLE leaf (id int PRIMARY KEY, color text, size int); INSERT INTO leaf VALUES (1, 'red', 3)",
            Step(
                "UPDATE leaf SET color = NULL", "MATCH (n:Leaf) RETURN n.size, n.color IS NULL, 'color' IN keys(n)",
                "3|true|false")),
        EdgeLifeCycle(
            "a text stored out of line stays as it is when another column changes",
            """
            CREATE TABLE letter (id int PRIMARY KEY, body text, seen int);
            ALTER TABLE letter ALTER body SET STORAGE EXTERNAL;
            INSERT INTO letter VALUES (1, repeat('x', 100000), 0), (2, repeat('y', 100000), 0)
            """,
            Step("UPDATE letter SET seen = 1 WHERE id = 1", letters, "1-1-100000-x\n2-0-100000-y"),
            Step("UPDATE letter SET id = 3, seen = 2 WHERE id = 1", letters, "2-0-100000-y\n3-2-100000-x"),
            Step(
                "UPDATE letter SET id = 0 WHERE id = 2; UPDATE letter SET id = 2 WHERE id = 3; UPDATE letter SET id = 3 "
                    + "WHERE id = 0", letters, "2-2-100000-x\n3-0-100000-y"),
            Step(
                "UPDATE letter SET body = 'short' WHERE id = 2; UPDATE letter SET seen = 9", letters,
                "2-9-5-s\n3-9-100000-y"),
            Step("DELETE FROM letter WHERE id = 2; UPDATE letter SET id = 2 WHERE id = 3", letters, "2-9-100000-y")),
        EdgeLifeCycle(
            "TRUNCATE empties tables, those that refer to them too, between other changes of its transaction",
            """
            CREATE TABLE shelf (id int PRIMARY KEY);
            CREATE TABLE jar (id int PRIMARY KEY, shelf int REFERENCES shelf);
            CREATE TABLE spice (id int PRIMARY KEY);
            CREATE TABLE in_jar (jar int REFERENCES jar, spice int REFERENCES spice, PRIMARY KEY (jar, spice));
            INSERT INTO shelf VALUES (1), (2); INSERT INTO jar VALUES (1, 1), (2, 2); INSERT INTO spice VALUES (1);
            INSERT INTO in_jar VALUES (1, 1), (2, 1)
            """,
            Step("SELECT 1", jars, "1-1-1\n2-2-1"),
            Step(
                "INSERT INTO jar VALUES (3, 1); TRUNCATE in_jar; INSERT INTO in_jar VALUES (3, 1)", jars,
                "1-1-0\n2-2-0\n3-1-1"),
            Step(
                "INSERT INTO shelf VALUES (4); UPDATE jar SET shelf = 4; TRUNCATE shelf CASCADE; "
                    + "INSERT INTO shelf VALUES (1), (5); INSERT INTO jar VALUES (1, 5); INSERT INTO in_jar VALUES (1, 1)",
                jars, "1-5-1"),
            Step(
                "TRUNCATE jar, in_jar, shelf, spice", "MATCH (n) WHERE n:Jar OR n:Shelf OR n:Spice RETURN count(n)", "0"
            )),
        EdgeLifeCycle(
            "rows come, go and come again in one transaction, and in rolled back parts of it",
            "CREATE TABLE wave (id int PRIMARY KEY, height int); INSERT INTO wave VALUES (1, 1), (2, 2)",
            Step(
                """
                BEGIN; DELETE FROM wave WHERE id = 1; INSERT INTO wave VALUES (1, 10), (3, 3); SAVEPOINT a;
                UPDATE wave SET height = 99; DELETE FROM wave WHERE id = 2; ROLLBACK TO a;
                INSERT INTO wave VALUES (4, 4); DELETE FROM wave WHERE id = 4; UPDATE wave SET height = 30 WHERE id = 3;
                COMMIT
                """, "MATCH (n:Wave) RETURN n.id + '-' + n.height AS line ORDER BY line", "1-10\n2-2\n3-30")),
    ]

    private static let names = [
        EdgeLifeCycle(
            "tables in several schemas, with names that need quotes",
            """
            CREATE SCHEMA "Über Raum"; CREATE SCHEMA other;
            CREATE TABLE "Über Raum"."Mixed Case" ("Id" int PRIMARY KEY, "a ""quoted"" column" text, "naïve`tick" int);
            CREATE TABLE other.plain (id int PRIMARY KEY, "日本" int REFERENCES "Über Raum"."Mixed Case", "select" text);
            INSERT INTO "Über Raum"."Mixed Case" VALUES (1, 'q', 3), (2, NULL, NULL);
            INSERT INTO other.plain VALUES (1, 1, 's')
            """,
            Step(
                "UPDATE other.plain SET \"日本\" = 2, \"select\" = 'ü🚀'",
                "MATCH (p)-[]->(m) WHERE p.select = 'ü🚀' RETURN m.id", "2"),
            Step(
                "DELETE FROM other.plain; DELETE FROM \"Über Raum\".\"Mixed Case\" WHERE \"Id\" = 2",
                "MATCH (p) WHERE p.select = 'ü🚀' RETURN count(p)", "0"))
    ]

    private static let sailors = "MATCH (a:Sailor)-[:SHIP]->(b:Ship) RETURN a.id + '-' + b.id AS line ORDER BY line"
    private static let boats = "MATCH (a:Boat)-[:HARBOUR]->(b:Harbour) RETURN a.id + '-' + b.id AS line ORDER BY line"
    private static let mails =
        "MATCH (a:Postcard)-[:SENDER]->(b:Writer) RETURN a.id + '-' + b.id AS line ORDER BY line"
    private static let parts = """
        MATCH (a:Part)-->(b:Part) RETURN a.maker + a.id + '-' + b.maker + b.id AS line ORDER BY line
        """
    private static let cranes = """
        MATCH (a:Crane)-[:DOCK]->(b:Dock) RETURN a.id + '-' + b.id + '-' + coalesce(a.note, 'null') AS line ORDER BY line
        """
    private static let guests = """
        MATCH (a:Guest)-[:ROOM]->(b:Room) RETURN a.id + '-' + b.house + '-' + b.number AS line ORDER BY line
        """
    private static let bosses = "MATCH (a:Boss)-[:BOSS]->(b:Boss) RETURN a.id + '-' + b.id AS line ORDER BY line"
    private static let voyages = """
        MATCH (a:Voyage)-[o]->(b:Port) RETURN a.id + '-' + type(o) + '-' + b.id AS line ORDER BY line
        """
    private static let tickets = """
        MATCH (a:Ticket)-[]->(b:Seat) RETURN a.id + '-' + b.id + '-' + b.row AS line ORDER BY line
        """
    private static let roles = """
        MATCH (a:Actor)-[o:ROLE]->(b:Film) RETURN a.id + '-' + b.id + '-' + coalesce(o.part, 'null') + '-' \
        + coalesce(toString(o.pay), 'null') AS line ORDER BY line
        """
    private static let contracts = """
        MATCH (a:Author)-[o:WROTE]->(b:Book) RETURN a.id + '-' + b.id + '-' + size(o.contract) + '-' + o.pages AS line \
        ORDER BY line
        """
    private static let players = """
        MATCH (a:Player)-[:TEAM]->(b:Team) RETURN a.id + '-' + b.id + '-' + b.name AS line ORDER BY line
        """
    private static let ranks = "MATCH (n:Rank) RETURN n.id + '-' + n.name AS line ORDER BY line"
    private static let letters = """
        MATCH (n:Letter) RETURN n.id + '-' + n.seen + '-' + size(n.body) + '-' + substring(n.body, 0, 1) AS line ORDER BY line
        """
    private static let jars = """
        MATCH (j:Jar)-[:SHELF]->(s:Shelf) OPTIONAL MATCH (j)-[o:IN_JAR]->(:Spice) \
        WITH j, s, count(o) AS spices RETURN j.id + '-' + s.id + '-' + spices AS line ORDER BY line
        """
}
