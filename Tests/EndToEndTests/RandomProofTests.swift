// Part of Lockstep. See LICENSE.

import Foundation
import PostgreSQL
import TestServers
import TestSupport
import Testing
import Threading

/// Any schema, any workload: both sides are equal at the end, says `verify`, and says a comparison that shares no code with
/// Lockstep.
///
/// A run is its seed: `LOCKSTEP_SEED=n` repeats one and prints its schema. `LOCKSTEP_SOAK=minutes` goes on with others for so long.
@Suite(.oneAtATime, .postgres(settings: ["deadlock_timeout": "50ms", "max_prepared_transactions": "10"]))
struct `The random proof` {
    private static let environment = ProcessInfo.processInfo.environment
    private static let soak = environment["LOCKSTEP_SOAK"].flatMap { Int64($0) }
    private static let seed = environment["LOCKSTEP_SEED"].flatMap { UInt64($0) }

    @Test(arguments: GraphServer.kinds)
    func `any schema and any workload end equal`(kind: GraphServer.Kind) async throws {
        // The second has rows exchange their keys below a reference to another unique column.
        let fixed: [UInt64] = kind == .arcadeDB ? [20_261, 7_753_809_826_780_647] : [20_262]
        var seeds = Self.seed.map { [$0] } ?? fixed
        let end = Self.soak.map { MonotonicTime.after(.seconds($0 * 60)) }
        while let seed = seeds.popLast() {
            try await prove(kind, Dice(seed: seed))
            if seeds.isEmpty, let end, MonotonicTime.now < end { seeds.append(UInt64.random(in: 1...1 << 53)) }
        }
    }

    /// What reading again has to mend.
    private static let damage = {
        let some = "NOT labels(n)[0] STARTS WITH 'Lockstep' AND rand() < 0.1"
        return [
            "MATCH ()-[r]->() WHERE rand() < 0.1 DELETE r", "MATCH (n) WHERE \(some) SET n.c0 = null, n.c2 = null",
            "MATCH (n) WHERE \(some) AND n.rowCount IS NOT NULL SET n.rowCount = n.rowCount + 1",
            "MATCH (n) WHERE \(some) DETACH DELETE n",
        ]
    }()

    /// The first read falls into a workload of two sessions, which goes on while Lockstep streams, is stopped, and starts
    /// again with a backlog.
    private func prove(_ kind: GraphServer.Kind, _ dice: Dice) async throws {
        // A quarter of them as `lockstep init` proposes.
        let hasRules = dice.seed % 4 != 3
        let schema = RandomSchema(dice: dice, zonedKeys: kind != .arcadeDB, hasRules: hasRules)
        // Half of them with every transaction cut to pieces.
        let isInParts = dice.seed.isMultiple(of: 2)
        let manyRows = Self.soak == nil ? 1000 : 10_000
        let note = "LOCKSTEP_SEED=\(dice.seed)"
        if Self.soak != nil { print("\(kind): \(note)") }
        if Self.seed != nil { print(schema.sql) }
        try await Project.on(kind, "proof", schema: schema.sql) { project in
            let url = project.postgres.url(database: project.database)
            @Sendable func session(_ number: UInt64, _ count: Int) async throws {
                try await RandomChanges.make(
                    count, on: url, dice: Dice(seed: dice.seed &+ number), manyRows: isInParts ? 100 : manyRows)
            }
            try await session(1, 150)
            try await project.propose()
            if hasRules {
                let shape = try SchemaShape(PostgresConnection(PostgresConfiguration(url)))
                var rules = RandomMapping(dice: dice, shape: shape, changesLabels: kind.isNeo4j)
                // Dice of their own: seeds of before mean what they did.
                var lookups = RandomLookups(dice: Dice(seed: dice.seed &+ 6), shape: shape)
                try project.edit { text in
                    rules.edit(&text)
                    lookups.edit(&text)
                }
                let text = try String(contentsOf: project.mapping, encoding: .utf8)
                var views = RandomViews(dice: Dice(seed: dice.seed &+ 7), shape: shape, file: text)
                let computed = views.make()
                if !computed.sql.isEmpty { try await project.sql(computed.sql) }
                try project.edit { $0 += computed.entries }
            }
            if Self.seed != nil { print(try String(contentsOf: project.mapping, encoding: .utf8)) }
            if isInParts { try project.applyInParts(of: 1 + Int(dice.seed % 5), above: 1) }
            try await project.whileRunning { _ in
                async let first: Void = session(2, 150)
                async let second: Void = session(3, 150)
                _ = try await (first, second)
                try await project.settleLoads()
                try await project.expectEqual("\(note), live")
                guard dice.seed.isMultiple(of: 3) else { return }
                for text in Self.damage { _ = try await project.cypher(text) }
                async let third: Void = session(4, 100)
                try await project.succeed("resync", "--all")
                try await third
                try await project.settleLoads()
                try await project.expectEqual("\(note), read again")
            }
            try await session(5, 200)
            try await project.whileRunning { running in
                try await project.settleLoads()
                try await project.expectEqual("\(note), a backlog")
                guard !dice.seed.isMultiple(of: 3) else { return }
                var chance = Dice(seed: dice.seed &+ 8)
                let constraints = try await Self.keysToRows(project).filter { _ in chance.percent(40) }
                try await project.sql(constraints.map { "ALTER TABLE \($0);" }.joined())
                try await session(9, 100)
                try await Self.follow(project, running)
                try await project.expectEqual("\(note), without some of its foreign keys")
            }
        }
    }

    /// Foreign keys to what rows are known by, each as the end of an ALTER TABLE that drops it. Rows of relationships with long
    /// values wait only where the stream has whole old rows.
    private static func keysToRows(_ project: Project) async throws -> [String] {
        try await project.sql(
            """
            SELECT format('%s DROP CONSTRAINT %I', f.conrelid::regclass, f.conname) FROM pg_constraint f
            JOIN pg_class c ON c.oid = f.confrelid JOIN pg_index i ON i.indexrelid = f.conindid
            JOIN pg_class h ON h.oid = f.conrelid
            WHERE f.contype = 'f' AND f.conparentid = 0 AND i.indisprimary AND i.indimmediate AND c.relreplident = 'd'
                AND (h.relname NOT LIKE 'join\\_%' OR h.relreplident = 'f')
            ORDER BY 1
            """
        ).split(separator: "\n").map(String.init)
    }

    /// Waits until the graph goes by the constraints that are left, if the mapping went by one that is not.
    private static func follow(_ project: Project, _ running: RunningLockstep) async throws {
        let word = "no foreign key leads from"
        // Told of already, or still to be followed.
        if try await project.lockstep("check").output.contains(word) || running.log.contains(word) {
            try await running.says(word)
            try await running.says("loaded: ", within: .seconds(90))
        }
        try await project.settleLoads()
    }
}
