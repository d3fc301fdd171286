// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct `A foreign key that goes` {
    private static let text = """
          public.people:
            label: Person
            key: {id: id}
            properties: {code: code}
          public.visits:
            label: Visit
            key: {id: id}
            lookups: [{columns: [person_id], references: public.people, properties: {code: who}}]
            relationships:
              - {type: OF, columns: [person_id], references: public.people}
              - {type: BY, columns: [code], references: public.people}
          public.likes:
            relationship: LIKES
            from: {columns: [person_id], references: public.people}
            to: {columns: [visit_id], references: public.visits}

        """

    private static func table(
        _ name: String, _ oid: OID, _ columns: String, key: [String] = ["id"], unique: [Catalog.UniqueKey] = [],
        references: [Catalog.ForeignKey] = []
    ) -> Catalog.Table {
        .of("public.\(name)", columns, key: key, unique: unique, references: references).numbered(oid)
    }

    private static let ofPerson = Catalog.ForeignKey.of(["person_id"], "public.people", ["id"])
    private static let byCode = Catalog.ForeignKey.of(["code"], "public.people", ["code"])
    private static let ofVisit = Catalog.ForeignKey.of(["visit_id"], "public.visits", ["id"])

    private static func catalog(
        visits: [Catalog.ForeignKey] = [ofPerson, byCode], likes: [Catalog.ForeignKey] = [ofPerson, ofVisit]
    ) -> Catalog {
        let unique = Catalog.UniqueKey(indexName: "people_code", columns: ["code"], isReplicaIdentity: false)
        return Catalog.of(
            table("people", 10, "id int4!, code text!", unique: [unique]),
            table("visits", 20, "id int4!, person_id int4, code text", references: visits),
            table("likes", 30, "person_id int4!, visit_id int4!", key: ["person_id", "visit_id"], references: likes))
    }

    private func evolve(
        to catalog: Catalog, from memory: [TableMemory]? = nil, _ policies: String = "", text: String = text
    ) throws -> SchemaEvolution {
        let file = try parsed(head.replacing("tables:", with: "schemaChanges: {\(policies)}\ntables:") + text)
        let before = memory ?? SchemaEvolution(file, memory: [], catalog: Self.catalog()).memory
        return SchemaEvolution(file, memory: before, catalog: catalog)
    }

    private func mapping(_ evolution: SchemaEvolution, _ catalog: Catalog) throws -> GraphMapping {
        try evolution.file.resolve(against: catalog, evolution, memory: evolution.memory, at: nil)
    }

    @Test func `leaves its relationships to wait, until it is there again or the file says so`() throws {
        let now = Self.catalog(visits: [Self.byCode])
        let evolution = try evolve(to: now)
        let change = try #require(evolution.changes.first)
        #expect(evolution.changes.count == 1 && change.kind == .foreignKeyDropped && change.needsReading)
        #expect(change.what == "no foreign key leads from (person_id) to public.people any more")
        #expect(change.sources == [TableContent.Part.Source(20, column: 2)])
        #expect(
            change.advice == "write enforced: false beside columns: [person_id] under public.visits in the mapping")
        func waits(_ evolution: SchemaEvolution, _ catalog: Catalog) throws -> Bool {
            let node = try #require(try mapping(evolution, catalog).nodes.first { $0.label == "Visit" })
            let waits = try !#require(node.references.first { $0.type == "OF" }).kept.isEmpty
            #expect(node.lookups.map(\.isEnforced) == [!waits])
            return waits
        }
        #expect(try waits(evolution, now))
        // It stays so without another word.
        let again = try evolve(to: now, from: evolution.memory)
        #expect(again.changes.isEmpty && again.memory == evolution.memory)
        #expect(try waits(again, now))
        // The file says it.
        let text = Self.text.replacing(
            "columns: [person_id], references: public.people, p",
            with: "columns: [person_id], enforced: false, references: public.people, p"
        ).replacing(
            "type: OF, columns: [person_id]", with: "type: OF, enforced: false, columns: [person_id]")
        let written = try evolve(to: now, from: again.memory, text: text)
        #expect(written.changes.isEmpty && written.memory[1].foreignKeys.map(\.columns) == [[3]])
        #expect(try waits(written, now))
        // It is there again.
        let back = try evolve(to: Self.catalog(), from: again.memory)
        #expect(
            back.changes.map(\.what) == ["a foreign key leads from (person_id) to public.people again"]
                && back.changes[0].needsReading)
        #expect(try !waits(back, Self.catalog()))
        #expect(try evolve(to: Self.catalog(), from: back.memory).changes.isEmpty)
    }

    @Test func `leaves rows of relationships to wait for their end`() throws {
        let now = Self.catalog(likes: [Self.ofPerson])
        let evolution = try evolve(to: now)
        #expect(evolution.changes.map(\.table.name) == ["likes"])
        #expect(try mapping(evolution, now).joins.map(\.waits) == [true])
    }

    @Test func `may still be there, and hold for some rows only`() throws {
        var constraint = Self.ofPerson
        constraint.coverage = .noRows
        let now = Self.catalog(visits: [constraint, Self.byCode])
        let evolution = try evolve(to: now)
        #expect(evolution.changes.map(\.what) == ["\(constraint.constraintName) is NOT ENFORCED now"])
        #expect(try mapping(evolution, now).nodes.last?.references.first?.kept.isEmpty == false)
    }

    @Test func `is for somebody to decide on where its columns mean something else, or the mapping says so`() throws {
        // Another key than the node's; another table; a relationship that was never guarded.
        var elsewhere = Self.ofPerson
        elsewhere.referencedTable = QualifiedName(schema: "public", name: "likes")
        for visits in [[Self.ofPerson], [elsewhere, Self.byCode]] {
            let now = Self.catalog(visits: visits)
            #expect(throws: MappingError.self) { try mapping(try evolve(to: now), now) }
        }
        let never = try evolve(to: Self.catalog(visits: []), from: [], "")
        #expect(never.changes.isEmpty)
        #expect(throws: MappingError.self) { try mapping(never, Self.catalog(visits: [])) }

        let paused = try evolve(to: Self.catalog(visits: [Self.byCode]), "foreignKeyDropped: pause")
        #expect(paused.pausing.count == 1 && !paused.changes[0].needsReading)
        #expect(throws: MappingError.self) { try parsed(head + "schemaChanges: {foreignKeyDropped: ignore}\n") }
    }
}
