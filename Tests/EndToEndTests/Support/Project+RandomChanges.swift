// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestServers
import Testing
import Threading

extension Project {
    /// Reads the database, then makes random changes, half of them while Lockstep runs and half while it is stopped, so
    /// that they come one by one and as a backlog; compares both sides completely behind each step.
    func followRandomChanges(_ count: Int) async throws {
        let dice = Dice.thrown
        let url = postgres.url(database: database)
        let note = "LOCKSTEP_SEED=\(dice.seed)"
        var made: [String: Int] = [:]
        try await whileRunning { _ in
            try await settle()
            try await expectEqual("after the snapshot")
            try await letForeignKeysFollow()
            made = try await RandomChanges.make(count / 2, on: url, dice: dice)
            try await settle()
            try await expectEqual("after changes one by one, \(note)")
        }
        let more = try await RandomChanges.make(count - count / 2, on: url, dice: Dice(seed: dice.seed &+ 1))
        try await whileRunning { _ in
            try await settle()
            try await expectEqual("after changes as a backlog, \(note)")
        }
        made.merge(more, uniquingKeysWith: +)
        for kind in RandomChanges.kinds {
            #expect(made[kind, default: 0] > 0, "no change of the kind \"\(kind)\", \(note)")
        }
    }

    /// Makes primary keys changeable.
    private func letForeignKeysFollow() async throws {
        let url = postgres.url(database: database)
        try await DedicatedThread.run(name: "alter") { () throws(RandomChangesFailure) in
            do {
                try SchemaShape.letForeignKeysFollow(PostgresConnection(PostgresConfiguration(url)))
            } catch {
                throw RandomChangesFailure(description: "\(error)")
            }
        }
    }
}
