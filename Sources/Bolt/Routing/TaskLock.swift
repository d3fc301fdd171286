// Part of Lockstep. See LICENSE.

internal import Synchronization

/// Lets one task at a time through; the others wait, in order.
final class TaskLock: Sendable {
    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var isTaken = false
        var count = 0
        var waiters: [Waiter] = []
    }

    private let state = Mutex(State())

    /// Waits for its turn; ``unlock()`` ends that.
    ///
    /// - Throws: Of kind cancelled; it is not this task's turn then.
    func lock() async throws(BoltError) {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        let isOurs = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    guard state.isTaken else {
                        state.isTaken = true
                        return true
                    }
                    state.waiters.append(Waiter(number: number, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter: Waiter? = state.withLock { state in
                state.waiters.firstIndex { $0.number == number }.map { state.waiters.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: false)
        }
        if !isOurs { throw BoltError(.cancelled, "the task was cancelled", server: nil) }
    }

    func unlock() {
        let next: Waiter? = state.withLock { state in
            if state.waiters.isEmpty {
                state.isTaken = false
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
