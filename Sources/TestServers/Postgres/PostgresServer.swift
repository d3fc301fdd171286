// Part of Lockstep. See LICENSE.

public import Foundation
internal import Threading

/// A throw-away PostgreSQL cluster, ready for logical replication, on a loopback port and a unix socket of its own.
///
/// Made for tests: it does not sync to disk unless `settings` say so. As root it runs as the user `postgres`, since the
/// server refuses root. It goes away, with its files, when the object does, when ``stop(_:)`` was not called too, and
/// when the whole process is killed.
public final class PostgresServer: Sendable {
    /// How clients prove who they are.
    public enum Authentication: String, Sendable {
        case trust
        case scram = "scram-sha-256"
    }

    /// How a server is asked to stop.
    public enum StopMode: Sendable {
        /// Ends the sessions, writes everything, stops.
        case fast
        /// Stops without writing; the next start recovers.
        case immediate
    }

    /// The superuser.
    public static let user = "postgres"
    /// The superuser's password; asked for with ``Authentication/scram`` only.
    public static let password = "open sesame/1:@"

    public let port: Int
    public let authentication: Authentication
    /// The folder with the server's programs.
    public let binaries: URL
    let process: ServerProcess

    /// Makes a cluster and starts it.
    ///
    /// - Parameters:
    ///   - settings: Lines of postgresql.conf, over the defaults of ``defaultSettings``.
    ///   - authentication: For TCP and unix socket alike.
    ///   - binaries: The folder with `initdb` and `postgres`; by default ``installedBinaries``.
    /// - Throws: ``TestServerError`` with the end of the server's log.
    public init(
        settings: [String: String] = [:], authentication: Authentication = .trust, binaries: URL? = nil
    ) async throws {
        guard let binaries = binaries ?? Self.installedBinaries else {
            throw TestServerError("no PostgreSQL server: apt-get install postgresql, or set LOCKSTEP_POSTGRES_HOME")
        }
        self.binaries = binaries
        self.authentication = authentication
        port = try FreePort.take()
        // SIGQUIT is an immediate stop: the postmaster takes its children along and frees the shared memory.
        process = try ServerProcess(name: "postgres", killSignal: (SIGQUIT, "QUIT"))
        try await makeCluster(settings: Self.defaultSettings.merging(settings) { $1 })
        try await start()
    }

    /// What a cluster is started with where the test does not say otherwise.
    public static let defaultSettings = [
        "wal_level": "logical", "max_wal_senders": "20", "max_replication_slots": "20", "max_connections": "100",
        "fsync": "off", "shared_buffers": "64MB", "listen_addresses": "127.0.0.1", "log_min_messages": "warning",
        "autovacuum_naptime": "10min", "logging_collector": "off", "log_line_prefix": "%m [%p] %q%a ",
    ]

    /// The folder of the unix socket: the `host` of a connection that does not go through TCP.
    public var socketFolder: URL { process.folder.appending(path: "socket") }
    /// The server's own output.
    public var log: URL { process.log }
    public var isRunning: Bool { process.isRunning }

    /// A connection URL over TCP.
    ///
    /// - Parameter password: Nil for the superuser's where one is asked for, none otherwise.
    public func url(database: String = "postgres", user: String = user, password: String? = nil) -> String {
        let password = password ?? (authentication == .scram && user == Self.user ? Self.password : nil)
        let credentials = [user, password].compactMap { $0.map(Self.percentEncoded) }.joined(separator: ":")
        return "postgresql://\(credentials)@127.0.0.1:\(port)/\(Self.percentEncoded(database))"
    }

    /// Starts the server again after ``stop(_:)`` or ``kill9()``, with the same data on the same port.
    public func start() async throws {
        try await process.start(
            Self.asServerUser([binaries.appending(path: "postgres").path, "-D", data.path]),
            environment: ["LC_ALL": "C", "PGDATA": ""], within: .seconds(60), isReady: isReady)
    }

    /// Stops the server and waits for its end; its data stays. Does nothing when it does not run.
    public func stop(_ mode: StopMode = .fast) async throws {
        try await process.end(signal: mode == .fast ? SIGINT : SIGQUIT)
    }

    /// Kills the postmaster and every backend with SIGKILL, and waits for their end.
    public func kill9() async throws { try await process.killAll() }

    private var data: URL { process.folder.appending(path: "data") }

    private func makeCluster(settings: [String: String]) async throws {
        let folder = process.folder
        try FileManager.default.createDirectory(at: socketFolder, withIntermediateDirectories: false)
        let passwordFile = folder.appending(path: "password")
        try Data((Self.password + "\n").utf8).write(to: passwordFile)
        if geteuid() == 0 {
            try await ChildProcess.run(["chown", "-R", "postgres:", folder.path])
        }
        try await ChildProcess.run(
            Self.asServerUser([
                binaries.appending(path: "initdb").path, "-D", data.path, "--no-sync", "--username", Self.user,
                "--pwfile", passwordFile.path, "--auth", authentication.rawValue, "--encoding", "UTF8", "--locale", "C",
            ]))
        var lines = settings.merging(["port": "\(port)", "unix_socket_directories": socketFolder.path]) { $1 }
            .sorted { $0.key < $1.key }
            .map { "\($0.key) = '\($0.value.replacingOccurrences(of: "'", with: "''"))'" }
        lines.append("")
        let configuration = try FileHandle(forWritingTo: data.appending(path: "postgresql.conf"))
        try configuration.seekToEnd()
        try configuration.write(contentsOf: Data(lines.joined(separator: "\n").utf8))
        try configuration.close()
    }

    /// The postmaster writes its state into the last line of its pid file; no connection is needed to read it.
    private func isReady() -> Bool {
        let file = data.appending(path: "postmaster.pid")
        guard let text = try? String(contentsOf: file, encoding: .utf8), let pid = process.pid else { return false }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count >= 8 && lines[0] == "\(pid)" && lines[7].hasPrefix("ready")
    }

    static func asServerUser(_ command: [String]) -> [String] {
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + command : command
    }

    private static func percentEncoded(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? text
    }
}

extension PostgresServer {
    /// `bin` in `LOCKSTEP_POSTGRES_HOME`, or else the newest that Debian's packages installed, or else what is in `PATH`.
    public static var installedBinaries: URL? {
        let environment = ProcessInfo.processInfo.environment
        if let home = environment["LOCKSTEP_POSTGRES_HOME"], !home.isEmpty {
            return URL(filePath: home).appending(path: "bin")
        }
        let candidates =
            debianBinaries + (environment["PATH"] ?? "").split(separator: ":").map { URL(filePath: String($0)) }
        return candidates.first {
            FileManager.default.isExecutableFile(atPath: $0.appending(path: "initdb").path)
        }
    }

    /// Where Debian's packages install programs, the newest release first.
    static var debianBinaries: [URL] {
        let debian = URL(filePath: "/usr/lib/postgresql")
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: debian.path)) ?? []).compactMap(Int.init)
        return versions.sorted(by: >).map { debian.appending(path: "\($0)/bin") }
    }
}
