// Part of Lockstep. See LICENSE.

import Synchronization
import TestServers
import TestSupport
import Testing

/// For suites of many small tests: one running pipeline for each kind of graph, on a database that holds the tables of
/// all of them. Each test keeps to its own tables.
///
/// `@Suite(.stage(schema))` starts one when a test first asks for it, and at the suite's end compares everything and
/// stops.
struct StageTrait: SuiteTrait, TestScoping {
    let schema: String

    @concurrent
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let stages = Stages(schema: schema)
        try await Stages.$current.withValue(stages) { try await function() }
        try await stages.end()
    }
}

extension Trait where Self == StageTrait {
    static func stage(_ schema: String) -> Self { Self(schema: schema) }
}

actor Stages {
    @TaskLocal static var current: Stages?

    private let schema: String
    private var stages: [GraphServer.Kind: Task<(Project, RunningLockstep), any Error>] = [:]
    private var turns: [GraphServer.Kind: Turn] = [:]

    init(schema: String) { self.schema = schema }

    /// Lends the project of this kind, running and up to date, to one test at a time.
    static func onStage(_ kind: GraphServer.Kind, _ body: (Project) async throws -> Void) async throws {
        try kind.requireAvailable()
        let stages = try #require(current, "the suite lacks the trait .stage")
        try await stages.turn(kind).during { try await body(await stages.project(kind)) }
    }

    private func turn(_ kind: GraphServer.Kind) -> Turn {
        let turn = turns[kind] ?? Turn()
        turns[kind] = turn
        return turn
    }

    private func project(_ kind: GraphServer.Kind) async throws -> Project {
        if let stage = stages[kind] { return try await stage.value.0 }
        let schema = schema
        let stage = Task {
            // A cluster of its own: what others write would have to be waited for as well.
            let project = try await Project(
                "stage", postgres: PostgresServer(), graph: GraphServer(kind), schema: schema)
            try await project.propose()
            let running = try project.start(["run"])
            try await project.settle()
            return (project, running)
        }
        stages[kind] = stage
        return try await stage.value.0
    }

    func end() async throws {
        for (kind, stage) in stages {
            let (project, running) = try await stage.value
            #expect(running.process.isRunning, "\(kind)\n\(running.log.suffix(3000))")
            try await project.settle()
            try await project.expectEqual("\(kind), at the end of the suite")
            try await running.stop()
        }
    }
}
