// Part of Lockstep. See LICENSE.

import Testing

/// Lets the suites that have it run one after the other: each starts servers, and a small machine has room for one
/// suite's. The kinds of graph inside a suite still run side by side.
struct OneAtATime: SuiteTrait, TestScoping {
    private static let turn = Turn()

    @concurrent
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await Self.turn.during { try await function() }
    }
}

extension Trait where Self == OneAtATime {
    /// To stand first, so that the servers of later traits start when it is the suite's turn.
    static var oneAtATime: Self { Self() }
}

/// A queue of those who want to be alone.
actor Turn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    nonisolated func during(_ body: () async throws -> Void) async throws {
        await enter()
        do {
            try await body()
            await leave()
        } catch {
            await leave()
            throw error
        }
    }

    private func enter() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func leave() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}
