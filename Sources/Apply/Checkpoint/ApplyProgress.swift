// Part of Lockstep. See LICENSE.

internal import PostgreSQL
internal import Synchronization
public import Threading

/// What the graph has acknowledged, for the threads that wait for it.
public final class ApplyProgress: Sendable {
    private struct State {
        var checkpoint: Checkpoint
        var statements = 0
    }

    private let state: Mutex<State>
    /// Woken whenever the checkpoint has moved.
    public let moved = Wakeup()

    public init(_ checkpoint: Checkpoint) { state = Mutex(State(checkpoint: checkpoint)) }

    /// The checkpoint of the last graph transaction whose COMMIT was acknowledged.
    public var checkpoint: Checkpoint { state.withLock { $0.checkpoint } }

    func acknowledge(_ checkpoint: Checkpoint) {
        state.withLock { $0.checkpoint = checkpoint }
        moved.wake()
    }
}
