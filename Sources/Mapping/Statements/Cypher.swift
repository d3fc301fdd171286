// Part of Lockstep. See LICENSE.

/// Pieces of Cypher text. Names are always static and in backticks: plans are cached by text, and no name of a schema,
/// whatever it contains, can become syntax.
public enum Cypher {
    /// A name in backticks, its own doubled.
    public static func quoted(_ name: String) -> String {
        "`" + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``") + "`"
    }

    /// `:A:B` of labels.
    static func labels(_ labels: some Sequence<String>) -> String { labels.map { ":" + quoted($0) }.joined() }

    /// `(n:Label {key: r[0], …})`: the node that a row names by the key at `position` and behind.
    static func node(_ variable: String, _ label: String, _ key: [PropertyMapping], at position: Int) -> String {
        let pairs = key.enumerated().map { "\(quoted($1.property)): r[\(position + $0)]" }
        return "(\(variable):\(quoted(label)) {\(pairs.joined(separator: ", "))})"
    }

    /// ` SET n.a = r[i], …`, or nothing. By name, never `+=`: that brings an Eager operator.
    static func set(
        _ variable: String, _ properties: some Sequence<PropertyMapping>, _ constants: [ConstantProperty] = [],
        at position: Int
    ) -> String {
        let parts =
            properties.enumerated().map { "\(variable).\(quoted($1.property)) = r[\(position + $0)]" }
            + constants.map { "\(variable).\(quoted($0.property)) = \($0.value.cypher)" }
        return parts.isEmpty ? "" : " SET " + parts.joined(separator: ", ")
    }

    /// How many relationships of a type there are, whatever is at their ends; answered from the server's counts.
    static func relationshipCount(_ type: String) -> String { "MATCH ()-[o:\(quoted(type))]->() RETURN count(o)" }

    // MARK: Sweeps

    // Each deletes some, about `$limit`, and returns how many, to be repeated until that is none: one transaction of all could
    // break the server's memory limit.

    /// Of the nodes of a label, with their relationships: a node goes once it has few enough left, for some have millions.
    ///
    /// - Parameter condition: Which nodes `n`; nil for all.
    public static func nodeSweep(_ label: String, where condition: String? = nil) -> String {
        // The last node found may have more relationships than were looked at.
        "MATCH (n:\(quoted(label)))" + (condition.map { " WHERE \($0)" } ?? "")
            + " OPTIONAL MATCH (n)-[o]-() WITH n, o LIMIT $limit WITH collect({n: n, o: o}) AS found UNWIND found AS f"
            + " WITH f.n AS n, f.o AS o, CASE WHEN size(found) < $limit OR found[-1].o IS NULL THEN null"
            + " ELSE found[-1].n END AS rest DELETE o WITH n, rest, count(*) AS part"
            + " FOREACH (x IN CASE WHEN n = rest THEN [] ELSE [n] END | DETACH DELETE x) RETURN sum(part) AS deleted"
    }

    /// Of the relationships of a type between two labels.
    public static func relationshipSweep(from: String, _ type: String, to: String) -> String {
        "MATCH (:\(quoted(from)))-[o:\(quoted(type))]->(:\(quoted(to)))"
            + " WITH o LIMIT $limit DELETE o RETURN count(*) AS deleted"
    }

    // Those of properties and labels go past all that they have done already: more at a time.

    /// Of a property of a label's nodes.
    public static func propertySweep(label: String, _ property: String) -> String {
        propertySweep("MATCH (n:\(quoted(label)))", "n", property)
    }

    /// Of a property of the relationships of a type between two labels.
    public static func propertySweep(from: String, _ type: String, to: String, _ property: String) -> String {
        propertySweep("MATCH (:\(quoted(from)))-[o:\(quoted(type))]->(:\(quoted(to)))", "o", property)
    }

    private static func propertySweep(_ match: String, _ variable: String, _ property: String) -> String {
        let property = "\(variable).\(quoted(property))"
        return "\(match) WHERE \(property) IS NOT NULL WITH \(variable) LIMIT 4 * $limit SET \(property) = null"
            + " RETURN count(*) AS deleted"
    }

    /// Of another label of a label's nodes.
    public static func labelSweep(label: String, _ other: String) -> String {
        "MATCH (n:\(quoted(label)):\(quoted(other))) WITH n LIMIT 4 * $limit REMOVE n:\(quoted(other))"
            + " RETURN count(*) AS deleted"
    }
}
