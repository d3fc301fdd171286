// Part of Lockstep. See LICENSE.

// The fixed set of statements for a table of nodes. Each takes `$rows`, lists by position: no key is repeated on the
// wire, and the text is the same for every batch, so that the server's plan cache hits.
extension NodeMapping {
    /// The label that carries the key.
    public var label: String { labels[0] }

    /// Creates the node or sets the named properties; null removes one.
    ///
    /// Row: key…, then the value of each of `properties`.
    ///
    /// - Parameters:
    ///   - properties: Indices into ``written``: those whose values the stream carried.
    ///   - holding: Bit i: the node has ``conditionalLabels`` i; it has no other of them.
    ///   - returns: Whether the node may bear the mark of ``markGoneStatement()``, which is then taken away. One with Cypher of
    ///     its own may always: of a sweep that was given up (``customSweepStatement``).
    public func upsertStatement(properties present: [Int], holding: UInt64 = 0, returns: Bool = false) -> String {
        // In front: behind a SET, ArcadeDB does not keep a REMOVE. For the same reason the mark is set to null.
        var text = "UNWIND $rows AS r MERGE \(Cypher.node("n", label, key, at: 0))"
        let lacking = conditionalLabels.enumerated().filter { holding & (1 << UInt64($0.offset)) == 0 }
        if !lacking.isEmpty {
            text += " REMOVE " + lacking.map { "n:\(Cypher.quoted($0.element.label))" }.joined(separator: ", ")
        }
        let having = conditionalLabels.enumerated().filter { holding & (1 << UInt64($0.offset)) != 0 }
        let extra = labels.dropFirst() + having.map(\.element.label)
        if !extra.isEmpty { text += " SET n" + Cypher.labels(extra) }
        let values = Cypher.set("n", present.map { written[$0] }, self.extra.constants, at: key.count)
        let mark = returns || custom != nil ? (values.isEmpty ? " SET " : ", ") + "n.\(Self.goneMark) = null" : ""
        return text + values + mark
    }

    /// Gives nodes new keys in place; their relationships stay.
    ///
    /// Row: old key…, new key…. Every node has lost its old key before any is given a new one: swaps and chains do not
    /// meet themselves in the uniqueness constraint. (Without the clearing, or with FOREACH, one server or another fails.)
    public func moveStatement() -> String {
        let names = key.map { "n." + Cypher.quoted($0.property) }
        return "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0))"
            + " SET \(names.map { $0 + " = null" }.joined(separator: ", "))"
            + " WITH collect({n: n, r: r}) AS moves UNWIND moves AS m WITH m.n AS n, m.r AS r"
            + Cypher.set("n", key, at: key.count)
    }

    /// Gives nodes the properties of others, for rows that took another's key and came with unchanged TOASTed columns:
    /// what the stream left out stands at the place that they came from.
    ///
    /// Row: key that the row had…, key that it has now…. All is read before anything is written; the node that it has now
    /// is made where it is missing.
    public func carryStatement() -> String {
        let there = key.enumerated().map { "\(Cypher.quoted($1.property)): m.r[\(key.count + $0)]" }
        let values = written.map { "n.\(Cypher.quoted($0.property)) = m.p.\(Cypher.quoted($0.property))" }
        return "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0))"
            + " WITH collect({r: r, p: properties(n)}) AS moves UNWIND moves AS m"
            + " MERGE (n:\(Cypher.quoted(label)) {\(there.joined(separator: ", "))})"
            + " SET \(values.joined(separator: ", "))"
    }

    /// Deletes nodes with their relationships. Row: key….
    public func deleteStatement() -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0)) DETACH DELETE n"
    }

    /// Deletes every node of the label. Takes no rows.
    public func truncateStatement() -> String { "MATCH (n:\(Cypher.quoted(label))) DETACH DELETE n" }

    /// How many nodes of the label there are; answered from the server's counts.
    public func countStatement() -> String { "MATCH (n:\(Cypher.quoted(label))) RETURN count(n)" }

    /// Deletes a foreign key's relationship where it leads elsewhere than the row says, or the row says null.
    ///
    /// Row: key…, the target's key… (null: no target). Only the holder's own few relationships are expanded; by OPTIONAL MATCH,
    /// so that the planner looks for the holder first, and by its key: while it takes a new index for empty, every way of finding
    /// both at once costs nothing to it, and it may look through all holders for each row.
    public func staleStatement(reference: ReferenceMapping) -> String {
        let differs = reference.target.key.enumerated().flatMap { index, end in
            let value = "r[\(key.count + index)]"
            let property = "b.\(Cypher.quoted(end.property))"
            return ["\(value) IS NULL", "\(property) IS NULL", "\(property) <> \(value)"]
        }
        return "UNWIND $rows AS r MATCH \(Cypher.node("a", label, key, at: 0))"
            + " OPTIONAL MATCH (a)" + reference.pattern("o", to: "(b:\(Cypher.quoted(reference.target.label)))")
            + " WHERE \(differs.joined(separator: " OR ")) DELETE o"
    }

    /// Deletes all but one of a foreign key's relationships where several lead to one node: somebody else has made them. Row:
    /// key….
    public func thinStatement(reference: ReferenceMapping) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("a", label, key, at: 0)) OPTIONAL MATCH (a)"
            + reference.pattern("o", to: "(b:\(Cypher.quoted(reference.target.label)))")
            + " WITH a, b, collect(DISTINCT o) AS found UNWIND tail(found) AS x DELETE x"
    }

    /// Creates a foreign key's relationship where it is missing. Row: key…, the target's key…, none of them null.
    public func referenceStatement(reference: ReferenceMapping) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("a", label, key, at: 0))"
            + " MATCH \(Cypher.node("b", reference.target.label, reference.target.key, at: key.count))"
            + " MERGE (a)" + reference.pattern("", to: "(b)")
    }
}

// For transactions that are applied in parts: no node moves, and none goes before all of the transaction is in.
extension NodeMapping {
    /// Set on a node whose row has gone in a part of a transaction that is not applied whole yet.
    static let goneMark = "`_lockstepGone`"

    /// Marks nodes as gone. Row: key….
    public func markGoneStatement() -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0)) SET n.\(Self.goneMark) = true"
    }

    /// Deletes some relationships of nodes, and returns how many. Row: key….
    ///
    /// - Parameter onlyGone: Of nodes that are marked as gone.
    public func cutStatement(onlyGone: Bool) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0))"
            + (onlyGone ? " WHERE n.\(Self.goneMark) = true" : "")
            + " OPTIONAL MATCH (n)-[o]-() WITH o WHERE o IS NOT NULL WITH o LIMIT $limit DELETE o RETURN count(*) AS deleted"
    }

    /// Deletes nodes that are marked as gone, with their relationships. Row: key….
    public func deleteGoneStatement() -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0))"
            + " WHERE n.\(Self.goneMark) = true DETACH DELETE n"
    }

    /// Deletes some nodes of the label, and relationships of theirs, and returns how many.
    public func sweepStatement() -> String { Cypher.nodeSweep(label) }
}

extension ReferenceMapping {
    /// `-[o:TYPE]->(b)` behind the holder, or the other way round.
    func pattern(_ variable: String, to other: String) -> String {
        let relationship = "[\(variable):\(Cypher.quoted(type))]"
        return isReversed ? "<-\(relationship)-\(other)" : "-\(relationship)->\(other)"
    }
}
