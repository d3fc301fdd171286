// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import Mapping
import Threading

/// Nodes written with an index there, and the same nodes written before it is made: what the order costs.
struct IndexBenchmark {
    private static let dimensions = 128

    private let options: Options
    private let nodes: Int
    private let runs: Int

    init(_ options: Options) throws {
        self.options = options
        nodes = try options.number("rows", 20_000, tiny: 500)
        runs = try options.number("runs", 3, tiny: 1)
    }

    func run() async throws {
        let graph = try await Graph(options)
        print("indexes: \(nodes) nodes, \(try graph.version())\n  \(Machine.description)")
        let items = [
            SchemaItem(kind: .range, labels: ["Indexed"], properties: ["name"]),
            SchemaItem(kind: .fulltext, labels: ["Indexed"], properties: ["name"]),
            SchemaItem(
                kind: .vector, labels: ["Indexed"], properties: ["e"],
                options: [
                    .init("vector.dimensions", .integer(Int64(Self.dimensions))),
                    .init("vector.similarity_function", .string("cosine")),
                ]),
        ]
        try graph.withChannel { channel in
            try channel.query("CREATE CONSTRAINT indexed IF NOT EXISTS FOR (n:Indexed) REQUIRE n.id IS UNIQUE")
            defer { _ = try? channel.query("DROP CONSTRAINT indexed IF EXISTS") }
            // The first time is slower: code is compiled, and statements are planned.
            _ = try load(channel)
            try graph.clear()
            for item in items where channel.server.isNeo4j || item.kind == .range {
                var (plain, build, indexed): ([Double], [Double], [Double]) = ([], [], [])
                for _ in 0..<runs {
                    plain.append(try load(channel))
                    build.append(try make(item, channel))
                    try drop(item, channel, graph)
                    _ = try make(item, channel)
                    indexed.append(try load(channel))
                    try check(channel)
                    try drop(item, channel, graph)
                }
                print(
                    "  \(item.kind.rawValue): load \(Samples(plain).text(2, "s")), then build \(Samples(build).text(2, "s")); "
                        + "load with the index \(Samples(indexed).text(2, "s"))")
            }
        }
    }

    /// - Returns: Seconds.
    private func load(_ channel: BoltChannel) throws -> Double {
        var seed: UInt64 = 1
        func next() -> Double {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(seed >> 11) / 0x1p53
        }
        var seconds = 0.0
        for start in stride(from: 0, to: nodes, by: 1000) {
            let rows = (start..<min(nodes, start + 1000)).map { id -> BoltValue in
                .list([
                    .integer(Int64(id)), .string("name \(next()) of node \(id), with some words of text"),
                    .list((0..<Self.dimensions).map { _ in .float(next()) }),
                ])
            }
            let began = MonotonicTime.now
            try channel.query(
                "UNWIND $rows AS r MERGE (n:Indexed {id: r[0]}) SET n.name = r[1], n.e = r[2]", ["rows": .list(rows)])
            seconds += (MonotonicTime.now - began) / .seconds(1)
        }
        return seconds
    }

    /// - Returns: Seconds until it can be used.
    private func make(_ item: SchemaItem, _ channel: BoltChannel) throws -> Double {
        let began = MonotonicTime.now
        try channel.query(item.statement)
        if channel.server.isNeo4j { try channel.query("CALL db.awaitIndexes(600)") }
        return (MonotonicTime.now - began) / .seconds(1)
    }

    private func drop(_ item: SchemaItem, _ channel: BoltChannel, _ graph: Graph) throws {
        try channel.query(SchemaItem.dropStatement(item.name, isIndex: true))
        try graph.clear()
    }

    private func check(_ channel: BoltChannel) throws {
        let count = try channel.query("MATCH (n:Indexed) RETURN count(n)").rows.first?.first
        guard count == .integer(Int64(nodes)) else {
            throw BenchmarkError("\(nodes) nodes were written, there are others")
        }
    }
}
