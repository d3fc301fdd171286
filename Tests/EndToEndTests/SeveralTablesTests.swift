// Part of Lockstep. See LICENSE.

import TestServers
import TestSupport
import Testing

/// Columns that name rows of one table or another, as a third column says.
@Suite(.oneAtATime, .postgres())
struct `A reference to one of several tables, live` {
    private static let schema = """
        CREATE TABLE post (id int PRIMARY KEY);
        CREATE TABLE photo (id bigint PRIMARY KEY);
        CREATE TABLE remark (id int PRIMARY KEY, owner_type text, owner_id int, body text);
        INSERT INTO post SELECT generate_series(1, 20, 2);
        INSERT INTO photo SELECT generate_series(1, 20, 3);
        INSERT INTO remark SELECT i, (ARRAY['Post', 'Photo', 'OldPost', 'Else', NULL])[i % 5 + 1], i % 22, repeat('b', i * 30)
        FROM generate_series(1, 100) i;
        """

    private static let relationship = """
        label: Remark
            relationships:
              - type: ON
                columns: [owner_id]
                references: {column: owner_type, values: {Post: public.post, OldPost: public.post, Photo: public.photo}}
            #
        """

    @Test(arguments: GraphServer.newest)
    func `leads where the columns say, whatever comes and goes`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "several", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { $0.replace("label: Remark  ", with: Self.relationship) }
            var dice = Dice.thrown
            let seed = dice.seed
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("after the first read")
                #expect(try await project.cypher("MATCH ()-[o:ON]->() RETURN count(o) > 10") == "true")
                try await project.sql((0..<80).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
            }
            try await project.sql(
                "ALTER TABLE remark REPLICA IDENTITY FULL; "
                    + (0..<80).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed), as a backlog with whole old rows")
            }
        }
    }

    /// One to five changes; keys are few, so that they meet.
    private static func transaction(_ dice: inout Dice) -> String {
        let changes = (0...dice.pick(5)).map { _ in
            let (owner, other, remark) = (dice.pick(22), dice.pick(22), dice.pick(110))
            let table = dice.percent(50) ? "post" : "photo"
            let type = ["'Post'", "'Photo'", "'OldPost'", "'Else'", "NULL"][dice.pick(5)]
            switch dice.pick(6) {
            case 0: return "INSERT INTO \(table) VALUES (\(owner)) ON CONFLICT DO NOTHING"
            case 1: return "DELETE FROM \(table) WHERE id = \(owner)"
            case 2:
                return "UPDATE \(table) SET id = \(other) WHERE id = \(owner) "
                    + "AND NOT EXISTS (SELECT FROM \(table) WHERE id = \(other))"
            case 3: return "UPDATE remark SET owner_type = \(type) WHERE id % 20 = \(remark % 20)"
            case 4: return "UPDATE remark SET owner_id = \(owner), body = 'b' WHERE id % 20 = \(remark % 20)"
            default:
                return "DELETE FROM remark WHERE id = \(remark); "
                    + "INSERT INTO remark VALUES (\(remark), \(type), \(owner), 'again') ON CONFLICT DO NOTHING"
            }
        }
        return "BEGIN; \(changes.joined(separator: "; ")); COMMIT"
    }
}
