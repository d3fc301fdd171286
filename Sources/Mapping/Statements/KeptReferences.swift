// Part of Lockstep. See LICENSE.

// Relationships of references that no constraint guards, and of those that name something else than the node's key: what a
// row has there may change, and go to another row, while the node stays. The holder's node keeps the columns
// (``ReferenceMapping/kept``), so that a node that comes to have their value finds its holders, and one that has it no more
// leaves them. A node that goes takes its relationships along; its holders wait.
extension NodeMapping {
    // The second step of each is an OPTIONAL MATCH for the reason given at ``NodeMapping/staleStatement(reference:)``.

    /// Links the holders that mean these nodes. Row: key…, of this table's node.
    public func adoptStatement(_ reference: ReferenceMapping, of holder: NodeMapping) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("b", label, key, at: 0))"
            + " OPTIONAL MATCH (a:\(Cypher.quoted(holder.label)) {\(pairs(reference).joined(separator: ", "))})"
            + " WITH a, b WHERE a IS NOT NULL MERGE (a)\(reference.pattern("", to: "(b)"))"
    }

    /// The holders that mean these nodes, as rows for ``referenceStatement(reference:)``. Row: key…, of this table's node.
    func adoptedQuery(_ reference: ReferenceMapping, of holder: NodeMapping) -> String {
        let names = (holder.key.map(\.property) + reference.kept).map { "a.\(Cypher.quoted($0))" }
        return "UNWIND $rows AS r MATCH \(Cypher.node("b", label, key, at: 0)) WHERE b.\(Self.goneMark) IS NULL"
            + " OPTIONAL MATCH (a:\(Cypher.quoted(holder.label)) {\(pairs(reference).joined(separator: ", "))})"
            + " WITH a WHERE a IS NOT NULL RETURN \(names.joined(separator: ", "))"
    }

    /// Unlinks the holders that mean other nodes than these. Row: key…, of this table's node.
    ///
    /// - Parameter sweeps: Some of them, and returns how many.
    public func disownStatement(_ reference: ReferenceMapping, of holder: NodeMapping, sweeps: Bool = false) -> String {
        let differs = zip(reference.kept, reference.target.key).flatMap { own, there in
            let (here, value) = ("a.\(Cypher.quoted(own))", "b.\(Cypher.quoted(there.property))")
            return ["\(here) IS NULL", "\(value) IS NULL", "\(here) <> \(value)"]
        }
        return "UNWIND $rows AS r MATCH \(linked(reference, to: holder)) WHERE \(differs.joined(separator: " OR "))"
            + (sweeps
                ? " WITH o WHERE o IS NOT NULL WITH o LIMIT $limit DELETE o RETURN count(*) AS deleted" : " DELETE o")
    }

    /// This table's node and the holders that have the relationship to it, or null.
    func linked(_ reference: ReferenceMapping, to holder: NodeMapping) -> String {
        "\(Cypher.node("b", label, key, at: 0))"
            + " OPTIONAL MATCH (a:\(Cypher.quoted(holder.label)))\(reference.pattern("o", to: "(b)"))"
    }

    /// The holders that name a node by its key and what stands behind that in the row.
    func naming(_ reference: ReferenceMapping, of holder: NodeMapping, behindKey others: [PropertyMapping]) -> String {
        let row = (key + others).map(\.property)
        let pairs = zip(reference.kept, reference.target.key).compactMap { own, there in
            row.firstIndex(of: there.property).map { "\(Cypher.quoted(own)): r[\($0)]" }
        }
        return "(a:\(Cypher.quoted(holder.label)) {\(pairs.joined(separator: ", "))})"
    }

    /// How many of this table's nodes name one that is not there. No parameters.
    public func waitingQuery(_ reference: ReferenceMapping) -> String {
        let named = reference.kept.map { "a.\(Cypher.quoted($0)) IS NOT NULL" }
        let target = "(:\(Cypher.quoted(reference.target.label)))"
        return "MATCH (a:\(Cypher.quoted(label))) WHERE \(named.joined(separator: " AND "))"
            + " AND NOT (a)\(reference.pattern("", to: target)) RETURN count(a)"
    }

    /// How many relationships of the reference's type there are; answered from the server's counts.
    public func countStatement(_ reference: ReferenceMapping) -> String { Cypher.relationshipCount(reference.type) }

    private func pairs(_ reference: ReferenceMapping) -> [String] {
        zip(reference.kept, reference.target.key).map { own, there in
            // By the row where it has the value: an index is then asked for a parameter.
            let value = key.firstIndex { $0.property == there.property }.map { "r[\($0)]" }
            return "\(Cypher.quoted(own)): \(value ?? "b.\(Cypher.quoted(there.property))")"
        }
    }
}

extension GraphMapping {
    /// The references to a node's table whose holders keep them, each with the table that holds it.
    public func keptReferences(to target: NodeMapping) -> [(holder: NodeMapping, reference: ReferenceMapping)] {
        nodes.flatMap { holder in
            holder.references.filter { !$0.kept.isEmpty && $0.target.label == target.label }.map { (holder, $0) }
        }
    }

    /// The tables of relationships whose rows wait for nodes of this one, and at which end.
    public func awaitedEnds(of node: NodeMapping) -> [(join: JoinMapping, side: JoinMapping.Side)] {
        allJoins.filter(\.waits).flatMap { join in
            (join.from.label == node.label ? [(join, .from)] : []) + (join.to.label == node.label ? [(join, .to)] : [])
        }
    }

    /// The index by which waiting holders are found.
    static func waitingIndex(_ holder: NodeMapping, _ reference: ReferenceMapping) -> GraphConstraint {
        index(name: "lockstep_waiting", label: holder.label, properties: reference.kept)
    }
}
