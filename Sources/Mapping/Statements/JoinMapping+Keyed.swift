// Part of Lockstep. See LICENSE.

// Relationships that have a key of their own, as a property, with an index on it. Each is found by that alone, and the
// pattern has neither labels nor nodes beside it: with them a planner may begin at an end, or expand one, and a MERGE
// between two nodes looks at every relationship that they have in common (72 ms a row at 30,000).
extension JoinMapping {
    /// Makes the relationships that are not there. Row: key…, from key…, to key….
    public func linkStatement() -> String {
        "UNWIND $rows AS r OPTIONAL MATCH ()\(found("x"))() WITH r, x WHERE x IS NULL "
            + ends("a", "b", at: ownKey.count) + " CREATE (a)\(found("o"))(b)"
            + Cypher.set("o", [], extra.constants, at: 0)
    }

    /// Sets the named properties. Row: key…, then their values.
    func setStatement(_ present: [PropertyMapping]) -> String {
        "UNWIND $rows AS r MATCH ()\(found("o"))()" + Cypher.set("o", present, at: ownKey.count)
    }

    func cutStatement() -> String { "UNWIND $rows AS r \(find) DELETE o" }

    /// Finds `o`, or null, by the key in `r`.
    var find: String { "OPTIONAL MATCH ()\(found("o"))()" }

    /// Puts relationships where their rows say, with the properties that they have; one that is right already stays.
    func rehangStatement() -> String {
        let count = ownKey.count
        let rekeyed = ownKey.indices.map { "r[\($0)] <> r[\(count + $0)]" }
        func differs(_ node: String, _ end: RelationshipEnd, at position: Int) -> [String] {
            end.key.enumerated().flatMap { index, part in
                let property = "\(node).\(Cypher.quoted(part.property))"
                return ["\(property) IS NULL", "\(property) <> r[\(position + index)]"]
            }
        }
        let conditions =
            rekeyed + differs("a", from, at: 2 * count) + differs("b", to, at: 2 * count + from.key.count)
        return "UNWIND $rows AS r MATCH (a)\(found("o"))(b) WHERE \(conditions.joined(separator: " OR "))"
            + " WITH r, o, properties(o) AS p DELETE o WITH collect({r: r, p: p}) AS moves UNWIND moves AS m"
            + " WITH m.r AS r, m.p AS p \(ends("a", "b", at: 2 * count))"
            + " CREATE (a)-[o:\(Cypher.quoted(type))]->(b) SET o = p" + Cypher.set("o", ownKey, at: count)
    }

    private func found(_ variable: String) -> String {
        let pairs = ownKey.enumerated().map { "\(Cypher.quoted($1.property)): r[\($0)]" }
        return "-[\(variable):\(Cypher.quoted(type)) {\(pairs.joined(separator: ", "))}]->"
    }
}
