// Part of Lockstep. See LICENSE.

// Statements of somebody's own, each run for one row at a time: what it does to its rows cannot reach the next one's.
extension CustomCypher {
    /// A statement for each node `n`.
    ///
    /// - Parameters:
    ///   - properties: What `row` has.
    ///   - keeps: The node is still needed behind it.
    fileprivate func call(_ statement: Statement, _ properties: [String], keeps: Bool = false) -> String {
        let row = properties.map { "\(Cypher.quoted($0)): n.\(Cypher.quoted($0))" }.joined(separator: ", ")
        // A comment at the end of the statement ends with the line.
        return " WITH \(keeps ? "n, " : ""){\(row)} AS row CALL (row) {\n\(text(of: statement))\n}"
    }

    /// Runs `delete` for some nodes of a label, deletes them, and returns how many. Takes no rows.
    func sweepStatement(_ label: String, _ properties: [String]) -> String {
        "MATCH (n:\(Cypher.quoted(label))) WITH n LIMIT 1000" + call(.delete, properties, keeps: true)
            + " DETACH DELETE n RETURN count(*) AS deleted"
    }
}

extension NodeMapping {
    /// What `row` has.
    public var rowProperties: [String] {
        (key + written).filter { !$0.isOwn }.map(\.property) + extra.constants.map(\.property)
    }

    /// Runs a statement of the table's own for rows. Row: key….
    ///
    /// - Parameter skipsGone: Nodes that are marked as gone are none.
    public func customStatement(
        _ statement: CustomCypher.Statement, of custom: CustomCypher, skipsGone: Bool = false
    ) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0))"
            + (skipsGone ? " WHERE n.\(Self.goneMark) IS NULL" : "") + custom.call(statement, rowProperties)
    }

    /// Runs `delete` for every row that the graph has. Takes no rows.
    public func customTruncateStatement(_ custom: CustomCypher) -> String {
        "MATCH (n:\(Cypher.quoted(label)))" + custom.call(.delete, rowProperties)
    }

    /// Deletes some nodes of the label, each by its table's own `delete`, and returns how many; nil where there is none. Takes no
    /// rows.
    public var customSweepStatement: String? { custom?.sweepStatement(label, rowProperties) }
}
