// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping

/// What the graph's server, schema and content mean for a pipeline.
enum GraphFindings {
    /// - Parameter former: Names of constraints that give way to others of the same name.
    static func findings(
        _ facts: GraphFacts, mapping: GraphMapping?, pipeline: String?, replacing former: Set<String> = []
    ) -> [PreflightFinding] {
        server(facts) + rights(facts) + schema(facts, mapping, former) + requested(facts) + content(facts, mapping)
            + names(facts, mapping) + checkpoint(facts, pipeline)
            + facts.unknownZones.map(unknownZone) + facts.refusedCypher.map(\.finding)
            + (facts.product == .arcadeDB ? mapping.map(arcadeDB) ?? [] : [])
    }

    // MARK: The server

    private static func server(_ facts: GraphFacts) -> [PreflightFinding] {
        switch facts.product {
        case .neo4j where !facts.release.isEmpty && facts.release.lexicographicallyPrecedes([4, 4]):
            let release = facts.release.map(String.init).joined(separator: ".")
            return [
                PreflightFinding(
                    .error, .graph, "Neo4j \(release) is too old: its Cypher lacks statements that Lockstep uses",
                    fix: "upgrade to Neo4j 4.4 or later, best to a 5.26 LTS")
            ]
        case .neo4j, .arcadeDB: return []
        case .other(let agent):
            return [
                PreflightFinding(
                    .warning, .graph, "the server names itself \"\(agent)\", and Lockstep is not tested with it",
                    fix: "use Neo4j 4.4 or later, or ArcadeDB")
            ]
        }
    }

    private static func rights(_ facts: GraphFacts) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        if let failure = facts.writeFailure {
            findings.append(
                PreflightFinding(
                    .error, .graph,
                    "nothing can be written: \(failure)", fix: remedy(failure, "publisher")))
        }
        if let failure = facts.schemaFailure {
            findings.append(
                PreflightFinding(
                    .error, .graph, "no constraint can be made: \(failure)", fix: remedy(failure, "architect")))
        }
        return findings
    }

    private static func remedy(_ failure: BoltError, _ role: String) -> String? {
        let code = failure.code ?? ""
        if code.contains("Forbidden") || code.contains("Security") {
            return "GRANT ROLE \(role) TO …; as an administrator of the graph (role architect covers all that "
                + "Lockstep does), or use another user in graph.url"
        }
        if code.contains("ReadOnly") {
            return "ALTER DATABASE … SET ACCESS READ WRITE; or take the database out of server.databases.read_only"
        }
        if code.contains("NotALeader") { return "name the leader of the cluster in graph.url" }
        return nil
    }

    // MARK: Constraints

    private static func schema(
        _ facts: GraphFacts, _ mapping: GraphMapping?, _ former: Set<String>
    ) -> [PreflightFinding] {
        guard let schema = facts.schema else { return [] }
        var findings: [PreflightFinding] = []
        var missing: [String] = []
        let wanted = GraphInspection.constraints(mapping)
        for constraint in wanted {
            switch schema.standing(of: constraint, indexesObstruct: facts.product == .neo4j) {
            case .present: break
            case .missing where constraint.isUnique && facts.labelsWithDuplicates.contains(constraint.label):
                findings.append(duplicates(constraint, mapping))
            case .missing: missing.append(GraphSchema.describe(constraint))
            case .obstructed where former.contains(constraint.name):
                missing.append(GraphSchema.describe(constraint))
            case .obstructed(let what, let fix): findings.append(PreflightFinding(.error, .graph, what, fix: fix))
            }
        }
        if !missing.isEmpty, mapping != nil {
            findings.append(
                PreflightFinding(
                    .note, .graph,
                    "\(missing.count) of \(wanted.count) constraints and indexes are not there yet, `lockstep run` "
                        + "makes them: \(missing.listed)"))
        }
        let asked = Set(facts.schemaSteps.filter { $0.action != .drop && $0.action != .refuse }.map(\.name))
        for entry in mapping == nil ? [] : schema.foreign(to: wanted) where !asked.contains(entry.name) {
            findings.append(
                PreflightFinding(
                    .warning, .graph,
                    "the constraint \(entry.name) (\(entry.type)) on \(GraphSchema.describe(entry)) is not the "
                        + "mapping's, and can refuse rows",
                    fix: "DROP CONSTRAINT \(Cypher.quoted(entry.name)); unless PostgreSQL guarantees the same"))
        }
        return findings
    }

    private static func duplicates(_ constraint: GraphConstraint, _ mapping: GraphMapping?) -> PreflightFinding {
        let node = mapping?.nodes.first { $0.label == constraint.label }
        return PreflightFinding(
            .error, .graph,
            "several nodes have the same key \(GraphSchema.describe(constraint)), so it cannot be made unique",
            fix: "remove them, or use another label in the mapping"
                + (node.map { "; they are\n" + GraphInspection.duplicates(of: $0) + ";" } ?? ""))
    }

    // MARK: Content

    /// A first run does not mix with nodes that somebody else put under the same labels: `run` refuses it too, also where a
    /// mapping that is followed has these labels since lately.
    static func foreignContent(_ labels: [String], isFollowed: Bool = false) -> PreflightFinding? {
        guard !labels.isEmpty else { return nil }
        let list = labels.map { "\"\($0)\"" }.joined(separator: ", ")
        if isFollowed {
            return PreflightFinding(
                .error, .graph, "it has nodes labelled \(list) already, and this pipeline has not made them",
                fix: "use other labels, or delete them")
        }
        return PreflightFinding(
            .error, .graph, "it has nodes labelled \(list), but no checkpoint of this pipeline",
            fix: "use other labels or an empty database, or have them deleted and made anew from PostgreSQL: "
                + "`lockstep run --resnapshot`")
    }

    private static func content(_ facts: GraphFacts, _ mapping: GraphMapping?) -> [PreflightFinding] {
        guard facts.hasReadCheckpoint, facts.checkpoint == nil, let mapping else { return [] }
        return foreignContent(mapping.nodes.map(\.label).filter(facts.populatedLabels.contains)).map { [$0] } ?? []
    }

    // MARK: Names

    /// ArcadeDB keeps labels and relationship types in one list of names.
    private static func names(_ facts: GraphFacts, _ mapping: GraphMapping?) -> [PreflightFinding] {
        guard facts.product == .arcadeDB, let mapping else { return [] }
        let labels = Set(mapping.nodes.flatMap(\.labels))
        let types = Set(mapping.nodes.flatMap { $0.references.map(\.type) } + mapping.allJoins.map(\.type))
        let clashing =
            labels.intersection(types).union(labels.intersection(facts.typesInUse))
            .union(types.intersection(facts.labelsInUse))
        return clashing.sorted().map { name in
            PreflightFinding(
                .error, .graph,
                "\(name) is a label and a relationship type, and ArcadeDB takes a name for one of them only",
                fix: "rename one of the two in the mapping, or use an empty database where it is there from before")
        }
    }

    // MARK: The checkpoint

    private static func checkpoint(_ facts: GraphFacts, _ pipeline: String?) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        if let pipeline, let checkpoint = facts.checkpoint {
            let text =
                switch checkpoint.phase {
                case .snapshot: "the first read of \"\(pipeline)\" was not finished: `lockstep run` begins it again"
                case .streaming:
                    "\"\(pipeline)\" stands at \(checkpoint.lsn) of the cluster \(checkpoint.systemIdentifier), "
                        + "after \(checkpoint.changes) rows in \(checkpoint.transactions) transactions"
                }
            findings.append(PreflightFinding(.note, .graph, text))
        } else if facts.hasReadCheckpoint, let pipeline {
            findings.append(
                PreflightFinding(
                    .note, .graph,
                    "there is no checkpoint of \"\(pipeline)\" yet: the first `lockstep run` reads everything"))
        }
        if !facts.otherPipelines.isEmpty {
            findings.append(
                PreflightFinding(
                    .note, .graph,
                    "other pipelines write to this graph too: \(facts.otherPipelines.joined(separator: ", "))"))
        }
        return findings
    }
}
