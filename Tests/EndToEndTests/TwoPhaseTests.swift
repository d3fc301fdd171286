// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// PREPARE TRANSACTION, and what becomes of it later.
@Suite(.oneAtATime, .postgres(settings: ["max_prepared_transactions": "10", "logical_decoding_work_mem": "64kB"]))
struct `A two-phase transaction` {
    private static let schema = """
        CREATE TABLE account (id int PRIMARY KEY, balance int, note text);
        CREATE TABLE transfer (id int PRIMARY KEY, source int REFERENCES account, amount int);
        INSERT INTO account SELECT i, 100, 'a' FROM generate_series(1, 20) i;
        """

    private static func prepare(_ name: String, _ changes: String) -> String {
        "BEGIN; \(changes); PREPARE TRANSACTION '\(name)'"
    }

    private static let large = """
        INSERT INTO account SELECT i, 1, repeat('x', 100) FROM generate_series(1001, 4000) i;
        SAVEPOINT s; UPDATE account SET balance = 7 WHERE id > 2000; ROLLBACK TO s;
        UPDATE account SET note = 'large' WHERE id > 3000
        """

    @Test(arguments: GraphServer.kinds.prefix(1), ["commit", "prepare"])
    func `is in the graph once it is committed, and never where it was rolled back`(
        kind: GraphServer.Kind, setting: String
    ) async throws {
        try await Project.on(kind, "twophase", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { $0.replace("\ngraph:", with: "\n  twoPhase: \(setting)\ngraph:") }
            // Prepared before there is a slot, committed when there is one.
            try await project.sql(Self.prepare("early", "UPDATE account SET note = 'early' WHERE id = 1"))
            let running = try project.start(["run"])
            // A slot waits for what is prepared and not decided.
            try await eventually("the slot waits") {
                try await project.sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '\(project.slot)'")
                    == "1"
            }
            try await project.sql("COMMIT PREPARED 'early'")
            try await project.settle()
            #expect(try await project.cypher("MATCH (n:Account {id: 1}) RETURN n.note") == "early")

            try await project.sql(Self.prepare("one", "UPDATE account SET balance = 1 WHERE id = 2"))
            try await project.sql(Self.prepare("two", Self.large))
            try await project.sql(Self.prepare("three", "DELETE FROM account WHERE id = 3"))
            try await project.sql(
                Self.prepare("four", "INSERT INTO transfer VALUES (1, 4, 5); UPDATE account SET id = 104 WHERE id = 5"))
            // Others go on meanwhile, and what waits for them need not wait for those.
            try await project.sql("UPDATE account SET note = 'between' WHERE id BETWEEN 6 AND 9")
            try await project.settle()
            #expect(try await project.cypher("MATCH (n:Account {note: 'between'}) RETURN count(n)") == "4")
            #expect(try await project.cypher("MATCH (n:Account) RETURN count(n), sum(n.balance)") == "20|2000")
            try await project.expectEqual("while four are prepared")

            try await project.sql("ROLLBACK PREPARED 'three'")
            try await project.sql("COMMIT PREPARED 'two'")
            try await project.settle()
            #expect(try await project.cypher("MATCH (n:Account {note: 'large'}) RETURN count(n)") == "1000")
            try await project.expectEqual("with the large one")

            // Whoever kills it: what is prepared and not decided comes again, what is decided does not.
            try await running.kill9()
            try await project.sql("COMMIT PREPARED 'four'")
            try await project.sql("UPDATE account SET note = 'later' WHERE id = 10")
            try await project.whileRunning { _ in
                try await project.settle()
                #expect(try await project.cypher("MATCH (:Transfer)-[:SOURCE]->(n:Account) RETURN n.id") == "4")
                try await project.expectEqual("after kill -9")
                try await project.sql("COMMIT PREPARED 'one'")
                try await project.settle()
                try await project.expectEqual("at the end")
                if setting == "prepare" {
                    try await eventually("the slot follows when nothing is prepared") {
                        try await project.sql("SELECT pg_current_wal_lsn()")
                            == project.sql(
                                "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '\(project.slot)'"
                            )
                    }
                }
            }
        }
    }

    @Test(arguments: GraphServer.kinds.prefix(1))
    func `that is decoded when prepared survives kill -9 at any moment, in parts too`(kind: GraphServer.Kind)
        async throws
    {
        try await Project.on(kind, "phases", schema: Self.schema) { project in
            try await project.propose()
            try project.edit { $0.replace("\ngraph:", with: "\n  twoPhase: prepare\ngraph:") }
            try project.applyInParts(of: 100, above: 1000)
            try await project.whileRunning { _ in try await project.settle() }
            var dice = Dice.thrown
            let seed = dice.seed
            var pending: [(name: String, row: Int)] = []
            var free = Set(1...20)
            for step in 0..<40 {
                // Killed at whatever it is doing, with up to three prepared.
                let running = step.isMultiple(of: 3) ? try project.start(["run"]) : nil
                if pending.count < 3, !free.isEmpty {
                    let row = dice.one(of: free.sorted())
                    free.remove(row)
                    let more =
                        dice.percent(20)
                        ? "; INSERT INTO account SELECT 10000 * \(step + 1) + i, i, 'p' FROM generate_series(1, 1500) i"
                        : ""
                    try await project.sql(
                        Self.prepare("p\(step)", "UPDATE account SET balance = balance + 1 WHERE id = \(row)\(more)"))
                    pending.append(("p\(step)", row))
                }
                if !free.isEmpty {
                    let row = dice.one(of: free.sorted())
                    try await project.sql("UPDATE account SET note = 'n\(step)' WHERE id = \(row)")
                }
                if let running {
                    try await running.says("streaming", within: .seconds(30))
                    if dice.percent(50) { _ = try await project.lockstep("wait", "--timeout", "5") }
                }
                if pending.count > 1 || dice.percent(40), !pending.isEmpty {
                    let (name, row) = pending.remove(at: dice.pick(pending.count))
                    free.insert(row)
                    try await project.sql("\(dice.percent(70) ? "COMMIT" : "ROLLBACK") PREPARED '\(name)'")
                }
                try await running?.kill9()
            }
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
                try await project.expectNoTraceOfParts()
                for (name, _) in pending { try await project.sql("COMMIT PREPARED '\(name)'") }
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(seed), all decided")
            }
        }
    }
}
