// Part of Lockstep. See LICENSE.

internal import PostgreSQL
internal import Synchronization
public import Threading

/// What the graph has acknowledged, for the threads that wait for it.
public final class ApplyProgress: Sendable {
    private let current: Mutex<Checkpoint>
    private let observer: (@Sendable (Checkpoint) -> Void)?
    /// Woken whenever the checkpoint has moved.
    public let moved = Wakeup()

    /// - Parameter observer: Told of each checkpoint on the writer's thread, before anybody else.
    public init(_ checkpoint: Checkpoint, observer: (@Sendable (Checkpoint) -> Void)? = nil) {
        current = Mutex(checkpoint)
        self.observer = observer
    }

    /// The checkpoint of the last graph transaction whose COMMIT was acknowledged.
    public var checkpoint: Checkpoint { current.withLock { $0 } }

    func acknowledge(_ checkpoint: Checkpoint) {
        observer?(checkpoint)
        current.withLock { $0 = checkpoint }
        moved.wake()
    }
}
