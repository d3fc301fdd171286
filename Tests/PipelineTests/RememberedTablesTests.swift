// Part of Lockstep. See LICENSE.

import Mapping
import PostgreSQL
import Testing

@testable import Apply
@testable import Pipeline

struct `A table that the mapping has lost` {
    private func entry(_ names: [String]) -> RememberedTables.Entry {
        RememberedTables.Entry(
            oid: 7, table: QualifiedName(schema: "s", name: "a"), fingerprint: "f", names: names)
    }

    @Test func `leaves with its nodes`() {
        #expect(entry(["Order"]).sweeps.map { $0.text.prefix(19) } == ["MATCH (n:`Order`) W"])
    }

    @Test func `leaves with its relationships, and with rows that wait for an end`() {
        let sweeps = entry(["LIKES", "Person", "Film"]).sweeps
        #expect(sweeps.count == 2 && sweeps[0].text.hasPrefix("MATCH (:`Person`)-[o:`LIKES`]->(:`Film`) "))
        #expect(sweeps[1].text.hasPrefix("MATCH (n:`Lockstep__Person__LIKES__Film`) "))
    }

    @Test func `leaves as its own Cypher says, which is remembered with it`() throws {
        var left = entry(["LockstepRow__s__a"])
        left.customSweep = "MATCH (n)\t CALL (row) {\nMATCH (x {y: '\\t\\\\'}) DELETE x\n}"
        let again = try #require(RememberedTables.Entry(text: left.text))
        #expect(again.sweeps.map(\.text) == [left.customSweep] && again.sweeps[0].custom == .delete)
        #expect(again.names == left.names && again.table == left.table && again.fingerprint == left.fingerprint)
        for names in [["Order"], ["LIKES", "Person", "Film"]] {
            let usual = try #require(RememberedTables.Entry(text: entry(names).text))
            #expect(usual.names == names && usual.customSweep == nil)
        }
    }
}
