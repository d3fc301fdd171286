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

    // MARK: Sweeps

    // Each deletes some and returns how many, to be repeated until that is none: one transaction of all could break the
    // server's memory limit. They take no rows.

    /// Of the nodes of a label, with their relationships.
    public static func nodeSweep(_ label: String) -> String {
        "MATCH (n:\(quoted(label))) WITH n LIMIT 5000 DETACH DELETE n RETURN count(*) AS deleted"
    }

    /// Of the relationships of a type between two labels.
    public static func relationshipSweep(from: String, _ type: String, to: String) -> String {
        "MATCH (:\(quoted(from)))-[o:\(quoted(type))]->(:\(quoted(to)))"
            + " WITH o LIMIT 5000 DELETE o RETURN count(*) AS deleted"
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
        return "\(match) WHERE \(property) IS NOT NULL WITH \(variable) LIMIT 20000 SET \(property) = null"
            + " RETURN count(*) AS deleted"
    }

    /// Of another label of a label's nodes.
    public static func labelSweep(label: String, _ other: String) -> String {
        "MATCH (n:\(quoted(label)):\(quoted(other))) WITH n LIMIT 20000 REMOVE n:\(quoted(other))"
            + " RETURN count(*) AS deleted"
    }
}
