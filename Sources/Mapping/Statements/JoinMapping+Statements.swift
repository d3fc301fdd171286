// Part of Lockstep. See LICENSE.

// The fixed set of statements for a table of relationships. Both ends are bound before the relationship is looked for:
// the plain pattern `(a)-[o]->(b)` expands every relationship of a hub. By OPTIONAL MATCH, for the reason given at
// ``NodeMapping/staleStatement(reference:)``.
extension JoinMapping {
    /// The row's columns that name the nodes: those of `from`, then those of `to`.
    public var ends: [PropertyMapping] { from.key + to.key }

    /// The row's columns that name the relationship: its own key, else those of both ends.
    public var key: [PropertyMapping] { isKeyed ? ownKey : ends }

    /// The row has a key beside its ends.
    public var isKeyed: Bool { !ownKey.isEmpty }

    /// Creates the relationship or sets the named properties; null removes one. One with a key of its own is made by
    /// ``linkStatement()`` before.
    ///
    /// Row: key…, then the value of each of `properties`, indices into ``written``.
    public func upsertStatement(properties present: [Int]) -> String {
        guard !isKeyed else { return setStatement(present.map { written[$0] }) }
        return "UNWIND $rows AS r " + ends("a", "b", at: 0) + " MERGE (a)-[o:\(Cypher.quoted(type))]->(b)"
            + Cypher.set("o", present.map { written[$0] }, extra.constants, at: key.count)
    }

    /// Puts relationships between other nodes, with the properties that they have: for a changed key whose row came
    /// with unchanged TOASTed columns, and for every end that may have changed of a row with a key of its own.
    ///
    /// Row: old key…, new key…, and behind a key of its own both ends'.
    ///
    /// All are taken away before any is put anywhere. One that is not found went along with the node at its end.
    public func moveStatement() -> String {
        guard !isKeyed else { return rehangStatement() }
        return "UNWIND $rows AS r " + ends("a", "b", at: 0) + " OPTIONAL MATCH (a)-[o:\(Cypher.quoted(type))]->(b)"
            + " WITH r, o WHERE o IS NOT NULL WITH r, o, properties(o) AS p DELETE o"
            + " WITH collect({r: r, p: p}) AS moves UNWIND moves AS m"
            + " WITH m.r AS r, m.p AS p " + ends("a", "b", at: key.count)
            + " MERGE (a)-[o:\(Cypher.quoted(type))]->(b) SET o = p"
    }

    /// Deletes relationships. Row: key….
    public func deleteStatement() -> String {
        guard !isKeyed else { return cutStatement() }
        return "UNWIND $rows AS r " + ends("a", "b", at: 0)
            + " OPTIONAL MATCH (a)-[o:\(Cypher.quoted(type))]->(b) DELETE o"
    }

    /// Deletes all but one of several relationships that have one key: somebody else has made them. Row: key….
    public func thinStatement() -> String {
        let match =
            isKeyed
            ? "WITH DISTINCT r " + find
            : ends("a", "b", at: 0) + " OPTIONAL MATCH (a)-[o:\(Cypher.quoted(type))]->(b)"
        return "UNWIND $rows AS r " + match + " WITH r, collect(DISTINCT o) AS found UNWIND tail(found) AS x"
            + " WITH DISTINCT x DELETE x"
    }

    /// Deletes every relationship of the type between the two labels. Takes no rows.
    public func truncateStatement() -> String {
        "MATCH (:\(Cypher.quoted(from.label)))-[o:\(Cypher.quoted(type))]->(:\(Cypher.quoted(to.label))) DELETE o"
    }

    /// How many relationships of the type there are, whatever is at their ends; answered from the server's counts.
    public func countStatement() -> String { Cypher.relationshipCount(type) }

    /// Deletes some relationships of the type between the two labels and returns how many.
    public func sweepStatement() -> String { Cypher.relationshipSweep(from: from.label, type, to: to.label) }

    func ends(_ a: String, _ b: String, at position: Int) -> String {
        "MATCH \(Cypher.node(a, from.label, from.key, at: position)) "
            + "MATCH \(Cypher.node(b, to.label, to.key, at: position + from.key.count))"
    }
}
