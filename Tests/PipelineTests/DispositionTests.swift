// Part of Lockstep. See LICENSE.

import Apply
import Testing

@testable import Bolt
@testable import Pipeline

struct `A failure of the graph` {
    private func failure(_ code: String) -> BoltError {
        BoltError(BoltFailure(metadata: ["code": .string(code), "message": "no"]), server: "x:1")
    }

    @Test(arguments: ["Neo.ClientError.Statement.EntityNotFound", "Neo.TransientError.Transaction.DeadlockDetected"])
    func `is tried again at once where another transaction was in the way`(code: String) {
        let writing = PipelineError(ApplyError(graph: failure(code)))
        #expect(writing.disposition == .retrySoon && writing.what == "another transaction was in the way")
    }

    @Test func `is tried again where what was found had gone before it was read`() {
        #expect(PipelineError(failure("Neo.ClientError.Statement.EntityNotFound")).disposition == .retrySoon)
        #expect(PipelineError(failure("Neo.ClientError.Statement.SyntaxError")).disposition == .stop)
    }

    @Test func `that is the change's own stops the run`() {
        let refused = ApplyError(graph: failure("Neo.ClientError.Schema.ConstraintValidationFailed"))
        #expect(refused.kind == .refused && PipelineError(refused).disposition == .stop)
    }
}
