// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping

/// What the graph needs before data come, and how it is made empty again.
struct GraphSetup {
    let mapping: GraphMapping

    /// Creates the constraints that are missing. DDL is never mixed with data, and one statement goes at a time.
    ///
    /// - Parameters:
    ///   - later: Names of those that wait until the nodes have gone that another of the same name is for.
    ///   - former: They have: the other one is dropped.
    func createConstraints(
        _ graph: BoltChannel, except later: Set<String> = [], replacing former: Set<String> = []
    ) throws(PipelineError) {
        if graph.server.isArcadeDB, let finding = GraphFindings.arcadeDB(mapping).first {
            throw PipelineError("the graph cannot keep this mapping", finding.what, remedy: finding.fix)
        }
        if let zone = try GraphInspection.unknownZones(mapping, graph).first {
            let finding = GraphFindings.unknownZone(zone)
            throw PipelineError("the graph cannot keep this mapping", finding.what, remedy: finding.fix)
        }
        if let refused = try RefusedCypher.find(in: mapping, graph).first {
            throw PipelineError("the graph cannot run a statement of the mapping", refused.finding.what)
        }
        for constraint in try missingConstraints(graph, except: later, replacing: former) {
            do throws(BoltError) {
                _ = try graph.query(constraint.statement)
            } catch {
                // Another process made it in the same moment.
                if let code = error.code, code.hasSuffix("AlreadyExists") { continue }
                var failure = PipelineError(error)
                failure.what = "a constraint could not be created in the graph"
                failure.detail += " (\(constraint.statement))"
                // The second is ArcadeDB's.
                let codes = ["ConstraintCreationFailed", "ConstraintValidationFailed"]
                if codes.contains(where: { error.code?.hasSuffix($0) == true }) {
                    failure.remedy =
                        "Nodes with that label stand in the graph already and two of them have the same key. Remove "
                        + "them, or use another label in the mapping; `lockstep check` shows how to find them."
                }
                throw failure
            }
        }
    }

    /// `IF NOT EXISTS` alone would pass over a constraint of the same name on something else, and an index in the way.
    private func missingConstraints(
        _ graph: BoltChannel, except later: Set<String>, replacing former: Set<String>
    ) throws(PipelineError) -> [GraphConstraint] {
        let schema: GraphSchema
        do throws(BoltError) {
            schema = try GraphSchema.read(graph)
        } catch {
            // A user without the right to see constraints may still have the right to make them.
            if error.kind == .server { return mapping.constraints }
            throw PipelineError(error)
        }
        var missing: [GraphConstraint] = []
        for constraint in mapping.constraints {
            switch schema.standing(of: constraint, indexesObstruct: graph.server.isNeo4j) {
            case .present: break
            case .missing: missing.append(constraint)
            case .obstructed where later.contains(constraint.name): break
            case .obstructed where former.contains(constraint.name):
                try Self.dropConstraint(constraint.name, graph)
                missing.append(constraint)
            case .obstructed(let what, let fix):
                throw PipelineError("a constraint could not be created in the graph", what, remedy: fix)
            }
        }
        return missing
    }

    /// Drops the constraints on keys of labels that nothing is mapped to any more, once no node has them.
    func dropKeyConstraints(_ labels: [String], _ graph: BoltChannel) throws(PipelineError) {
        let mapped = Set(mapping.nodes.map(\.label))
        // ArcadeDB's constraints go with the labels only.
        guard graph.server.isNeo4j else { return }
        for label in labels where !mapped.contains(label) {
            guard try !GraphInspection.hasNodes(label, graph) else { continue }
            try Self.dropConstraint(GraphMapping.keyConstraint(of: label), graph)
        }
    }

    private static func dropConstraint(_ name: String, _ graph: BoltChannel) throws(PipelineError) {
        do throws(BoltError) {
            _ = try graph.query("DROP CONSTRAINT \(Cypher.quoted(name)) IF EXISTS")
        } catch {
            throw PipelineError(error)
        }
    }

    /// What is new does not mix with nodes that somebody else put under the same labels.
    ///
    /// - Parameter isFollowed: The pipeline has a checkpoint.
    func refuseForeignContent(_ graph: BoltChannel, isFollowed: Bool) throws(PipelineError) {
        for node in mapping.nodes where try GraphInspection.hasNodes(node.label, graph) {
            guard let finding = GraphFindings.foreignContent([node.label], isFollowed: isFollowed) else { continue }
            throw PipelineError("the graph is not empty", finding.what, remedy: finding.fix)
        }
    }

    /// Deletes all that the mapping makes.
    func wipe(_ writer: GraphWriter, expecting checkpoint: Checkpoint?) throws(PipelineError) {
        // What rows have made by Cypher of their own may lead to anything: it goes first.
        let custom = mapping.nodes.filter { $0.custom != nil }
        let others = mapping.nodes.filter { $0.custom == nil }
        let sweeps =
            (custom + others).flatMap(Sweep.all)
            + mapping.allJoins.filter(\.waits).map { Sweep(text: Cypher.nodeSweep($0.waitingLabel), table: $0.table) }
        for sweep in sweeps {
            try apply { () throws(ApplyError) in try writer.sweep(sweep, expecting: checkpoint) }
        }
    }
}
