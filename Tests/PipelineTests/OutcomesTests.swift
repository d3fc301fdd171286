// Part of Lockstep. See LICENSE.

import Testing

@testable import Pipeline

struct `What an attempt ends with` {
    private static let stopped = Result<Void, PipelineError>.failure(PipelineError("stopped"))

    @Test func `is the cause, not what was stopped because of it and ended before it`() {
        let away = PipelineError("the graph is not available", disposition: .retry)
        let error = #expect(throws: PipelineError.self) {
            try [.success(()), Self.stopped, .failure(away), Self.stopped].throwCause()
        }
        #expect(error?.what == away.what)
        #expect(error?.disposition == .retry)
    }

    @Test func `is no error where the stop was asked for`() throws {
        try [.success(()), Self.stopped].throwCause()
    }
}
