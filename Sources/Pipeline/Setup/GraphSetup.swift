// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping

/// What the graph needs before data come, and how it is made empty again.
struct GraphSetup {
    let mapping: GraphMapping

    /// Creates the constraints that are missing. DDL is never mixed with data, and one statement goes at a time.
    func createConstraints(
        _ graph: BoltChannel, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        for constraint in mapping.constraints {
            do throws(BoltError) {
                _ = try graph.query(constraint.statement)
            } catch {
                // It is there already, by another name or in the same moment from another process.
                if let code = error.code, code.hasSuffix("AlreadyExists") { continue }
                var failure = PipelineError(error)
                failure.what = "a constraint could not be created in the graph"
                failure.detail += " (\(constraint.statement))"
                if error.code?.hasSuffix("ConstraintCreationFailed") == true {
                    failure.remedy = "Nodes with that label stand in the graph already and two of them have the same key. "
                        + "Remove them, or use another label in the mapping."
                }
                throw failure
            }
        }
    }

    /// A first run does not mix with nodes that somebody else put under the same labels.
    func refuseForeignContent(_ graph: BoltChannel) throws(PipelineError) {
        for node in mapping.nodes {
            let found: BoltResult
            do throws(BoltError) {
                found = try graph.query("MATCH (n:\(Cypher.quoted(node.label))) RETURN 1 LIMIT 1")
            } catch {
                throw PipelineError(error)
            }
            guard found.rows.isEmpty else {
                throw PipelineError(
                    "the graph is not empty", "it has nodes labelled \"\(node.label)\" but no checkpoint of this pipeline",
                    remedy: "Use another label or an empty database, or have them deleted and made anew from "
                        + "PostgreSQL: `lockstep run --resnapshot`")
            }
        }
    }

    /// Deletes all that the mapping makes, in slices: one transaction of all could break the server's memory limit.
    func wipe(_ writer: GraphWriter, expecting checkpoint: Checkpoint?) throws(PipelineError) {
        for node in mapping.nodes {
            let slice =
                "MATCH (n:\(Cypher.quoted(node.label))) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS deleted"
            while true {
                let rows = try apply { () throws(ApplyError) in
                    try writer.transaction(slice, expecting: checkpoint)
                }
                guard case .integer(let count)? = rows.first?.first, count > 0 else { break }
            }
        }
    }
}
