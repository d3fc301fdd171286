// Part of Lockstep. See LICENSE.

internal import PostgreSQL
internal import Synchronization
public import Threading

/// What the graph has acknowledged, for the threads that wait for it.
public final class ApplyProgress: Sendable {
    private struct State {
        var checkpoint: Checkpoint
        var batches = 0
    }

    private let state: Mutex<State>
    private let observer: (@Sendable (Checkpoint) -> Void)?
    /// Woken whenever the checkpoint has moved.
    public let moved = Wakeup()

    /// - Parameter observer: Told of each checkpoint on the writer's thread, before anybody else.
    public init(_ checkpoint: Checkpoint, observer: (@Sendable (Checkpoint) -> Void)? = nil) {
        state = Mutex(State(checkpoint: checkpoint))
        self.observer = observer
    }

    /// The checkpoint of the last graph transaction whose COMMIT was acknowledged.
    public var checkpoint: Checkpoint { state.withLock { $0.checkpoint } }

    /// How many batches were acknowledged.
    public var batches: Int { state.withLock { $0.batches } }

    func acknowledge(_ checkpoint: Checkpoint) {
        observer?(checkpoint)
        state.withLock { state in
            state.checkpoint = checkpoint
            state.batches += 1
        }
        moved.wake()
    }
}
