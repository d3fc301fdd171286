// Part of Lockstep. See LICENSE.

// What is in the graph by its keys, to be looked for in PostgreSQL.
extension NodeMapping {
    /// The keys of every node. Record: key….
    public func keysQuery() -> String {
        "MATCH (n:\(Cypher.quoted(label))) RETURN " + names("n", key).joined(separator: ", ")
    }

    /// Deletes some nodes that lack a part of their key, which no row has made, and returns how many.
    public func sweepKeylessStatement() -> String {
        let missing = key.map { "n.\(Cypher.quoted($0.property)) IS NULL" }.joined(separator: " OR ")
        return Cypher.nodeSweep(label, where: missing)
    }
}

extension JoinMapping {
    /// The keys of every relationship, and of every row that waits. Record: key….
    public func keysQuery() -> String {
        let keys = isKeyed ? names("o", ownKey) : names("a", from.key) + names("b", to.key)
        guard waits else { return every + " RETURN " + keys.joined(separator: ", ") }
        // Both halves of a UNION have to call their columns the same.
        func numbered(_ keys: [String]) -> String {
            keys.enumerated().map { "\($1) AS k\($0)" }.joined(separator: ", ")
        }
        return every + " RETURN \(numbered(keys)) UNION ALL "
            + "MATCH (w:\(Cypher.quoted(waitingLabel))) RETURN \(numbered(waitingKeyNames.map { "w.\($0)" }))"
    }

    /// Deletes some relationships that lack a part of their own key, which no row has made, and returns how many.
    public func sweepKeylessStatement() -> String? {
        guard isKeyed else { return nil }
        let missing = ownKey.map { "o.\(Cypher.quoted($0.property)) IS NULL" }.joined(separator: " OR ")
        return every + " WHERE \(missing) WITH o LIMIT $limit DELETE o RETURN count(*) AS deleted"
    }
}

private func names(_ variable: String, _ key: [PropertyMapping]) -> [String] {
    key.map { "\(variable).\(Cypher.quoted($0.property))" }
}
