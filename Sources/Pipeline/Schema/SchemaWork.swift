// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

/// Brings the indexes and constraints that the mapping file's `schema` asks for about, over one connection.
struct SchemaWork {
    let mapping: GraphMapping

    /// What is to be done in a graph as it is; nothing where the file asks for nothing and nothing was made before.
    func steps(_ graph: BoltChannel) throws(BoltError) -> [SchemaStep] {
        let made = try SchemaRecord.read(graph, pipeline: mapping.pipeline)
        guard !made.isEmpty || !mapping.schema.isEmpty else { return [] }
        return SchemaComparison(
            wanted: mapping.schema, live: try GraphSchema.read(graph), made: made, server: try abilities(graph)
        ).steps
    }

    private func abilities(_ graph: BoltChannel) throws(BoltError) -> SchemaComparison.ServerAbilities {
        let server = graph.server
        var abilities = SchemaComparison.ServerAbilities(product: GraphFacts.Product(server), release: server.release)
        guard server.isNeo4j else { return abilities }
        let result = try graph.query("CALL dbms.components()")
        if let place = result.fields.firstIndex(of: "edition") {
            abilities.edition = result.rows.first.flatMap { place < $0.count ? $0[place].stringValue : nil }
        }
        return abilities
    }

    /// Carries the steps out, one statement at a time: DDL is never mixed with data.
    ///
    /// - Parameters:
    ///   - done: Told of each step that changed something.
    ///   - failed: Told of each step that the server refused, and why; the others go on.
    func apply(
        _ steps: [SchemaStep], _ graph: BoltChannel, done: (SchemaStep) -> Void,
        failed: (SchemaStep, BoltError) -> Void
    ) throws(BoltError) {
        for step in steps where step.action != .keep && step.action != .refuse {
            do throws(BoltError) {
                try apply(step, graph)
                done(step)
            } catch {
                // What is not the server's answer to this statement would come again at the next.
                guard error.kind == .server, graph.isOpen else { throw error }
                failed(step, error)
            }
        }
    }

    private func apply(_ step: SchemaStep, _ graph: BoltChannel) throws(BoltError) {
        let drop = SchemaItem.dropStatement(step.name, isIndex: step.isIndex)
        if step.action == .drop || step.action == .change { try graph.query(drop) }
        guard let item = step.item else {
            return try SchemaRecord.remove(step.name, graph, pipeline: mapping.pipeline)
        }
        try SchemaRecord(item).write(graph, pipeline: mapping.pipeline)
        try graph.query(item.statement)
    }

    /// Drops all that was made, whatever the file says now.
    ///
    /// - Returns: What was dropped, in words.
    func removeAll(_ graph: BoltChannel) throws(BoltError) -> [String] {
        var nothing = mapping
        nothing.schema = []
        var removed: [String] = []
        for step in try SchemaWork(mapping: nothing).steps(graph) {
            try apply(step, graph)
            removed.append("\(step.what) (\(step.name))")
        }
        return removed
    }

    // MARK: Until they can be used

    /// The indexes of the file that cannot be used yet, or never will.
    struct Unfinished {
        var populating: [(name: String, percent: Double)] = []
        var failed: [(name: String, reason: String)] = []
    }

    func unfinished(_ graph: BoltChannel) throws(BoltError) -> Unfinished {
        let names = Set(mapping.schema.filter(\.kind.isIndex).map(\.name))
        var unfinished = Unfinished()
        guard !names.isEmpty else { return unfinished }
        for entry in GraphSchema.entries(try graph.query("SHOW INDEXES YIELD *")) where names.contains(entry.name) {
            switch entry.state {
            case "POPULATING": unfinished.populating.append((entry.name, entry.percent))
            case "FAILED": unfinished.failed.append((entry.name, entry.failure))
            default: break
            }
        }
        return unfinished
    }
}

extension GraphFacts.Product {
    init(_ server: BoltServer) {
        self = server.isArcadeDB ? .arcadeDB : server.isNeo4j ? .neo4j : .other(server.agent)
    }
}
