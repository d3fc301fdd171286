// Part of Lockstep. See LICENSE.

import Bolt
import TestServers
import Testing

extension Project {
    /// Makes transactions of more than `whole` changes go into the graph in parts of `rows` changes.
    func applyInParts(of rows: Int, above whole: Int) throws {
        try edit { text in text += "\nbatch: {rows: \(rows), wholeRows: \(whole)}\n" }
    }

    /// Nothing tells any more that a transaction was applied in parts.
    func expectNoTraceOfParts(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(
            try await cypher("MATCH (n) WHERE n.`_lockstepGone` IS NOT NULL RETURN count(n)") == "0",
            sourceLocation: sourceLocation)
        #expect(try await partial() == nil, sourceLocation: sourceLocation)
    }

    /// What a reader sees at the checkpoint while a transaction is applied in parts: the pass and the changes done.
    func partial() async throws -> (pass: String, changes: Int)? {
        let rows = try await graph.query(
            """
            MATCH (c:LockstepCheckpoint {pipeline: '\(pipeline)'}) WHERE c.partial IS NOT NULL
            RETURN c.partialPass, c.partialChanges
            """
        ).rows
        guard let row = rows.first, case .string(let pass) = row[0], case .integer(let changes) = row[1] else {
            return nil
        }
        return (pass, Int(changes))
    }
}
