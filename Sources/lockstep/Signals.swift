// Part of Lockstep. See LICENSE.

internal import Threading

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// SIGINT and SIGTERM as stop signals, and SIGHUP as the wish that the mapping file be read anew.
///
/// Handlers that write to a pipe, not `sigwait`: the main thread of a Swift program ends in dispatch's `sigsuspend`, which
/// takes every signal whatever was blocked before.
enum Signals {
    private static let arrived = Wakeup()
    private static let hungUp = Wakeup()

    /// A closed reader is to be an error of `write`, not the end of the process.
    static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

    /// The first signal from now on becomes `stop`, the second, or four and a half seconds, `abandon`.
    static func forward(to stop: StopSignal, abandon: StopSignal) {
        unsafe descriptorOfHandler = arrived.writableDescriptor
        for number in [SIGINT, SIGTERM] { _ = signal(number, handleSignal) }
        Task {
            await DedicatedThread.run(name: "signals") {
                _ = Poll.wait(descriptor: -1, for: [], wakeups: [arrived])
                arrived.drain()
                stop.stop()
                _ = Poll.wait(descriptor: -1, for: [], wakeups: [arrived], deadline: .after(.milliseconds(4500)))
                abandon.stop()
            }
        }
    }

    /// Has `body` run at each SIGHUP from now on. Several that come while it runs are one.
    ///
    /// - Parameter stop: Asked for instead where the terminal that the program was started on has gone.
    static func onHangUp(_ stop: StopSignal, _ body: @escaping @Sendable () async -> Void) {
        unsafe descriptorOfHangUp = hungUp.writableDescriptor
        let hadTerminal = Terminal.isErrorTerminal
        _ = signal(SIGHUP, handleHangUp)
        Task {
            while !stop.isStopped {
                await DedicatedThread.run(name: "hang-up") {
                    _ = Poll.wait(descriptor: -1, for: [], wakeups: [hungUp])
                    hungUp.drain()
                }
                if hadTerminal, isatty(STDERR_FILENO) == 0 { return stop.stop() }
                await body()
            }
        }
    }

    /// Ends the process at once, without the handlers of `exit`: threads that are still coming to their end (a connection's,
    /// the one that waits for signals) run while the C libraries' handlers take down what they use, OpenSSL's above all.
    /// Nothing is lost, since what is printed is not buffered.
    static func exit(_ code: ExitCode) -> Never { _exit(code.rawValue) }
}

// Written once before the handlers are set, read only by them.
nonisolated(unsafe) private var descriptorOfHandler: Int32 = -1
nonisolated(unsafe) private var descriptorOfHangUp: Int32 = -1

/// Nothing but `write`, which may be called in a handler.
private func handleSignal(_ number: Int32) {
    var byte: UInt8 = 1
    _ = unsafe write(descriptorOfHandler, &byte, 1)
}

private func handleHangUp(_ number: Int32) {
    var byte: UInt8 = 1
    _ = unsafe write(descriptorOfHangUp, &byte, 1)
}
