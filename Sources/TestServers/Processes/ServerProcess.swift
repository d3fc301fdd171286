// Part of Lockstep. See LICENSE.

internal import Foundation
internal import Synchronization

/// The process of a throw-away server with the folder that it writes to: started and ended as often as wished, and
/// removed with its folder when nobody holds it any more.
final class ServerProcess: Sendable {
    let name: String
    let folder: URL
    private let killSignal: (number: Int32, name: String)
    private let child = Mutex<ChildProcess?>(nil)

    /// - Parameters:
    ///   - name: For the folder and for errors.
    ///   - killSignal: What ends the server at once together with its children.
    init(name: String, killSignal: (number: Int32, name: String) = (SIGKILL, "KILL")) throws {
        self.name = name
        self.killSignal = killSignal
        folder = try RunFolder.shared.makeFolder(name)
    }

    deinit {
        let folder = folder
        guard let child = child.withLock({ $0 }) else {
            try? FileManager.default.removeItem(at: folder)
            return
        }
        child.sendToGroup(signal: killSignal.number)
        Thread.detachNewThread {
            child.blockUntilExit()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    var log: URL { folder.appending(path: "server.log") }
    var isRunning: Bool { child.withLock { $0?.isRunning ?? false } }
    var pid: pid_t? { child.withLock { $0?.isRunning == true ? $0?.pid : nil } }
    private var note: URL { folder.appending(path: RunFolder.noteName) }

    /// Starts the server and waits until it is ready.
    ///
    /// - Throws: ``TestServerError`` with the end of its log when it ends before that or takes longer than `limit`.
    func start(
        _ command: [String], environment: [String: String] = [:], within limit: Duration,
        isReady: () async throws -> Bool
    ) async throws {
        precondition(!isRunning, "\(name) runs already")
        let started = try ChildProcess(command, environment: environment, output: log)
        child.withLock { $0 = started }
        try Data("\(started.pid) \(killSignal.name)\n".utf8).write(to: note)
        do {
            try await eventually("\(name) is ready", within: limit, every: .milliseconds(20)) {
                if let exit = started.exitIfEnded { throw TestServerError("\(name) ended at start: \(exit)") }
                return try await isReady()
            }
        } catch {
            try await end(signal: SIGKILL, wholeGroup: true, within: .seconds(10))
            throw TestServerError("\(error)\n\(logTail)")
        }
    }

    /// Sends a signal and waits for the end. Does nothing when the server does not run.
    func end(signal: Int32, wholeGroup: Bool = false, within limit: Duration = .seconds(60)) async throws {
        guard let running = child.withLock({ $0 }) else { return }
        if wholeGroup { running.sendToGroup(signal: signal) } else { running.send(signal: signal) }
        try await running.waitForExit(within: limit)
        child.withLock { $0 = nil }
        try? FileManager.default.removeItem(at: note)
    }

    /// Kills the server and all processes that it started, as a power cut would.
    func killAll() async throws {
        guard let running = child.withLock({ $0 }) else { return }
        // Stopped first, so that it starts no other child while they are counted.
        running.send(signal: SIGSTOP)
        let children = running.children
        running.sendToGroup(signal: SIGKILL)
        for pid in children { kill(pid, SIGKILL) }
        try await end(signal: SIGKILL, wholeGroup: true)
        // Its children's children too: a launcher's Java is one, and holds port and files until it is gone.
        try await eventually("end of the children of \(name)") {
            kill(-running.pid, 0) != 0 && children.allSatisfy { !ChildProcess.isAlive($0) }
        }
    }

    /// The last lines of the server's output.
    var logTail: String {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(30).joined(separator: "\n")
    }
}
