// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Ends of tables of relationships that no constraint guards, in the file and in `check`.
@Suite struct `Relationships that wait for their ends in the mapping` {
    private static func catalog(_ identity: Catalog.ReplicaIdentity = .default, isLong: Bool = false) -> Catalog {
        var member = Catalog.Table.of(
            "public.member", "person int4, club int4, role text", key: ["person", "club"],
            references: [.of(["person"], "public.person", ["id"])], identity: identity)
        member.columns[2].mayBeToasted = isLong
        return .of(.of("public.person", "id int4", key: ["id"]), .of("public.club", "id int4", key: ["id"]), member)
    }

    private static func file(_ enforced: String) -> String {
        head + """
              public.person: {label: Person, key: {id: id}}
              public.club: {label: Club, key: {id: id}}
              public.member:
                relationship: MEMBER
                from: {columns: [person], references: public.person}
                to: {columns: [club], references: public.club\(enforced)}
                properties: {role: role}

            """
    }

    private func errors(_ text: String, _ catalog: Catalog) -> [String] {
        faults(text, against: catalog).filter { $0.contains("error") }
    }

    @Test func `an end without a constraint wants the word`() throws {
        #expect(
            errors(Self.file(""), Self.catalog()) == [
                "m.yaml:11:20: error: no foreign key leads from public.member (club) to public.club"
            ])
        let mapping = try parsed(Self.file(", enforced: false")).resolve(against: Self.catalog())
        #expect(mapping.joins.map(\.waits) == [true])
        #expect(
            mapping.constraints.suffix(3).map(\.name) == [
                "lockstep_key_Lockstep__Person__MEMBER__Club",
                "lockstep_waiting_Lockstep__Person__MEMBER__Club__lockstepFrom_id",
                "lockstep_waiting_Lockstep__Person__MEMBER__Club__lockstepTo_id",
            ])
    }

    @Test func `rows that wait have to come whole`() throws {
        let text = Self.file(", enforced: false")
        let found = errors(text, Self.catalog(isLong: true))
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("m.yaml:10:22: error: rows of public.member may wait for what they lead to"))
        #expect(errors(text, Self.catalog(.full, isLong: true)) == [])
    }
}
