// Part of Lockstep. See LICENSE.

import Bolt
import Synchronization
import Threading

/// A clock that a test can stop and set forward.
final class TestClock: Sendable {
    private struct State {
        /// What was added to the system's clock.
        var advance = Duration.zero
        /// Where it stands, while it stands.
        var stopped: Duration?
    }

    private let state = Mutex(State())

    var clock: BoltClock { BoltClock { [self] in now } }

    private var now: Duration { state.withLock { $0.stopped ?? system + $0.advance } }

    private var system: Duration { .nanoseconds(MonotonicTime.now.nanoseconds) }

    func stop() {
        let now = now
        state.withLock { $0.stopped = now }
    }

    func advance(_ duration: Duration) {
        state.withLock { state in
            if let stopped = state.stopped { state.stopped = stopped + duration } else { state.advance += duration }
        }
    }

    /// It goes on from where it stood, so that it never goes back.
    func restart() {
        state.withLock { state in
            guard let stopped = state.stopped else { return }
            state.advance = stopped - system
            state.stopped = nil
        }
    }
}
