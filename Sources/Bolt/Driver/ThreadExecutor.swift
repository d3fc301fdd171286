// Part of Lockstep. See LICENSE.

internal import Synchronization
internal import Threading

/// Runs one actor's jobs, which may block, on a thread of their own, in order.
final class ThreadExecutor: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wakeup = Wakeup()

    /// - Parameter name: Of the thread.
    init(name: String) {
        // The one unstructured task: it only carries the thread, which ends with ``stop()``.
        Task { await DedicatedThread.run(name: name) { self.work() } }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
        wakeup.wake()
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// Ends the thread after the jobs that wait; nothing may be enqueued after it.
    func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.wake()
    }

    private func work() {
        while true {
            wakeup.drain()
            let (jobs, isStopped) = state.withLock { state in
                let jobs = state.jobs
                state.jobs = []
                return (jobs, state.isStopped)
            }
            for job in jobs { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
            if !jobs.isEmpty { continue }
            if isStopped { return }
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [wakeup])
        }
    }
}
