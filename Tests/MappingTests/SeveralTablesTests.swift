// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Columns that name rows of one table or another, as a third column says.
@Suite struct `A reference to one of several tables` {
    private static let catalog = Catalog.of(
        .of("public.posts", "id int4", key: ["id"]), .of("public.photos", "id int4", key: ["id"]),
        .of("public.comments", "id int4, owner_type text, owner_id int4", key: ["id"]))

    private static func file(_ references: String) -> String {
        head + """
              public.posts: {label: Post, key: {id: id}}
              public.photos: {label: Photo, key: {id: id}}
              public.comments:
                label: Comment
                key: {id: id}
                relationships: [{type: ON, columns: [owner_id], references: \(references)}]

            """
    }

    private func errors(_ references: String) -> [String] {
        faults(Self.file(references), against: Self.catalog).filter { $0.contains("error") }
    }

    @Test func `is a relationship to each, kept while the column says so`() throws {
        let text = Self.file(
            "{column: owner_type, values: {Post: public.posts, Photo: public.photos, OldPost: public.posts}}")
        let mapping = try parsed(text).resolve(against: Self.catalog)
        let comment = mapping.nodes[2]
        #expect(comment.references.map(\.target.label) == ["Post", "Photo"])
        #expect(comment.references.map { $0.condition?.values } == [["Post", "OldPost"], ["Photo"]])
        #expect(
            comment.references.map(\.kept) == [["_lockstep_owner_id_ON_Post"], ["_lockstep_owner_id_ON_Photo"]])
        #expect(Set(comment.columns.map(\.column)) == ["id", "owner_id", "owner_type"])
    }

    @Test func `is refused where it cannot be`() {
        #expect(
            errors("{column: kind, values: {Post: public.posts}}") == [
                "m.yaml:11:74: error: table public.comments has no column kind"
            ])
        #expect(
            errors("{column: owner_type, values: {Post: public.nothing}}").map { $0.suffix(41) } == [
                "database sample has no table public.nothing".suffix(41)
            ])
        #expect(errors("{values: {Post: public.posts}}").count == 1)
        #expect(errors("{column: owner_type, values: {}}").count == 1)
    }

    @Test func `is hinted at by init`() throws {
        let proposed = try #require(
            Proposal(for: Self.catalog).tables.first { $0.entry.table.value.name == "comments" })
        #expect(
            proposed.propertyReasons.contains {
                $0.contains("relationships: [{type: OWNER, columns: [owner_id], references: {column: owner_type, ")
            })
    }
}
