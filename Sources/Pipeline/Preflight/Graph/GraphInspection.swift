// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping

/// Reads ``GraphFacts``. What cannot be read becomes a finding and keeps nothing else from being read.
///
/// It writes, in transactions that are rolled back, to see that it may. What a rolled-back transaction leaves behind is at
/// most the bare name of the checkpoint's label.
struct GraphInspection {
    let channel: BoltChannel
    /// Nil where the mapping file does not say.
    let pipeline: String?
    /// Nil where it does not hold.
    let mapping: GraphMapping?

    /// What the mapping needs; the checkpoint's constraint at the least.
    static func constraints(_ mapping: GraphMapping?) -> [GraphConstraint] {
        mapping?.constraints ?? [GraphMapping.checkpointConstraint]
    }

    func read() -> (facts: GraphFacts, findings: [PreflightFinding]) {
        var findings: [PreflightFinding] = []
        func attempt(_ body: () throws(PipelineError) -> Void) {
            guard channel.isOpen else { return }
            do throws(PipelineError) {
                try body()
            } catch {
                findings.append(PreflightFinding(.graph, error))
            }
        }
        let server = channel.server
        let product = GraphFacts.Product(server)
        var facts = GraphFacts(product: product)
        facts.release = server.release
        attempt { () throws(PipelineError) in try readPipelines(&facts) }
        attempt { () throws(PipelineError) in try readSchema(&facts) }
        attempt { () throws(PipelineError) in try readSchemaSteps(&facts) }
        attempt { () throws(PipelineError) in
            if let mapping { facts.unknownZones = try Self.unknownZones(mapping, channel) }
        }
        attempt { () throws(PipelineError) in
            if let mapping { facts.refusedCypher = try RefusedCypher.find(in: mapping, channel) }
        }
        facts.writeFailure = tryAndUndo("CREATE (c:\(Cypher.quoted(GraphMapping.checkpointLabel))) DELETE c")
        if product == .neo4j, facts.writeFailure == nil, let missing = missing(facts).first {
            facts.schemaFailure = tryAndUndo(missing.statement)
        }
        attempt { () throws(PipelineError) in try readContent(&facts) }
        if product == .arcadeDB { attempt { () throws(PipelineError) in try readNames(&facts) } }
        return (facts, findings)
    }

    /// What could be created at once.
    private func missing(_ facts: GraphFacts) -> [GraphConstraint] {
        guard let schema = facts.schema else { return [] }
        return Self.constraints(mapping).filter { schema.standing(of: $0, indexesObstruct: true) == .missing }
    }

    private func query(_ cypher: String) throws(PipelineError) -> BoltResult {
        do throws(BoltError) { return try channel.query(cypher) } catch { throw PipelineError(error) }
    }

    private func readPipelines(_ facts: inout GraphFacts) throws(PipelineError) {
        if let pipeline {
            facts.checkpoint = try apply { () throws(ApplyError) in
                try GraphWriter.readCheckpoint(channel, pipeline: pipeline)
            }
            facts.hasReadCheckpoint = true
            facts.views = try ViewState.read(channel, pipeline: pipeline)
        }
        let label = Cypher.quoted(GraphMapping.checkpointLabel)
        let names = try query("MATCH (c:\(label)) RETURN c.pipeline").rows.compactMap(\.first?.stringValue)
        facts.otherPipelines = names.filter { $0 != pipeline }.sorted()
    }

    private func readSchema(_ facts: inout GraphFacts) throws(PipelineError) {
        do throws(BoltError) { facts.schema = try GraphSchema.read(channel) } catch { throw PipelineError(error) }
    }

    private func readSchemaSteps(_ facts: inout GraphFacts) throws(PipelineError) {
        guard let mapping else { return }
        do throws(BoltError) {
            let work = SchemaWork(mapping: mapping)
            facts.schemaSteps = try work.steps(channel)
            facts.unfinished = try work.unfinished(channel)
        } catch {
            throw PipelineError(error)
        }
    }

    /// The mapping's zones that the server does not know, or writes otherwise: a date-time in such a one ends the
    /// connection.
    static func unknownZones(_ mapping: GraphMapping, _ channel: BoltChannel) throws(PipelineError) -> [String] {
        var unknown: [String] = []
        for zone in mapping.zones {
            do throws(BoltError) {
                let answer = try channel.query(
                    "RETURN datetime({year: 2000, timezone: $zone})", ["zone": .string(zone)]
                ).rows.first?.first
                if case .dateTimeZone(_, _, zone)? = answer { continue }
            } catch {
                guard error.kind == .server else { throw PipelineError(error) }
            }
            unknown.append(zone)
        }
        return unknown
    }

    private func readContent(_ facts: inout GraphFacts) throws(PipelineError) {
        guard let mapping else { return }
        let missing = Set(missing(facts).filter(\.isUnique).map(\.label))
        for node in mapping.nodes {
            guard facts.checkpoint == nil || missing.contains(node.label) else { continue }
            guard try Self.hasNodes(node.label, channel) else { continue }
            facts.populatedLabels.insert(node.label)
            guard missing.contains(node.label) else { continue }
            if try !query(Self.duplicates(of: node) + " LIMIT 1").rows.isEmpty {
                facts.labelsWithDuplicates.insert(node.label)
            }
        }
    }

    static func hasNodes(_ label: String, _ channel: BoltChannel) throws(PipelineError) -> Bool {
        do throws(BoltError) {
            return try !channel.query("MATCH (n:\(Cypher.quoted(label))) RETURN 1 LIMIT 1").rows.isEmpty
        } catch {
            throw PipelineError(error)
        }
    }

    /// Keys that several nodes have.
    static func duplicates(of node: NodeMapping) -> String {
        let key = node.key.map { "n." + Cypher.quoted($0.property) }
        let isWhole = key.map { $0 + " IS NOT NULL" }.joined(separator: " AND ")
        return "MATCH (n:\(Cypher.quoted(node.label))) WHERE \(isWhole) WITH [\(key.joined(separator: ", "))] AS "
            + "key, count(*) AS nodes WHERE nodes > 1 RETURN key, nodes"
    }

    private func readNames(_ facts: inout GraphFacts) throws(PipelineError) {
        facts.labelsInUse = Set(try query("CALL db.labels()").rows.compactMap(\.first?.stringValue))
        facts.typesInUse = Set(try query("CALL db.relationshipTypes()").rows.compactMap(\.first?.stringValue))
    }

    /// Runs a statement in a transaction that is rolled back.
    ///
    /// - Returns: Why it failed; nil where it went well.
    private func tryAndUndo(_ cypher: String) -> BoltError? {
        guard channel.isOpen else { return nil }
        do throws(BoltError) {
            channel.begin(timeout: .seconds(10))
            try settle()
            // After a failure the connection is reset, and the transaction is gone.
            _ = try channel.query(cypher)
            channel.rollback()
            try settle()
            return nil
        } catch {
            if channel.isOpen, channel.isFailed { try? channel.recover() }
            return error
        }
    }

    /// Takes the answers to what was sent.
    private func settle() throws(BoltError) {
        try channel.flush()
        while channel.pendingResponses > 0 {
            if case .failure(let failure) = try channel.receive() {
                try channel.recover()
                throw BoltError(failure, server: channel.server.address)
            }
        }
    }
}
