// Part of Lockstep. See LICENSE.

// The fixed set of statements for a table of relationships. Both ends are bound before the relationship is looked for:
// the plain pattern `(a)-[o]->(b)` expands every relationship of a hub.
extension JoinMapping {
    /// The row's columns that name the relationship: those of `from`, then those of `to`.
    public var key: [PropertyMapping] { from.key + to.key }

    /// Creates the relationship or sets the named properties; null removes one.
    ///
    /// Row: from key…, to key…, then the value of each of `properties`, indices into ``written``.
    public func upsertStatement(properties present: [Int]) -> String {
        "UNWIND $rows AS r " + ends("a", "b", at: 0) + " MERGE (a)-[o:\(Cypher.quoted(type))]->(b)"
            + Cypher.set("o", present.map { written[$0] }, extra.constants, at: key.count)
    }

    /// Puts relationships between other nodes, with the properties that they have: for a changed key whose row came
    /// with unchanged TOASTed columns. Row: old from…, old to…, new from…, new to….
    ///
    /// All are taken away before any is put anywhere. One that is not found went along with the node at its end.
    public func moveStatement() -> String {
        "UNWIND $rows AS r " + ends("a", "b", at: 0) + " MATCH (a)-[o:\(Cypher.quoted(type))]->(b)"
            + " WITH r, o, properties(o) AS p DELETE o WITH collect({r: r, p: p}) AS moves UNWIND moves AS m"
            + " WITH m.r AS r, m.p AS p " + ends("a", "b", at: key.count)
            + " MERGE (a)-[o:\(Cypher.quoted(type))]->(b) SET o = p"
    }

    /// Deletes relationships. Row: from key…, to key….
    public func deleteStatement() -> String {
        "UNWIND $rows AS r " + ends("a", "b", at: 0)
            + " OPTIONAL MATCH (a)-[o:\(Cypher.quoted(type))]->(b) DELETE o"
    }

    /// Deletes every relationship of the type between the two labels. Takes no rows.
    public func truncateStatement() -> String {
        "MATCH (:\(Cypher.quoted(from.label)))-[o:\(Cypher.quoted(type))]->(:\(Cypher.quoted(to.label))) DELETE o"
    }

    /// How many relationships of the type there are, whatever is at their ends; answered from the server's counts.
    public func countStatement() -> String { "MATCH ()-[o:\(Cypher.quoted(type))]->() RETURN count(o)" }

    /// Deletes some relationships of the type between the two labels and returns how many. Takes no rows.
    public func sweepStatement() -> String {
        "MATCH (:\(Cypher.quoted(from.label)))-[o:\(Cypher.quoted(type))]->(:\(Cypher.quoted(to.label)))"
            + " WITH o LIMIT 5000 DELETE o RETURN count(*) AS deleted"
    }

    private func ends(_ a: String, _ b: String, at position: Int) -> String {
        "MATCH \(Cypher.node(a, from.label, from.key, at: position)) "
            + "MATCH \(Cypher.node(b, to.label, to.key, at: position + from.key.count))"
    }
}
