// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Synchronization
import TestServers
import TestSupport
import Testing
import Threading

/// `kill -9` of each of the three, at any moment.
@Suite(.oneAtATime, .serialized)
struct `When something is killed` {
    enum Victim: CaseIterable, Sendable { case lockstep, graph, postgres }

    /// `LOCKSTEP_SOAK=minutes` for each graph server; without it each victim dies once.
    static let soak = ProcessInfo.processInfo.environment["LOCKSTEP_SOAK"].flatMap { Int64($0) }

    @Test(arguments: soak == nil ? GraphServer.newest : GraphServer.kinds)
    func `under load, readers see whole transactions and both sides end equal`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "faults", schema: Bank.schema(), postgres: PostgresServer()) { project in
            var dice = Dice.thrown
            try await project.propose()
            let workload = Bank.Workload(project)
            let reader = Bank.Reader(project)
            let end = Self.soak.map { MonotonicTime.after(.seconds($0 * 60)) }
            let first = try project.start(["run"])
            try await project.settle()
            let rounds = Victim.allCases.shuffled(using: &dice)
            let moments = rounds.map { _ in 1 + dice.pick(200) }
            let seed = dice.seed

            let running = try await workload.during(dice: dice) {
                try await reader.during {
                    var running = first
                    var round = 0
                    while round < rounds.count || end.map({ MonotonicTime.now < $0 }) == true {
                        let victim = rounds[round % rounds.count]
                        try await reader.advance(by: 4)
                        try await workload.advance(by: moments[round % moments.count])
                        running = try await Self.kill(victim, of: project, running)
                        try await Self.recover(project, running, "round \(round), \(victim), LOCKSTEP_SEED=\(seed)")
                        round += 1
                    }
                    return running
                }
            }
            try await project.settle()
            #expect(reader.complaints.isEmpty, "LOCKSTEP_SEED=\(seed): \(reader.complaints.prefix(5))")
            try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
            try await running.stop()
        }
    }

    /// Kills it, and starts again what does not come back by itself.
    private static func kill(
        _ victim: Victim, of project: Project, _ running: RunningLockstep
    ) async throws -> RunningLockstep {
        switch victim {
        case .lockstep:
            try await running.kill9()
            return try project.start(["run"])
        case .graph:
            try await project.graph.kill9()
            try await project.graph.start()
        case .postgres:
            try await project.postgres.kill9()
            try await project.postgres.start()
        }
        return running
    }

    /// Lockstep comes back by itself, and the graph reaches what is committed now.
    private static func recover(_ project: Project, _ running: RunningLockstep, _ note: String) async throws {
        do {
            try await project.settle()
        } catch {
            let state = running.process.exitIfEnded.map { "ended by \($0)" } ?? "is running"
            throw TestServerError("\(note): \(error)\nlockstep run \(state) and said:\n\(running.log.suffix(3000))")
        }
        #expect(running.process.isRunning, "\(note)\n\(running.log.suffix(3000))")
    }

    @Test(arguments: GraphServer.newest)
    func `during the first read, it goes on and both sides end equal`(kind: GraphServer.Kind) async throws {
        let schema = Bank.schema(parcels: 6000)
        try await Project.on(kind, "first", schema: schema, postgres: PostgresServer()) { project in
            var dice = Dice.thrown
            try await project.propose()
            try project.edit { text in text += "\nbatch: {rows: 100}\n" }
            var running = try project.start(["run"])
            for victim in Victim.allCases {
                let amount = 1 + dice.pick(12_000)
                // From here to there it reads for a second or two.
                try await eventually("the graph has \(amount) items", within: .seconds(60)) {
                    let count = try? await project.graph.query("MATCH (n:Item) RETURN count(n)").rows.first?.first?
                        .integerValue
                    return (count ?? 0) >= Int64(amount)
                }
                running = try await Self.kill(victim, of: project, running)
                try await project.sql(
                    "UPDATE account SET balance = balance + 1; DELETE FROM parcel WHERE id % 100 = \(amount % 100)")
            }
            try await project.settle()
            #expect(running.process.isRunning, "\(running.log.suffix(3000))")
            #expect(!running.log.contains("begins again"), "\(running.log.suffix(3000))")
            try await project.expectEqual("LOCKSTEP_SEED=\(dice.seed)")
            try await running.stop()
        }
    }
}
