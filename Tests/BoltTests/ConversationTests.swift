// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

@Suite struct `A conversation` {
    private func conversation(_ requests: Conversation.Request...) -> Conversation {
        var conversation = Conversation()
        for (index, request) in requests.enumerated() { conversation.wrote(request, end: UInt64(index + 1) * 10) }
        return conversation
    }

    @Test func `knows whether a query begins a transaction of its own`() {
        var conversation = Conversation()
        #expect(!conversation.isInTransaction)
        for ending: Conversation.Request in [.commit, .rollback, .reset] {
            conversation.wrote(.begin, end: 1)
            #expect(conversation.isInTransaction)
            conversation.wrote(.run, end: 2)
            #expect(conversation.isInTransaction)
            conversation.wrote(ending, end: 3)
            #expect(!conversation.isInTransaction)
        }
    }

    @Test func `counts answers, records aside`() throws {
        var conversation = conversation(.begin, .run, .pull, .commit)
        #expect(conversation.pending == 4)
        for tag: ResponseTag in [.success, .success, .record, .record, .success] { try conversation.received(tag) }
        #expect(conversation.pending == 1)
        #expect(conversation.next == .commit)
        try conversation.received(.success)
        #expect(conversation.pending == 0)
        #expect(throws: Conversation.Violation.unexpectedAnswer) { try conversation.received(.success) }
    }

    @Test func `lets requests be ignored from a failure to a reset`() throws {
        var conversation = conversation(.begin, .run, .pull, .commit, .reset, .run)
        try conversation.received(.success)
        try conversation.received(.failure)
        #expect(conversation.isFailed)
        try conversation.received(.ignored)
        try conversation.received(.ignored)
        try conversation.received(.success)
        #expect(!conversation.isFailed)
        #expect(throws: Conversation.Violation.unexpectedIgnored) { try conversation.received(.ignored) }
    }

    @Test func `lets requests be interrupted by a reset on its way`() throws {
        var conversation = conversation(.run, .pull, .reset, .reset)
        try conversation.received(.success)
        try conversation.received(.record)
        try conversation.received(.ignored)
        // Of two resets the server may ignore the first.
        try conversation.received(.ignored)
        #expect(throws: Conversation.Violation.unexpectedIgnored) { try conversation.received(.ignored) }
        try conversation.received(.success)
        #expect(conversation.pending == 0)
    }

    @Test func `allows records for a pull only`() throws {
        for request: Conversation.Request in [.begin, .run, .discard, .commit, .rollback, .reset, .hello, .logon] {
            var conversation = conversation(request)
            #expect(throws: Conversation.Violation.unexpectedRecord) { try conversation.received(.record) }
        }
        var failed = conversation(.run, .pull)
        try failed.received(.failure)
        #expect(throws: Conversation.Violation.unexpectedRecord) { try failed.received(.record) }
    }

    @Test func `demands that a reset succeeds`() {
        var conversation = conversation(.reset)
        #expect(throws: Conversation.Violation.resetFailed) { try conversation.received(.failure) }
    }

    @Test func `leaves the outcome open from the last byte of a commit to its answer`() throws {
        var conversation = conversation(.begin, .run, .discard, .commit)
        #expect(!conversation.isOutcomeUnknown(sent: 39))
        #expect(conversation.isOutcomeUnknown(sent: 40))
        for _ in 0..<3 { try conversation.received(.success) }
        #expect(conversation.isOutcomeUnknown(sent: 40))
        try conversation.received(.success)
        #expect(!conversation.isOutcomeUnknown(sent: 40))
    }

    @Test func `leaves nothing open behind a failure`() throws {
        var conversation = conversation(.begin, .run, .commit, .reset, .run)
        try conversation.received(.success)
        #expect(conversation.isOutcomeUnknown(sent: 40))
        try conversation.received(.failure)
        #expect(!conversation.isOutcomeUnknown(sent: 40))
        // The query behind the reset is one of its own.
        #expect(conversation.isOutcomeUnknown(sent: 50))
    }

    @Test func `leaves a query of its own open until its records have ended`() throws {
        var conversation = conversation(.run, .pull)
        #expect(conversation.isOutcomeUnknown(sent: 10))
        try conversation.received(.success)
        #expect(conversation.isOutcomeUnknown(sent: 20))
        try conversation.received(.success)
        #expect(!conversation.isOutcomeUnknown(sent: 20))
    }

    @Test func `does not grow with its length`() throws {
        var conversation = conversation(.run)
        for round in 2..<10_000 {
            conversation.wrote(.pull, end: UInt64(round) * 10)
            try conversation.received(.success)
            #expect(conversation.pending == 1)
        }
    }
}
