// Part of Lockstep. See LICENSE.

// For tables whose nodes count equal rows (``DistinctRows``). A count is changed by a difference, which is right because
// each change of the stream is applied exactly once: the checkpoint moves in the same transaction. The first read sets it
// instead, by the statement for all nodes.
extension NodeMapping {
    /// Counts rows that came: makes the node where it is missing.
    ///
    /// Row: digest, then each of ``properties`` but the count, then how many.
    public func countUpStatement() -> String {
        let values = properties.filter { $0.column != DistinctRows.countColumn }
        return "UNWIND $rows AS r MERGE \(Cypher.node("n", label, key, at: 0))"
            + (labels.count > 1 ? " SET n" + Cypher.labels(labels.dropFirst()) : "")
            + Cypher.set("n", values, at: 1) + (values.isEmpty ? " SET " : ", ")
            + "\(count) = coalesce(\(count), 0) + r[\(1 + values.count)]"
    }

    /// Counts rows that went. Row: digest, then how many, as a negative number.
    ///
    /// - Parameter deletes: Nodes that count none are deleted; else they wait for ``deleteUncountedStatement()``.
    public func countDownStatement(deletes: Bool) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0)) SET \(count) = \(count) + r[1]"
            + (deletes ? " WITH n WHERE \(count) <= 0 DETACH DELETE n" : "")
    }

    /// Deletes those nodes that count none. Row: digest.
    public func deleteUncountedStatement() -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0)) WHERE \(count) <= 0 DETACH DELETE n"
    }

    private var count: String { "n.\(Cypher.quoted(distinct?.countProperty ?? ""))" }
}
