// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

/// A statement of somebody's own that the graph server does not take.
struct RefusedCypher: Sendable {
    var table: QualifiedName
    var statement: CustomCypher.Statement
    var reason: String

    /// Asks the server how it would run each statement, just as it is going to be sent. Nothing is run.
    static func find(in mapping: GraphMapping, _ channel: BoltChannel) throws(PipelineError) -> [RefusedCypher] {
        var refused: [RefusedCypher] = []
        for node in mapping.nodes {
            guard let custom = node.custom else { continue }
            for statement in CustomCypher.Statement.allCases {
                do throws(BoltError) {
                    _ = try channel.query(
                        "EXPLAIN " + node.customStatement(statement, of: custom), ["rows": .list([])])
                } catch {
                    guard error.kind == .server else { throw PipelineError(error) }
                    refused.append(
                        RefusedCypher(table: node.table, statement: statement, reason: error.description))
                }
            }
        }
        return refused
    }

    var finding: PreflightFinding {
        PreflightFinding(
            .error, .graph, "it cannot run \(statement.description) of \(table): \(reason)",
            fix: "correct it in the mapping; `lockstep plan` shows it as it is run")
    }
}
