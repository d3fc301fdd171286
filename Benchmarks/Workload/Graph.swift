// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Pipeline
import TestServers

/// The graph of a benchmark: a throw-away server, or one that is named, whose content is deleted.
final class Graph {
    let url: String
    let configuration: BoltConfiguration
    private let server: GraphServer?

    init(_ options: Options) async throws {
        if let named = options["graph"] {
            server = nil
            url = named
        } else {
            let kind = try Self.kind(options["graph-kind"])
            // A server as one would run it: with Java's better compiler, and the memory for millions of rows.
            let memory = [
                "server.memory.heap.initial_size": "2g", "server.memory.heap.max_size": "2g",
                "server.memory.pagecache.size": "1g",
            ]
            let server = try await GraphServer(
                kind, settings: kind.isNeo4j && !options.isTiny ? memory : [:], quickStart: options.isTiny)
            self.server = server
            url = server.boltURL
        }
        configuration = try BoltConfiguration(url: url)
        try clear()
    }

    private static func kind(_ name: String?) throws -> GraphServer.Kind {
        let kind = GraphServer.kinds.first { kind in
            switch name {
            case "neo4j": kind.isNeo4j
            case "arcadedb": !kind.isNeo4j
            default: kind.missing == nil && (kind.isNeo4j || !GraphServer.available.contains { $0.isNeo4j })
            }
        }
        guard let kind else { throw BenchmarkError("no graph server of the kind \(name ?? "arcadedb or neo4j")") }
        if let missing = kind.missing { throw BenchmarkError(missing) }
        return kind
    }

    var port: Int { Int(configuration.port) }

    /// The server's own name and version.
    func version() throws -> String { try withChannel { $0.server.agent } }

    func withChannel<Result>(_ body: (BoltChannel) throws -> Result) throws -> Result {
        let channel = try BoltChannel(configuration)
        defer { channel.close() }
        return try body(channel)
    }

    /// Deletes every node; constraints stay. Relationships go first: a few thousand nodes can have millions of them.
    func clear() throws {
        try withChannel { channel in
            for all in ["()-[x]->()", "(x)"] {
                while case .integer(let count)? = try channel.query(
                    "MATCH \(all) WITH x LIMIT 50000 DELETE x RETURN count(*)"
                ).rows.first?.first, count > 0 {}
            }
        }
    }

    /// The checkpoint node's properties.
    func checkpoint() throws -> [String: BoltValue] {
        try withChannel { channel in
            let rows = try channel.query("MATCH (c:LockstepCheckpoint) RETURN properties(c)").rows
            guard case .map(let properties)? = rows.first?.first else { throw BenchmarkError("there is no checkpoint") }
            return properties
        }
    }

    func setCheckpoint(_ properties: [String: BoltValue]) throws {
        _ = try withChannel { channel in
            try channel.query(
                "MERGE (c:LockstepCheckpoint {pipeline: $p.pipeline}) SET c = $p", ["p": .map(properties)])
        }
    }

    /// Nodes and relationships as a number: the same for the same graph.
    func checksum() throws -> String {
        try withChannel { channel in
            let nodes = try channel.query(
                "MATCH (n) WHERE NOT labels(n)[0] STARTS WITH 'Lockstep' RETURN count(n), sum(coalesce(n.id, 0) % 1000003)"
            ).rows
            let edges = try channel.query("MATCH (a)-[r]->(b) RETURN count(r), sum((a.id * 31 + b.id * 17) % 1000003)")
                .rows
            let numbers = (nodes + edges).flatMap { $0 }.map { $0.integerValue ?? -1 }
            return "\(numbers[0]) nodes, \(numbers[2]) relationships, \(numbers[1])/\(numbers[3])"
        }
    }
}
