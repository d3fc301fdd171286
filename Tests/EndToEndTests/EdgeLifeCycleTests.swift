// Part of Lockstep. See LICENSE.

import TestServers
import Testing

@Suite(.oneAtATime, .stage(EdgeLifeCycle.all.map(\.schema).joined(separator: ";\n")))
struct `The graph follows when` {
    @Test(arguments: GraphServer.outermost, EdgeLifeCycle.all)
    func `rows and keys change`(kind: GraphServer.Kind, life: EdgeLifeCycle) async throws {
        try await Stages.onStage(kind) { project in
            for step in life.steps {
                try await project.sql(step.sql)
                try await project.settle()
                #expect(try await project.cypher(step.query) == step.answer, "\(life.name): after \(step.sql)")
            }
        }
    }
}
