// Part of Lockstep. See LICENSE.

public import Foundation
internal import Synchronization

/// A program that a test started, in a session and process group of its own, with its output in files.
///
/// Foundation's `Process` would do, but its pipes reach grandchildren and its `waitUntilExit` needs a run loop.
/// The child inherits no blocked signal and no handler; descriptors of ours are closed on exec.
public final class ChildProcess: Sendable {
    /// How a process ended.
    public enum Exit: Equatable, Sendable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        public var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    /// Where the child's standard input comes from.
    public enum Input: Sendable {
        case null
        /// A descriptor of ours, such as the read end of a pipe; it stays open here.
        case descriptor(Int32)
    }

    public let pid: pid_t
    private let exit = Mutex<Exit?>(nil)

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - command: The executable, by path or by a name in `PATH`, and its arguments.
    ///   - environment: Added to this process's own; an empty value removes the variable.
    ///   - output: The file that standard output is appended to.
    ///   - errors: The file that standard error is appended to; nil for the same as `output`.
    /// - Throws: ``TestServerError`` when it cannot be started.
    public init(
        _ command: [String], environment: [String: String] = [:], input: Input = .null, output: URL, errors: URL? = nil
    ) throws {
        var all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        for (name, value) in environment where value.isEmpty { all[name] = nil }
        pid = try Self.spawn(
            command, environment: all.map { "\($0.key)=\($0.value)" }, input: input, output: output.path,
            errors: errors?.path)
    }

    /// How it ended; nil while it runs.
    public var exitIfEnded: Exit? { exit.withLock { reap(&$0, flags: WNOHANG) } }

    public var isRunning: Bool { exitIfEnded == nil }

    /// Waits for its end.
    ///
    /// - Throws: ``TestServerError`` when it still runs after `limit`.
    @discardableResult
    public func waitForExit(within limit: Duration = .seconds(30)) async throws -> Exit {
        try await eventually("end of process \(pid)", within: limit) { exitIfEnded }
    }

    /// Waits for its end without letting go of the thread: for `deinit` and other places that cannot suspend.
    @discardableResult
    public func blockUntilExit() -> Exit {
        exit.withLock { state in
            while true {
                if let ended = reap(&state, flags: 0) { return ended }
            }
        }
    }

    /// Sends a signal, unless it has ended.
    public func send(signal number: Int32) {
        exit.withLock { state in
            if reap(&state, flags: WNOHANG) == nil { kill(pid, number) }
        }
    }

    /// Sends a signal to the process and all in its group, unless it has ended.
    public func sendToGroup(signal number: Int32) {
        exit.withLock { state in
            if reap(&state, flags: WNOHANG) == nil { kill(-pid, number) }
        }
    }

    /// The processes that it started and that still run.
    public var children: [pid_t] {
        let listing = (try? Self.capture(["ps", "-A", "-o", "pid=,ppid="])) ?? ""
        return listing.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            return fields.count == 2 && fields[1] == "\(pid)" ? pid_t(fields[0]) : nil
        }
    }

    /// Whether a process runs, ours or another's; one that has ended and that nobody has waited for does not.
    static func isAlive(_ pid: pid_t) -> Bool {
        guard kill(pid, 0) == 0 else { return false }
        let state = (try? capture(["ps", "-o", "stat=", "-p", "\(pid)"])) ?? "Z"
        return !state.hasPrefix("Z")
    }

    // Under the lock, so that nobody signals a pid that has been reaped and given away.
    private func reap(_ state: inout Exit?, flags: Int32) -> Exit? {
        if state != nil { return state }
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, flags) == pid else { return nil }
        state = status & 0x7f == 0 ? .code((status >> 8) & 0xff) : .signal(status & 0x7f)
        return state
    }
}

extension ChildProcess {
    /// Runs a program to its end and gives what it printed.
    ///
    /// - Throws: ``TestServerError`` with its output when it fails or takes longer than `limit`.
    @discardableResult
    public static func run(
        _ command: [String], environment: [String: String] = [:], input: Input = .null,
        within limit: Duration = .seconds(120)
    ) async throws -> String {
        let (child, files) = try start(command, environment: environment, input: input)
        defer { files.remove() }
        let exit: Exit
        do {
            exit = try await child.waitForExit(within: limit)
        } catch {
            child.sendToGroup(signal: SIGKILL)
            child.blockUntilExit()
            throw TestServerError("\(command.joined(separator: " ")): still running after \(limit)\n\(files.tail)")
        }
        return try files.result(of: command, exit)
    }

    /// Runs a short program to its end on the calling thread.
    static func capture(_ command: [String]) throws -> String {
        let (child, files) = try start(command)
        defer { files.remove() }
        return try files.result(of: command, child.blockUntilExit())
    }

    private static func start(
        _ command: [String], environment: [String: String] = [:], input: Input = .null
    ) throws -> (ChildProcess, OutputFiles) {
        let files = OutputFiles()
        let child = try ChildProcess(
            command, environment: environment, input: input, output: files.output, errors: files.errors)
        return (child, files)
    }

    private struct OutputFiles {
        let output: URL
        let errors: URL

        init() {
            let stem = FileManager.default.temporaryDirectory.appending(path: "lockstep-run-\(UUID().uuidString)")
            output = stem.appendingPathExtension("out")
            errors = stem.appendingPathExtension("err")
        }

        var tail: String { (read(output) + read(errors)).suffix(4000).description }

        func result(of command: [String], _ exit: Exit) throws -> String {
            guard exit == .code(0) else {
                throw TestServerError("\(command.joined(separator: " ")): \(exit)\n\(tail)")
            }
            return read(output)
        }

        func remove() {
            for file in [output, errors] { try? FileManager.default.removeItem(at: file) }
        }

        private func read(_ file: URL) -> String {
            String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
        }
    }
}
