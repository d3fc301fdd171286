// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

extension Comparison {
    /// Every node or relationship. Record: key…, properties…, and whether further labels are there, if there are any, and
    /// each of those that depend on the row.
    ///
    /// Nothing is looked up by value here: a query that finds a node by an index gives back the value that was asked
    /// for, and not the stored one (1 for 1.0).
    var scanQuery: String {
        var values = keyExpressions + properties.map { "\(variable).\(Cypher.quoted($0.property))" }
        values += labelsExpressions
        return "MATCH \(pattern) RETURN \(values.joined(separator: ", "))"
    }

    /// How many lack a part of their key; PostgreSQL's never do.
    var keylessQuery: String {
        let conditions = keyExpressions.map { "\($0) IS NULL" }
        return "MATCH \(pattern) WHERE \(conditions.joined(separator: " OR ")) RETURN count(*)"
    }

    /// Nodes or relationships by `$keys`, lists of key values. Record: the stored properties of what carries the key,
    /// in one or two maps; then those of the relationship, or a list that says which labels are there.
    var lookupQuery: String {
        switch subject {
        case .node(let node):
            return "UNWIND $keys AS k MATCH \(node.key.node("n", node.label, at: 0)) "
                + "RETURN properties(n), [\(labelsExpressions.joined(separator: ", "))]"
        case .relationship(let type, let from, let to):
            let position = key.count - ownKey.count
            let pairs = ownKey.enumerated().map { "\(Cypher.quoted($1.property)): k[\(position + $0)]" }
            let own = pairs.isEmpty ? "" : " {\(pairs.joined(separator: ", "))}"
            // Both ends first: the plain pattern expands every relationship of a hub.
            return "UNWIND $keys AS k MATCH \(from.key.node("a", from.label, at: 0)) "
                + "MATCH \(to.key.node("b", to.label, at: from.key.count)) "
                + "OPTIONAL MATCH (a)-[r:\(Cypher.quoted(type))\(own)]->(b) WITH a, b, r WHERE r IS NOT NULL "
                + "RETURN properties(a), properties(b), properties(r)"
        }
    }

    /// Reads a record of ``lookupQuery``.
    ///
    /// - Returns: For each part of the key the map that holds it; the properties; whether further labels are there, if
    ///   there are any, and each of those that depend on the row.
    func readLookup(
        _ reader: inout PackStreamReader
    ) throws(PackStreamError) -> (ends: [[String: BoltValue]], properties: [String: BoltValue], labels: [Bool]) {
        switch subject {
        case .node:
            let properties = try reader.readMap()
            var labels: [Bool] = []
            for _ in 0..<(try reader.readListHeader()) { labels.append(try reader.readBoolean()) }
            return (key.map { _ in properties }, properties, labels)
        case .relationship(_, let from, let to):
            let ends = [try reader.readMap(), try reader.readMap()]
            let properties = try reader.readMap()
            let maps = from.key.map { _ in ends[0] } + to.key.map { _ in ends[1] } + ownKey.map { _ in properties }
            return (maps, properties, [])
        }
    }

    private var variable: String {
        if case .node = subject { "n" } else { "r" }
    }

    private var pattern: String {
        switch subject {
        case .node(let node): "(n:\(Cypher.quoted(node.label)))"
        case .relationship(let type, let from, let to):
            "(a:\(Cypher.quoted(from.label)))-[r:\(Cypher.quoted(type))]->(b:\(Cypher.quoted(to.label)))"
        }
    }

    private var keyExpressions: [String] {
        switch subject {
        case .node(let node): node.key.map { "n.\(Cypher.quoted($0.property))" }
        case .relationship(_, let from, let to):
            from.key.map { "a.\(Cypher.quoted($0.property))" } + to.key.map { "b.\(Cypher.quoted($0.property))" }
                + ownKey.map { "r.\(Cypher.quoted($0.property))" }
        }
    }

    private var labelsExpressions: [String] {
        let always = furtherLabels.map { "n:\(Cypher.quoted($0))" }.joined(separator: " AND ")
        return (furtherLabels.isEmpty ? [] : [always]) + conditionalLabels.map { "n:\(Cypher.quoted($0))" }
    }
}

extension [PropertyMapping] {
    fileprivate func node(_ variable: String, _ label: String, at position: Int) -> String {
        let pairs = enumerated().map { "\(Cypher.quoted($1.property)): k[\(position + $0)]" }
        return "(\(variable):\(Cypher.quoted(label)) {\(pairs.joined(separator: ", "))})"
    }
}
