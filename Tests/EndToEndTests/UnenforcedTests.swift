// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// A column that names rows of another table, and no constraint that says so.
@Suite(.oneAtATime, .postgres())
struct `A reference that nothing enforces` {
    private static let schema = """
        CREATE TABLE topic (id int PRIMARY KEY, code text, title text);
        CREATE TABLE note (id int PRIMARY KEY, topic int, about text, body text);
        INSERT INTO topic SELECT i, 'c' || i, 't' FROM generate_series(1, 20, 2) i;
        INSERT INTO note SELECT i, i % 25, 'c' || i % 7, repeat('x', i * 10) FROM generate_series(1, 200) i;
        """

    @Test(arguments: GraphServer.outermost)
    func `has its relationship exactly while both rows are there`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "unenforced", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { text in
                text.replace(
                    "label: Note  ",
                    with: """
                        label: Note
                            relationships: [{type: TOPIC, columns: [topic], references: public.topic, enforced: false}]
                            #
                        """)
            }
            // What some rows reach is more.
            try project.applyInParts(of: 5, above: 12)
            var dice = Dice.thrown
            let seed = dice.seed
            try await project.whileRunning { running in
                try await project.settle()
                try await project.expectEqual("after the first read")
                for _ in 0..<2 {
                    try await project.sql((0..<60).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
                    try await project.settle()
                    try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
                    try await expectWaiting(project)
                }
                try await project.sql("TRUNCATE topic")
                try await project.settle()
                try await expectWaiting(project)
                try await project.sql("INSERT INTO topic SELECT i, 'c' || i, 't' FROM generate_series(1, 30) i")
                try await project.settle()
                try await expectWaiting(project)
                try await project.expectEqual("after all came back")
                #expect(running.log.contains("applied in parts"), "LOCKSTEP_SEED=\(seed)")
                try await project.expectNoTraceOfParts()
            }
            // The same changes in one batch, by another order of what comes first.
            try await project.sql((0..<60).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed), as a backlog")
            }
        }
    }

    /// `lockstep status` counts what PostgreSQL counts.
    private func expectWaiting(_ project: Project) async throws {
        let count = try await project.sql(
            """
            SELECT count(*) FROM note n WHERE topic IS NOT NULL
            AND NOT EXISTS (SELECT FROM topic t WHERE t.id = n.topic)
            """)
        let status =
            try JSONSerialization.jsonObject(
                with: Data(try await project.succeed("status", "--json").utf8)) as? [String: Any]
        #expect(status?["waitingReferences"] as? Int == Int(count.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// One to five changes of either table; keys are few, so that they meet.
    private static func transaction(_ dice: inout Dice) -> String {
        let changes = (0...dice.pick(5)).map { _ in
            let (topic, other, note) = (dice.pick(25), dice.pick(25), dice.pick(200))
            switch dice.pick(7) {
            case 0: return "INSERT INTO topic VALUES (\(topic), 'n\(topic)', 'new') ON CONFLICT DO NOTHING"
            case 1: return "DELETE FROM topic WHERE id = \(topic)"
            case 2:
                return "UPDATE topic SET id = \(other) WHERE id = \(topic) "
                    + "AND NOT EXISTS (SELECT FROM topic WHERE id = \(other))"
            case 3: return "UPDATE topic SET title = title || 'x' WHERE id = \(topic)"
            case 4:
                return "UPDATE note SET topic = \(dice.percent(20) ? "NULL" : "\(topic)") WHERE id % 40 = \(note % 40)"
            case 5: return "UPDATE note SET body = 'b' WHERE id = \(note)"
            default:
                return
                    "DELETE FROM note WHERE id = \(note); INSERT INTO note VALUES (\(note), \(topic), NULL, 'again') "
                    + "ON CONFLICT DO NOTHING"
            }
        }
        return "BEGIN; \(changes.joined(separator: "; ")); COMMIT"
    }
}
