// Part of Lockstep. See LICENSE.

internal import Threading

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// SIGINT and SIGTERM as stop signals.
enum Signals {
    /// Blocks the signals that ``forward(to:abandon:)`` waits for; SIGPIPE is ignored: a closed reader is an error of `write`.
    static func block() {
        var set = waited()
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Starts the thread that turns the first signal into `stop`, and the second, or four and a half seconds, into `abandon`.
    static func forward(to stop: StopSignal, abandon: StopSignal) {
        Task {
            await DedicatedThread.run(name: "signals") {
                var set = waited()
                var number: Int32 = 0
                unsafe sigwait(&set, &number)
                stop.stop()
                var limit = timespec(tv_sec: 4, tv_nsec: 500_000_000)
                _ = unsafe sigtimedwait(&set, nil, &limit)
                abandon.stop()
            }
        }
    }

    static func exit(_ code: ExitCode) -> Never {
        #if canImport(Glibc)
        Glibc.exit(code.rawValue)
        #else
        Darwin.exit(code.rawValue)
        #endif
    }

    private static func waited() -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGINT)
        unsafe sigaddset(&set, SIGTERM)
        return set
    }
}
