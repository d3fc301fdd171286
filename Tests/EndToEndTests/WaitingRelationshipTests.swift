// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Tables of relationships that nothing keeps from naming rows that are not there: no constraint, or rows deleted softly.
@Suite(.oneAtATime, .postgres())
struct `Rows of relationships whose ends come and go` {
    private static let schema = """
        CREATE TABLE person (id int PRIMARY KEY, name text);
        CREATE TABLE club (land int, code varchar(4), gone bool NOT NULL DEFAULT false, PRIMARY KEY (land, code));
        CREATE TABLE member (person int, land int, code varchar(4), role text, PRIMARY KEY (person, land, code));
        ALTER TABLE member REPLICA IDENTITY FULL;
        CREATE TABLE gift (id int PRIMARY KEY, giver int, taker int, worth int);
        INSERT INTO person SELECT i, 'p' FROM generate_series(1, 20, 2) i;
        INSERT INTO club SELECT i % 2, 'c' || i, i % 5 = 0 FROM generate_series(1, 12) i;
        INSERT INTO member SELECT i % 22, i % 2, 'c' || i % 14, repeat('r', i * 20) FROM generate_series(1, 100) i;
        INSERT INTO gift SELECT i, i % 21, nullif(i % 19, 3), i FROM generate_series(1, 80) i;
        """

    private static let tables = """
        tables:
          public.person: {label: Person, key: {id: id}, properties: {name: name}}
          public.club: {label: Club, key: {land: land, code: code}, softDelete: {column: gone, equals: true}}
          public.member:
            relationship: MEMBER_OF
            from: {columns: [person], references: public.person, enforced: false}
            to: {columns: [land, code], references: public.club, enforced: false}
            properties: {role: role}
            constants: {source: register}
          public.gift:
            relationship: GAVE
            key: {id: id}
            from: {columns: [giver], references: public.person, enforced: false}
            to: {columns: [taker], references: public.person, enforced: false}
            properties: {worth: worth}
        batch: {rows: 20, wholeRows: 60}
        """

    @Test(arguments: GraphServer.outermost)
    func `are relationships exactly while both ends are there`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "waiting", schema: Self.schema) { project in
            try await project.propose()
            try project.setTables(Self.tables)
            var dice = Dice.thrown
            let seed = dice.seed
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("after the first read")
                try await expectWaiting(project)
                try await project.sql((0..<80).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
                try await expectWaiting(project)
            }
            // As one batch, and the last as a transaction in parts.
            let large = (0..<40).map { _ in Self.changes(&dice) }.joined(separator: ";")
            try await project.sql(
                (0..<40).map { _ in Self.transaction(&dice) }.joined(separator: ";\n") + "; BEGIN; \(large); COMMIT")
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed), as a backlog and in parts")
                try await expectWaiting(project)
                try await project.sql("TRUNCATE person; INSERT INTO person SELECT i, 'n' FROM generate_series(4, 9) i")
                try await project.settle()
                // What somebody did to rows that wait and to what they wait for is mended by reading again.
                for damage in [
                    "MATCH (w:Lockstep__Person__GAVE__Person) DELETE w", "MATCH (p:Person {id: 5}) DETACH DELETE p",
                    "CREATE (:Person {id: 500})",
                    "CREATE (:Lockstep__Person__MEMBER_OF__Club {_lockstepFrom_id: 500, _lockstepTo_land: 1, _lockstepTo_code: 'x'})",
                ] { _ = try await project.cypher(damage) }
                try await project.succeed("resync", "--all")
                try await project.expectEqual("LOCKSTEP_SEED=\(seed), after a truncation and a resync")
                try await expectWaiting(project)
            }
        }
    }

    /// `lockstep status` counts what PostgreSQL counts.
    private func expectWaiting(_ project: Project) async throws {
        let count = try await project.sql(
            """
            SELECT (SELECT count(*) FROM member m WHERE NOT EXISTS (SELECT FROM person WHERE id = m.person)
                OR NOT EXISTS (SELECT FROM club c WHERE (c.land, c.code) = (m.land, m.code) AND NOT gone))
            + (SELECT count(*) FROM gift g WHERE giver + taker IS NOT NULL
                AND (NOT EXISTS (SELECT FROM person WHERE id = g.giver)
                    OR NOT EXISTS (SELECT FROM person WHERE id = g.taker)))
            """)
        let status =
            try JSONSerialization.jsonObject(
                with: Data(try await project.succeed("status", "--json").utf8)) as? [String: Any]
        #expect(status?["waitingReferences"] as? Int == Int(count.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    private static func transaction(_ dice: inout Dice) -> String { "BEGIN; \(changes(&dice)); COMMIT" }

    /// One to five changes; keys are few, so that they meet.
    private static func changes(_ dice: inout Dice) -> String {
        (0...dice.pick(5)).map { _ in
            let (person, other, club, gift) = (dice.pick(22), dice.pick(22), dice.pick(14), dice.pick(90))
            switch dice.pick(11) {
            case 0, 1: return "INSERT INTO person VALUES (\(person), 'n') ON CONFLICT DO NOTHING"
            case 2: return "DELETE FROM person WHERE id = \(person)"
            case 3:
                return "UPDATE person SET id = \(other) WHERE id = \(person) "
                    + "AND NOT EXISTS (SELECT FROM person WHERE id = \(other))"
            case 4: return "UPDATE club SET gone = NOT gone WHERE code = 'c\(club)'"
            case 5:
                return "DELETE FROM club WHERE code = 'c\(club)'; "
                    + "INSERT INTO club VALUES (\(other % 2), 'c\(other % 14)') ON CONFLICT DO NOTHING"
            case 6: return "UPDATE member SET role = role || 'x' WHERE person = \(person)"
            case 7:
                return "DELETE FROM member WHERE code = 'c\(club)' AND person % 3 = \(person % 3); INSERT INTO member "
                    + "VALUES (\(person), \(club % 2), 'c\(club)', 'new') ON CONFLICT DO NOTHING"
            case 8:
                return "UPDATE member SET person = \(other) WHERE person = \(person) AND NOT EXISTS "
                    + "(SELECT FROM member m WHERE m.person = \(other) AND m.code = member.code AND m.land = member.land)"
            case 9:
                return "UPDATE gift SET taker = \(dice.percent(25) ? "NULL" : "\(person)"), worth = worth + 1 "
                    + "WHERE id % 30 = \(gift % 30)"
            default:
                return "DELETE FROM gift WHERE id = \(gift); UPDATE gift SET id = \(gift), giver = \(other) "
                    + "WHERE id = \(gift + 1); INSERT INTO gift VALUES (\(gift + 1), \(person), \(other), 5) "
                    + "ON CONFLICT DO NOTHING"
            }
        }.joined(separator: "; ")
    }
}
