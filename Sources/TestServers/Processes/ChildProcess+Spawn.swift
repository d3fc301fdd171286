// Part of Lockstep. See LICENSE.

internal import Foundation

extension ChildProcess {
    /// `posix_spawnp` with a session of its own and default signals.
    static func spawn(
        _ command: [String], environment: [String], input: Input, output: String, errors: String?
    ) throws -> pid_t {
        #if canImport(Glibc)
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        #else
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        #endif
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }

        let append = O_WRONLY | O_CREAT | O_APPEND
        switch input {
        case .null: unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        case .descriptor(let descriptor): unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, append, 0o644)
        if let errors {
            unsafe posix_spawn_file_actions_addopen(&actions, 2, errors, append, 0o644)
        } else {
            unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }

        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        #if canImport(Glibc)
        // POSIX_SPAWN_SETSID, which Swift's Glibc module hides.
        flags |= 0x80
        #else
        flags |= POSIX_SPAWN_SETSID | POSIX_SPAWN_CLOEXEC_DEFAULT
        #endif
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        var pid: pid_t = 0
        let status = unsafe withCStrings(command) { arguments in
            unsafe withCStrings(environment) { variables in
                unsafe posix_spawnp(&pid, arguments[0]!, &actions, &attributes, arguments, variables)
            }
        }
        guard status == 0 else {
            throw TestServerError("\(command[0]) cannot be started: \(unsafe String(cString: strerror(status)))")
        }
        return pid
    }

    /// Calls `body` with a null-terminated array of C strings that live as long as the call.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = unsafe strings.map { unsafe strdup($0) } + [nil]
        defer { unsafe copies.forEach { unsafe free($0) } }
        return unsafe body(copies)
    }
}
