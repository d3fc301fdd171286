// Part of Lockstep. See LICENSE.

import Apply
import Mapping
import PostgreSQL
import Testing

@testable import Bolt
@testable import Pipeline

struct `The graph's schema` {
    private typealias Entry = GraphSchema.Entry

    private let wanted = GraphMapping.checkpointConstraint
    private func entry(
        _ name: String, _ type: String, _ label: String = "LockstepCheckpoint", _ properties: [String] = ["pipeline"],
        isOnNodes: Bool = true, isOwned: Bool = false
    ) -> GraphSchema.Entry {
        GraphSchema.Entry(
            name: name, type: type, isOnNodes: isOnNodes, labels: [label], properties: properties, isOwned: isOwned)
    }

    private func standing(
        _ constraints: [GraphSchema.Entry], _ indexes: [GraphSchema.Entry] = [], indexesObstruct: Bool = true
    ) -> GraphSchema.Standing {
        GraphSchema(constraints: constraints, indexes: indexes).standing(of: wanted, indexesObstruct: indexesObstruct)
    }

    @Test(arguments: ["UNIQUENESS", "NODE_PROPERTY_UNIQUENESS", "NODE_KEY"])
    func `has a constraint by whatever name`(type: String) {
        #expect(standing([entry("mine", type)]) == .present)
        #expect(standing([entry("mine", type, isOnNodes: false)]) == .missing)
        #expect(standing([entry("mine", type, "Other")]) == .missing)
        #expect(standing([entry("mine", type, "LockstepCheckpoint", ["pipeline", "lsn"])]) == .missing)
    }

    @Test func `has a name taken`() {
        let constraint = standing([entry("lockstep_checkpoint", "UNIQUENESS", "Other")])
        #expect(constraint.fix == "DROP CONSTRAINT `lockstep_checkpoint`;")
        #expect(
            standing([], [entry("lockstep_checkpoint", "RANGE", "Other")]).fix == "DROP INDEX `lockstep_checkpoint`;")
    }

    @Test func `has an index in the way on Neo4j`() {
        #expect(standing([], [entry("mine", "RANGE")]).fix == "DROP INDEX `mine`;")
        #expect(standing([], [entry("mine", "RANGE")], indexesObstruct: false) == .missing)
        #expect(standing([], [entry("mine", "TEXT")]) == .missing)
        #expect(standing([entry("mine", "UNIQUENESS")], [entry("mine", "RANGE", isOwned: true)]) == .present)
    }

    @Test func `has constraints of others on mapped labels`() throws {
        let constraints = try Shop.plan().mapping.constraints
        let own = entry("lockstep_key_Customer", "UNIQUENESS", "Customer", ["customerId"])
        let other = entry("email", "UNIQUENESS", "Customer", ["email"])
        let far = entry("far", "UNIQUENESS", "Elsewhere", ["email"])
        #expect(GraphSchema(constraints: [own, other, far], indexes: []).foreign(to: constraints) == [other])
    }
}

extension GraphSchema.Standing {
    fileprivate var fix: String? { if case .obstructed(_, let fix) = self { fix } else { nil } }
}

struct `The graph` {
    private func facts(_ change: (inout GraphFacts) -> Void = { _ in }) -> GraphFacts {
        var facts = GraphFacts(product: .neo4j)
        facts.release = [5, 26, 31]
        facts.schema = GraphSchema(constraints: [], indexes: [])
        facts.hasReadCheckpoint = true
        change(&facts)
        return facts
    }

    private func findings(_ change: (inout GraphFacts) -> Void = { _ in }) throws -> [PreflightFinding] {
        GraphFindings.findings(facts(change), mapping: try Shop.plan().mapping, pipeline: "shop")
    }

    @Test func `may be empty`() throws {
        let found = try findings()
        #expect(found.allSatisfy { $0.severity == .note })
        #expect(found.contains(.note, "3 of 3 constraints and indexes are not there yet"))
        #expect(found.contains(.note, "no checkpoint of \"shop\" yet"))
    }

    @Test func `is judged by its server`() throws {
        #expect(try findings { $0.release = [4, 3, 9] }.contains(.error, "Neo4j 4.3.9 is too old"))
        #expect(try !findings { $0.release = [2026, 9, 0] }.contains { $0.severity == .error })
        #expect(try findings { $0.product = .other("Memgraph/3") }.contains(.warning, "\"Memgraph/3\""))
    }

    @Test func `has to be writable`() throws {
        let refusal = BoltError(
            BoltFailure(metadata: ["code": "Neo.ClientError.Security.Forbidden", "message": "not allowed"]),
            server: "g:7687")
        let found = try findings { $0.writeFailure = refusal }
        #expect(found.contains(.error, "nothing can be written"))
        #expect(found.fix("nothing can be written")?.contains("GRANT ROLE publisher") == true)
        #expect(
            try findings { $0.schemaFailure = refusal }.fix("no constraint can be made")?.contains("architect") == true)
    }

    @Test func `must not hold what somebody else made`() throws {
        let found = try findings { $0.populatedLabels = ["Customer"] }
        #expect(found.contains(.error, "it has nodes labelled \"Customer\""))
        let own = try findings {
            $0.populatedLabels = ["Customer"]
            $0.checkpoint = Checkpoint(phase: .streaming, lsn: LSN(rawValue: 5))
        }
        #expect(!own.contains { $0.severity == .error })
        let duplicates = try findings { $0.labelsWithDuplicates = ["Order"] }
        #expect(duplicates.fix("(:Order) {orderId}")?.contains("MATCH (n:`Order`)") == true)
        #expect(
            try findings { $0.otherPipelines = ["b"] }.contains(.note, "other pipelines write to this graph too: b"))
    }

    @Test func `takes a name for one thing only on ArcadeDB`() throws {
        let taken: (inout GraphFacts) -> Void = {
            $0.typesInUse = ["Customer"]
            $0.labelsInUse = ["PLACED_BY"]
        }
        #expect(try !findings(taken).contains { $0.severity == .error })
        let found = try findings {
            taken(&$0)
            $0.product = .arcadeDB
        }
        #expect(found.filter { $0.severity == .error }.map { String($0.what.prefix(8)) } == ["Customer", "PLACED_B"])
    }
}

extension `The graph` {
    @Test func `finds no node by a date-time on ArcadeDB`() throws {
        var mapping = try Shop.plan().mapping
        mapping.nodes[0].key[0].conversion = ValueConversion(source: .timestamptz, target: .dateTime)
        func errors(_ product: GraphFacts.Product) -> [PreflightFinding] {
            GraphFindings.findings(GraphFacts(product: product), mapping: mapping, pipeline: "shop")
                .filter { $0.severity == .error }
        }
        #expect(errors(.neo4j).isEmpty)
        let found = errors(.arcadeDB)
        #expect(found.contains(.error, "nodes of public.customers are found by id, a date-time"))
        #expect(found.fix("found by id")?.contains("id: {property: customerId, as: string}") == true)
    }
}

struct `A report` {
    private let report = PreflightReport(
        file: "shop.yaml", isMappingUnreadable: false, source: "db:5432/shop as me", graph: nil,
        findings: [
            PreflightFinding(.note, .source, "a note"),
            PreflightFinding(.warning, .graph, "a \"warning\""),
            PreflightFinding(.error, .source, "an error", fix: "ONE;\nTWO;"),
            PreflightFinding(
                .error, .mapping, "a fault", fix: "mend it",
                position: FilePosition(file: "shop.yaml", line: 3, column: 7)),
        ])

    @Test func `groups by place, errors first, and counts`() {
        #expect(
            report.text() == """
                mapping shop.yaml
                  error: shop.yaml:3:7: a fault
                    -> mend it

                PostgreSQL db:5432/shop as me
                  error: an error
                    -> ONE;
                       TWO;
                  note: a note

                graph
                  warning: a "warning"

                2 errors, 1 warning, 1 note
                """)
        #expect(report.hasErrors)
    }

    @Test func `is JSON for machines`() {
        let json = report.json
        #expect(json.contains(#""errors": 2, "#) || json.contains(#""errors": 2,"#))
        #expect(
            json.contains(
                #"{"severity": "error", "area": "mapping", "file": "shop.yaml", "line": 3, "column": 7, "#
                    + #""what": "a fault", "fix": "mend it"}"#))
        #expect(json.contains(#""what": "a \"warning\"", "fix": null}"#))
    }

    @Test func `is an error where the mapping cannot be read`() {
        var empty = report
        empty.findings = []
        #expect(!empty.hasErrors)
        empty.isMappingUnreadable = true
        #expect(empty.hasErrors)
    }
}
