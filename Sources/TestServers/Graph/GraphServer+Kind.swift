// Part of Lockstep. See LICENSE.

public import Foundation

extension GraphServer {
    /// A graph server that tests can start.
    public enum Kind: Hashable, Sendable, CustomStringConvertible {
        /// From PyPI, where `scripts/install-graph` put it.
        case arcadeDB
        /// An ordinary distribution of Neo4j, in the folder with its `bin`; nil where none is named.
        case neo4j(home: URL?)

        public var description: String {
            switch self {
            case .arcadeDB: "ArcadeDB"
            case .neo4j(let home?): home.lastPathComponent
            case .neo4j(nil): "Neo4j"
            }
        }

        /// Why this kind cannot be started here, and what to do about it; nil when it can.
        public var missing: String? {
            switch self {
            case .arcadeDB:
                GraphServer.arcadeDBHome == nil ? "ArcadeDB is not installed: run scripts/install-graph" : nil
            case .neo4j(nil):
                "Neo4j: LOCKSTEP_NEO4J_HOME names no folder of a Neo4j distribution"
            case .neo4j(let home?):
                FileManager.default.isExecutableFile(atPath: home.appending(path: "bin/neo4j").path)
                    ? nil : "Neo4j: no bin/neo4j in \(home.path), which LOCKSTEP_NEO4J_HOME names"
            }
        }

        public var isNeo4j: Bool { if case .neo4j = self { true } else { false } }
    }

    /// Every kind that tests are to run on, those that are missing here too: ArcadeDB, and Neo4j from each folder of
    /// `LOCKSTEP_NEO4J_HOME` (colon separated).
    ///
    /// Use it as the arguments of a test; what is missing is then skipped by name.
    public static let kinds: [Kind] = {
        let homes = (ProcessInfo.processInfo.environment["LOCKSTEP_NEO4J_HOME"] ?? "").split(separator: ":")
        let neo4j: [Kind] = homes.map { .neo4j(home: URL(filePath: String($0), directoryHint: .isDirectory)) }
        return [.arcadeDB] + (neo4j.isEmpty ? [.neo4j(home: nil)] : neo4j)
    }()

    /// The kinds that can be started here.
    public static let available: [Kind] = kinds.filter { $0.missing == nil }

    /// The first and the newest: for what differs between servers, and little between releases.
    public static let outermost: [Kind] = kinds.filter { $0 == kinds.first || newest.contains($0) }

    /// The newest of them alone: for what no release of a server does in its own way.
    public static let newest: [Kind] = available.isEmpty ? kinds.suffix(1) : available.suffix(1)

    /// The folder with ArcadeDB's `jars` and `jre`: `LOCKSTEP_ARCADEDB_HOME`, or the newest that
    /// `scripts/install-graph` put into the user's cache.
    static let arcadeDBHome: URL? = {
        let environment = ProcessInfo.processInfo.environment
        if let home = environment["LOCKSTEP_ARCADEDB_HOME"], !home.isEmpty { return URL(filePath: home) }
        let caches = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 }.map { URL(filePath: $0) }
        let folder = (caches ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache"))
            .appending(path: "lockstep")
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return entries.filter { $0.hasPrefix("arcadedb-") }
            .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { folder.appending(path: $0) }
            .first { FileManager.default.isExecutableFile(atPath: $0.appending(path: "jre/bin/java").path) }
    }()
}
