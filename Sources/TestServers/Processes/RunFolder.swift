// Part of Lockstep. See LICENSE.

internal import Foundation
internal import Synchronization

/// The folder that holds everything this process's throw-away servers write, and the promise that it goes away.
///
/// A watchdog, a small shell, reads a pipe whose other end only this process holds. When the process ends, however it
/// ends, the watchdog kills the servers that are noted in the folder and removes it. Should the watchdog be killed as
/// well, the next run finds the folder without the lock that its owner held, and does the same.
final class RunFolder: Sendable {
    /// The one of this process, made when first asked for.
    static var shared: RunFolder {
        get throws { try current.get() }
    }
    private static let current = Swift.Result { try RunFolder() }

    private static let prefix = "lockstep-test-"
    private static let lockName = "owner.lock"
    /// Beside each server's files: its process group, and the signal that ends it at once.
    static let noteName = "server.pid"

    private let url: URL
    private let count = Mutex(0)
    private let lock: Int32
    private let watchdogPipe: Pipe

    private init() throws {
        // Not under a long TMPDIR: a unix socket's path has 107 bytes.
        let base = URL(filePath: "/tmp", directoryHint: .isDirectory)
        Self.removeLeftovers(in: base)
        url = base.appending(path: Self.prefix + String(UInt32.random(in: 0 ... .max), radix: 36))
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        unsafe chmod(url.path, 0o755)
        lock = unsafe open(url.appending(path: Self.lockName).path, O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw TestServerError("cannot lock \(url.path): errno \(errno)")
        }
        watchdogPipe = Pipe()
        let ends = [watchdogPipe.fileHandleForReading, watchdogPipe.fileHandleForWriting].map(\.fileDescriptor)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = try ChildProcess(
            ["/bin/sh", "-c", Self.watchdog, "watchdog", url.path], input: .descriptor(ends[0]),
            output: URL(filePath: "/dev/null"))
        try watchdogPipe.fileHandleForReading.close()
    }

    /// Makes a folder of its own for one server.
    func makeFolder(_ name: String) throws -> URL {
        let number = count.withLock { count in
            count += 1
            return count
        }
        let folder = url.appending(path: "\(name)-\(number)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        return folder
    }

    private static let watchdog = """
        trap '' INT TERM HUP
        while read -r _; do :; done
        for note in "$1"/*/\(noteName); do
            [ -f "$note" ] || continue
            read -r group signal <"$note" && kill -s "$signal" -- "-$group" 2>/dev/null
        done
        for note in "$1"/*/\(noteName); do
            [ -f "$note" ] || continue
            read -r group signal <"$note"
            tries=0
            while kill -0 -- "-$group" 2>/dev/null && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
            kill -s KILL -- "-$group" 2>/dev/null
        done
        rm -rf "$1"
        """

    private static func removeLeftovers(in base: URL) {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: base.path)) ?? []
        for entry in entries where entry.hasPrefix(prefix) {
            let folder = base.appending(path: entry)
            let lock = unsafe open(folder.appending(path: lockName).path, O_RDWR | O_CLOEXEC)
            guard lock >= 0 else { continue }
            defer { close(lock) }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { continue }
            for server in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] {
                endServer(notedIn: folder.appending(path: server))
            }
            try? FileManager.default.removeItem(at: folder)
        }
    }

    // The number may long be another's: only a process that names the folder in its command line is the server.
    private static func endServer(notedIn folder: URL) {
        guard let note = try? String(contentsOf: folder.appending(path: noteName), encoding: .utf8),
            let group = note.split(separator: " ").first.flatMap({ pid_t($0) }), group > 1,
            let command = try? ChildProcess.capture(["ps", "-o", "command=", "-p", "\(group)"]),
            command.contains(folder.path)
        else { return }
        kill(-group, SIGKILL)
    }
}
