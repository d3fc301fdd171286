// Part of Lockstep. See LICENSE.

internal import Apply

/// What the graph says of the pipeline, as far as it decides what is a fault on the other side.
enum GraphState: Sendable {
    /// The graph did not answer.
    case unknown
    /// Everything is going to be read: there is no checkpoint, or the first read was not finished.
    case fresh
    case following(Checkpoint)

    init(_ checkpoint: Checkpoint?) {
        if let checkpoint, checkpoint.phase == .streaming { self = .following(checkpoint) } else { self = .fresh }
    }
}
