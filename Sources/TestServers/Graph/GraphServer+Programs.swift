// Part of Lockstep. See LICENSE.

internal import Foundation

extension GraphServer {
    /// The command line of an ArcadeDB that keeps everything in `folder` and speaks Bolt.
    ///
    /// The package brings its own Java, so no Python runs.
    static func arcadeDBCommand(folder: URL, port: Int, settings: [String: String]) throws -> [String] {
        guard let home = arcadeDBHome else { throw TestServerError("ArcadeDB is not installed") }
        let properties = [
            "arcadedb.server.rootPath": folder.path, "arcadedb.server.logsDirectory": folder.path,
            "arcadedb.server.rootPassword": password,
            "arcadedb.server.defaultDatabases": "\(database)[]", "arcadedb.bolt.defaultDatabase": database,
            "arcadedb.server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin", "arcadedb.bolt.host": "127.0.0.1",
            "arcadedb.bolt.port": "\(port)", "arcadedb.server.httpIncomingHost": "127.0.0.1",
            "arcadedb.server.httpIncomingPort": "\(try FreePort.take())",
        ].merging(settings) { $1 }
        return [
            home.appending(path: "jre/bin/java").path, "-Xmx512m", "-XX:+UseSerialGC",
            "--add-opens=java.base/java.nio=ALL-UNNAMED", "--enable-native-access=ALL-UNNAMED",
            "-Djava.util.logging.config.file=\(try makeLogConfiguration(folder).path)",
        ] + properties.sorted { $0.key < $1.key }.map { "-D\($0.key)=\($0.value)" }
            + ["-cp", home.appending(path: "jars").path + "/*", "com.arcadedb.server.ArcadeDBServer"]
    }

    // Its default writes a log file into the working directory.
    private static func makeLogConfiguration(_ folder: URL) throws -> URL {
        let file = folder.appending(path: "logging.properties")
        try Data("handlers=java.util.logging.ConsoleHandler\n.level=INFO\n".utf8).write(to: file)
        return file
    }

    /// Copies the distribution's conf folder and turns it to a folder, a port and a memory of our own.
    static func makeNeo4jConfiguration(
        home: URL, folder: URL, port: Int, authentication: Bool, settings: [String: String]
    ) throws -> URL {
        let configuration = folder.appending(path: "conf")
        try FileManager.default.copyItem(at: home.appending(path: "conf"), to: configuration)
        let file = configuration.appending(path: "neo4j.conf")
        var ours = [
            "dbms.security.auth_enabled": "\(authentication)", "dbms.usage_report.enabled": "false",
            "server.default_listen_address": "127.0.0.1", "server.bolt.listen_address": "127.0.0.1:\(port)",
            "server.bolt.advertised_address": "127.0.0.1:\(port)", "server.http.enabled": "false",
            "server.https.enabled": "false", "server.memory.heap.initial_size": "512m",
            "server.memory.heap.max_size": "512m", "server.memory.pagecache.size": "128m",
        ]
        for directory in ["data", "logs", "run", "import"] {
            let path = folder.appending(path: directory)
            try FileManager.default.createDirectory(at: path, withIntermediateDirectories: false)
            ours["server.directories.\(directory)"] = path.path
        }
        ours.merge(settings) { $1 }
        let kept = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { line in
            // A setting that stands twice is an error to Neo4j.
            line.split(separator: "=").first.map { ours[$0.trimmingCharacters(in: .whitespaces)] == nil } ?? true
                && !line.hasPrefix("server.http") && !line.hasPrefix("server.directories")
        }
        let lines = kept.map(String.init) + ours.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } + [""]
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        return configuration
    }
}
