// Part of Lockstep. See LICENSE.

internal import CLockstep

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Runs blocking work on a thread of its own, so that it never holds a thread of the cooperative pool.
public enum DedicatedThread {
    /// Starts a thread, runs `body` on it and suspends the caller until it returns.
    ///
    /// The thread blocks every signal: signals belong to the thread that `sigwait`s for them. Cancellation of the
    /// calling task does not interrupt `body`; give it a ``StopSignal`` to watch.
    ///
    /// - Parameter name: What debuggers and `top -H` show; cut to 15 bytes on Linux.
    /// - Throws: What `body` throws.
    public static func run<Result: Sendable, Failure: Error>(
        name: String, _ body: @escaping @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = await withCheckedContinuation { continuation in
            start(name: name) {
                do throws(Failure) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    private final class Entry {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        let entry = unsafe Unmanaged.passRetained(Entry(name: name, body: body)).toOpaque()
        #if canImport(Glibc)
        var thread = pthread_t()
        #else
        var thread: pthread_t?
        #endif
        var all = sigset_t()
        var previous = sigset_t()
        // The new thread inherits the mask: it must not become the one that a signal is delivered to.
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &previous)
        let status = unsafe pthread_create(&thread, nil, threadMain, entry)
        unsafe pthread_sigmask(SIG_SETMASK, &previous, nil)
        precondition(status == 0, "pthread_create failed: \(status)")
        #if canImport(Glibc)
        pthread_detach(thread)
        #else
        if let thread = unsafe thread { unsafe pthread_detach(thread) }
        #endif
    }

    // A file-level style C callback: a closure from isolated code would be taken as isolated too.
    #if canImport(Glibc)
    private static let threadMain: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument = unsafe argument else { return nil }
        let entry = unsafe Unmanaged<Entry>.fromOpaque(argument).takeRetainedValue()
        unsafe entry.name.withCString { unsafe lockstep_set_thread_name($0) }
        entry.body()
        return nil
    }
    #else
    private static let threadMain: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { argument in
        let entry = unsafe Unmanaged<Entry>.fromOpaque(argument).takeRetainedValue()
        unsafe entry.name.withCString { unsafe lockstep_set_thread_name($0) }
        entry.body()
        return nil
    }
    #endif
}
