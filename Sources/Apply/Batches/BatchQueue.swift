// Part of Lockstep. See LICENSE.

internal import Synchronization
public import Threading

/// The bounded hand-over from the threads that encode batches to the one that writes them.
///
/// A batch that was put is *accepted*; it is *durable* once ``ApplyProgress`` says so. Batches are taken in the order in
/// which they were put.
public final class BatchQueue: Sendable {
    private struct State {
        var batches: [EncodedBatch] = []
        var isClosed = false
        var hasGap = false
        /// The writer could send at once what is put now.
        var isWriterReady = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    /// Woken when there is something to take, or the queue was closed.
    public let filled = Wakeup()
    /// Woken when there is room, or the writer has become ready.
    public let drained = Wakeup()

    public init(capacity: Int) { self.capacity = capacity }

    public var hasRoom: Bool { state.withLock { $0.batches.count < capacity } }

    /// Nothing waits in the queue and the writer waits for something: a small batch is better sent than grown.
    public var isWriterReady: Bool { state.withLock { $0.batches.isEmpty && $0.isWriterReady } }

    /// Hands a batch over. The caller has seen ``hasRoom``, or takes part in going over the capacity by one.
    ///
    /// - Returns: False behind a gap: the batch is not taken.
    @discardableResult
    public func put(_ batch: EncodedBatch) -> Bool {
        let isTaken = state.withLock { state in
            if !state.hasGap { state.batches.append(batch) }
            return !state.hasGap
        }
        if isTaken { filled.wake() }
        return isTaken
    }

    /// A batch was not put because the stop came before there was room: none is taken any more, for one that finds room later
    /// may say that the graph has what that one had.
    public func leaveGap() { state.withLock { $0.hasGap = true } }

    /// Waits until there is room.
    ///
    /// - Returns: False when the stop was asked for or the queue was closed before that.
    public func waitForRoom(stop: StopSignal, waker: Wakeup) -> Bool {
        while true {
            if stop.isStopped || state.withLock({ $0.isClosed }) { return false }
            if hasRoom { return true }
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [waker, drained], deadline: .after(.seconds(1)))
            drained.drain()
            if !stop.isStopped { waker.drain() }
        }
    }

    /// The next batch; where there is none, the writer counts as waiting for one.
    func take() -> EncodedBatch? {
        let (batch, hasNews): (EncodedBatch?, Bool) = state.withLock { state in
            guard state.batches.isEmpty else { return (state.batches.removeFirst(), true) }
            defer { state.isWriterReady = true }
            return (nil, !state.isWriterReady)
        }
        if hasNews { drained.wake() }
        return batch
    }

    /// The writer takes nothing until it says so by ``take()``.
    func writerIsBusy() { state.withLock { $0.isWriterReady = false } }

    /// Nothing comes any more: the writer ends once it has written what is there.
    public func close() {
        state.withLock { $0.isClosed = true }
        filled.wake()
        drained.wake()
    }

    var isFinished: Bool { state.withLock { $0.isClosed && $0.batches.isEmpty } }
}
