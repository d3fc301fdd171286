// Part of Lockstep. See LICENSE.

// Each of these says what is, whatever was before, and may be repeated. They come behind everything else of a batch: all rows
// that may be named are there then, and none that has gone, but for those that only bear the mark of it.
extension NodeMapping {
    /// Gives nodes the values of the rows that they name. Row: key…, the columns' values…; null names none.
    public func lookUpStatement(_ lookup: LookupMapping) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("a", label, key, at: 0)) \(lookup.row(at: key.count)) \(lookup.values)"
    }

    /// Gives the nodes that name these rows their values. Row: the other table's key….
    public func refreshStatement(_ lookup: LookupMapping) -> String {
        "UNWIND $rows AS r \(lookup.row(at: 0)) WITH r, b MATCH \(naming(lookup)) \(lookup.values)"
    }

    /// The nodes that name these rows, as rows for ``lookUpStatement(_:)``. Row: the other table's key….
    public func holdersQuery(_ lookup: LookupMapping) -> String {
        let names = (key.map(\.property) + lookup.kept).map { "a.\(Cypher.quoted($0))" }
        return "UNWIND $rows AS r MATCH \(naming(lookup)) RETURN \(names.joined(separator: ", "))"
    }

    /// Takes the values from all nodes: the other table was truncated. Takes no rows.
    public func forgetStatement(_ lookup: LookupMapping) -> String {
        "MATCH (a:\(Cypher.quoted(label))) WHERE \(lookup.isThere) \(lookup.nothing)"
    }

    /// Takes the values from some nodes and returns from how many.
    public func forgetSweepStatement(_ lookup: LookupMapping) -> String {
        "MATCH (a:\(Cypher.quoted(label))) WHERE \(lookup.isThere) WITH a LIMIT $limit"
            + " \(lookup.nothing) RETURN count(*) AS deleted"
    }

    /// The nodes that name a row.
    func naming(_ lookup: LookupMapping) -> String {
        let pairs = lookup.kept.enumerated().map { "\(Cypher.quoted($1)): r[\($0)]" }
        return "(a:\(Cypher.quoted(label)) {\(pairs.joined(separator: ", "))})"
    }

    /// The index by which those are found that name a row.
    func holderIndex(_ lookup: LookupMapping) -> GraphConstraint {
        GraphMapping.index(name: "lockstep_waiting", label: label, properties: lookup.kept)
    }
}

extension LookupMapping {
    /// The row that is named by the values at `position` and behind, or null.
    fileprivate func row(at position: Int) -> String {
        "OPTIONAL MATCH \(Cypher.node("b", target.label, target.key, at: position)) WHERE b.\(NodeMapping.goneMark) IS NULL"
    }

    /// What the row `b`, if there is one, gives the node `a`.
    fileprivate var values: String {
        let values = properties.map { "a.\(Cypher.quoted($0.property)) = b.\(Cypher.quoted($0.source.property))" }
        let given = labels.map { label in
            let passes = label.test.cypher("b.\(Cypher.quoted(label.property))")
            return "FOREACH (i IN CASE WHEN \(passes) THEN [1] ELSE [] END | SET a:\(Cypher.quoted(label.label)))"
        }
        return ([withoutLabels, set(values)].compactMap(\.self) + given).joined(separator: " ")
    }

    fileprivate var nothing: String {
        let values = properties.map { "a.\(Cypher.quoted($0.property)) = null" }
        return [withoutLabels, set(values)].compactMap(\.self).joined(separator: " ")
    }

    fileprivate var isThere: String {
        let parts =
            properties.map { "a.\(Cypher.quoted($0.property)) IS NOT NULL" }
            + labels.map { "a:\(Cypher.quoted($0.label))" }
        return parts.joined(separator: " OR ")
    }

    private var withoutLabels: String? {
        labels.isEmpty ? nil : "REMOVE " + labels.map { "a:\(Cypher.quoted($0.label))" }.joined(separator: ", ")
    }

    private func set(_ parts: [String]) -> String? { parts.isEmpty ? nil : "SET " + parts.joined(separator: ", ") }
}
