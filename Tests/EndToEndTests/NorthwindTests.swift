// Part of Lockstep. See LICENSE.

import PostgreSQL
import TestSupport
import Testing
import Threading

/// A database that nobody here designed.
@Suite(.postgres())
struct `The Northwind database` {
    @Test(
        .enabled(if: Shared.northwind != nil, "no northwind.sql: name its folder by LOCKSTEP_SHARED"),
        arguments: GraphServer.kinds)
    func `comes right, and stays right through random changes of everything`(kind: GraphServer.Kind) async throws {
        let script = try #require(Shared.northwind)
        try await Project.on(kind, "northwind") { project in
            try await project.postgres.psql(file: script, database: project.database)
            try await project.propose()
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual("after the snapshot")
                try await project.letForeignKeysFollow()
                let dice = Dice.thrown
                let made = try await RandomChanges.make(2000, on: project, dice: dice)
                for kind in ["values", "foreign key", "foreign key to null", "insert", "delete", "key", "swap"] {
                    #expect(made[kind, default: 0] > 0, "no change of the kind \"\(kind)\"; seed \(dice.seed)")
                }
                try await project.settle()
                try await project.expectEqual("LOCKSTEP_SEED=\(dice.seed)")
            }
        }
    }
}

extension Project {
    /// Makes primary keys changeable.
    func letForeignKeysFollow() async throws {
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
