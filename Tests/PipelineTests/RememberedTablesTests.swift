// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Pipeline

struct `A table that the mapping has lost` {
    private func entry(_ names: [String]) -> RememberedTables.Entry {
        RememberedTables.Entry(
            oid: 7, table: QualifiedName(schema: "s", name: "a"), fingerprint: "f", names: names)
    }

    @Test func `leaves with its nodes`() {
        #expect(entry(["Order"]).sweeps.map { $0.prefix(19) } == ["MATCH (n:`Order`) W"])
    }

    @Test func `leaves with its relationships, and with rows that wait for an end`() {
        let sweeps = entry(["LIKES", "Person", "Film"]).sweeps
        #expect(sweeps.count == 2 && sweeps[0].hasPrefix("MATCH (:`Person`)-[o:`LIKES`]->(:`Film`) "))
        #expect(sweeps[1].hasPrefix("MATCH (n:`Lockstep__Person__LIKES__Film`) "))
    }
}
