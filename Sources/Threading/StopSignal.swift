// Part of Lockstep. See LICENSE.

internal import Synchronization

/// Asks a set of threads to finish: each watches ``isStopped`` between steps and adds its ``Wakeup`` to be woken.
public final class StopSignal: Sendable {
    private struct WeakSignal {
        weak var signal: StopSignal?
    }

    private struct State {
        var stopped = false
        var wakeups: [Wakeup] = []
        var children: [WeakSignal] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// A signal that stops when this one does, or by itself before that.
    public func child() -> StopSignal {
        let child = StopSignal()
        let stopped = state.withLock { state in
            state.children.removeAll { $0.signal == nil }
            state.children.append(WeakSignal(signal: child))
            return state.stopped
        }
        if stopped { child.stop() }
        return child
    }

    public var isStopped: Bool { state.withLock { $0.stopped } }

    /// Asks everybody to stop, now. Safe to call more than once.
    public func stop() {
        let (wakeups, children) = state.withLock { state in
            state.stopped = true
            return (state.wakeups, state.children.compactMap(\.signal))
        }
        for wakeup in wakeups { wakeup.wake() }
        for child in children { child.stop() }
    }

    /// Has `wakeup` woken when the stop is asked for, at once if it was already.
    public func add(_ wakeup: Wakeup) {
        let stopped = state.withLock { state in
            state.wakeups.append(wakeup)
            return state.stopped
        }
        if stopped { wakeup.wake() }
    }

    /// Forgets `wakeup`: what comes and goes while the signal stays, as a connection does, takes its wake-up along.
    public func remove(_ wakeup: Wakeup) {
        state.withLock { $0.wakeups.removeAll { $0 === wakeup } }
    }

    /// Sleeps on the calling thread until the duration has passed.
    ///
    /// - Returns: False when the stop was asked for before that.
    public func sleep(for duration: Duration) -> Bool {
        let wakeup = Wakeup()
        add(wakeup)
        defer { remove(wakeup) }
        _ = Poll.wait(descriptor: -1, for: [], wakeups: [wakeup], deadline: .after(duration))
        return !isStopped
    }
}
