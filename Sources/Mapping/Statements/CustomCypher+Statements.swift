// Part of Lockstep. See LICENSE.

// Statements of somebody's own, each run for one row at a time: what it does to its rows cannot reach the next one's.
extension CustomCypher {
    /// A statement for each node `n`.
    ///
    /// - Parameter properties: What `row` has.
    fileprivate func call(_ statement: Statement, _ properties: [String]) -> String {
        let row = properties.map { "\(Cypher.quoted($0)): n.\(Cypher.quoted($0))" }.joined(separator: ", ")
        // A comment at the end of the statement ends with the line.
        return " WITH {\(row)} AS row CALL (row) {\n\(text(of: statement))\n}"
    }
}

extension NodeMapping {
    /// What `row` has.
    public var rowProperties: [String] {
        (key + written).filter { !$0.isOwn }.map(\.property) + extra.constants.map(\.property)
    }

    /// Runs a statement of the table's own for rows. Row: key….
    ///
    /// - Parameter skipsGone: Nodes that are marked as gone are none. They have had their `delete` always.
    public func customStatement(
        _ statement: CustomCypher.Statement, of custom: CustomCypher, skipsGone: Bool = false
    ) -> String {
        "UNWIND $rows AS r MATCH \(Cypher.node("n", label, key, at: 0))"
            + (skipsGone || statement == .delete ? " WHERE n.\(Self.goneMark) IS NULL" : "")
            + custom.call(statement, rowProperties)
    }

    /// Runs `delete` for every row that the graph has. Takes no rows.
    public func customTruncateStatement(_ custom: CustomCypher) -> String {
        "MATCH (n:\(Cypher.quoted(label)))" + custom.call(.delete, rowProperties)
    }

    /// Runs `delete` for some nodes of the label and returns how many; nil where there is none. They are marked as gone: their
    /// relationships can be too many to go with all of that.
    public var customSweepStatement: String? {
        custom.map { custom in
            "MATCH (n:\(Cypher.quoted(label))) WHERE n.\(Self.goneMark) IS NULL WITH n LIMIT $limit"
                + " SET n.\(Self.goneMark) = true" + custom.call(.delete, rowProperties)
                + " RETURN count(*) AS deleted"
        }
    }
}
