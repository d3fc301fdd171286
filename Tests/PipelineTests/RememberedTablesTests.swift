// Part of Lockstep. See LICENSE.

import Mapping
import PostgreSQL
import Testing

@testable import Apply
@testable import Pipeline

struct `A table that the mapping has lost` {
    private func content(_ names: [String]) -> TableContent { TableContent(names: names, parts: []) }

    @Test func `leaves with its nodes`() {
        #expect(content(["Order"]).sweeps.map { $0.prefix(19) } == ["MATCH (n:`Order`) O"])
    }

    @Test func `leaves with its relationships, and with rows that wait for an end`() {
        let sweeps = content(["LIKES", "Person", "Film"]).sweeps
        #expect(sweeps.count == 2 && sweeps[0].hasPrefix("MATCH (:`Person`)-[o:`LIKES`]->(:`Film`) "))
        #expect(sweeps[1].hasPrefix("MATCH (n:`Lockstep__Person__LIKES__Film`) "))
    }

    @Test func `leaves as its own Cypher says, which is remembered with it`() throws {
        var left = RememberedTables.Entry(
            oid: 7, table: QualifiedName(schema: "s", name: "a"), content: content(["LockstepRow__s__a"]))
        left.customSweep = "MATCH (n)\t CALL (row) {\nMATCH (x {y: '\\t\\\\'}) DELETE x\n}"
        let again = try #require(RememberedTables.Entry(text: left.text))
        #expect(
            again == left && again.sweeps.count == 2 && again.sweeps[0].text == left.customSweep
                && again.sweeps[0].statement.custom == .delete)
    }

    @Test func `is remembered whatever its names hold`() {
        var entry = RememberedTables.Entry(
            oid: 7, table: QualifiedName(schema: "s\t", name: "a\\n\n"), content: content(["Or\nder\\"]))
        entry.content.parts = [
            TableContent.Part(.property, "\\t\t", of: [.init(7, column: 3), .init(7, column: 1), .init(9)], mark: "x"),
            TableContent.Part(.relationship, TableContent.Part.relationship("A", "B\n", "C"), of: [], mark: ""),
        ]
        #expect(RememberedTables.Entry(text: entry.text) == entry)
        #expect(RememberedTables.Entry(text: "7\ts\ta") == nil && RememberedTables.Entry(text: "") == nil)
    }
}
