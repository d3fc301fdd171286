// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct `A key that has changed` {
    private static let text = """
          public.people:
            label: Person
            key: {id: id}
            properties: {code: no, name: name}
          public.visits:
            label: Visit
            key: {id: id}
            relationships: [{type: OF, columns: [person_id], references: public.people}]

        """

    private static func table(
        _ name: String, _ oid: OID, _ columns: String, key: [String]? = ["id"], unique: [Catalog.UniqueKey] = [],
        references: [Catalog.ForeignKey] = []
    ) -> Catalog.Table {
        .of("public.\(name)", columns, key: key, unique: unique, references: references).numbered(oid)
    }

    private static func people(_ key: [String]?, unique: [Catalog.UniqueKey] = []) -> Catalog.Table {
        table("people", 10, "id int4!, code text!, name text, tenant int4!", key: key, unique: unique)
    }

    private static func visits(_ columns: [String] = ["person_id"], _ referenced: [String] = ["id"]) -> Catalog.Table {
        table(
            "visits", 20, "id int4, person_id int4, tenant int4!",
            references: columns.isEmpty ? [] : [.of(columns, "public.people", referenced)])
    }

    private static let before = Catalog.of(people(["id"]), visits())

    private func evolve(
        _ policies: String, to catalog: Catalog, from memory: [TableMemory]? = nil, text: String = text
    ) throws -> SchemaEvolution {
        let file = try parsed(head.replacing("tables:", with: "schemaChanges: {\(policies)}\ntables:") + text)
        let before = memory ?? SchemaEvolution(file, memory: [], catalog: Self.before).memory
        return SchemaEvolution(file, memory: before, catalog: catalog)
    }

    private func mapping(_ evolution: SchemaEvolution, _ catalog: Catalog) throws -> GraphMapping {
        try evolution.file.resolve(against: catalog, evolution, memory: evolution.memory, at: nil)
    }

    private let unique = Catalog.UniqueKey(indexName: "people_id", columns: ["id"], isReplicaIdentity: false)

    @Test func `stops where nothing is said of it`() throws {
        let now = Catalog.of(Self.people(["code"]), Self.visits([]))
        for policies in ["", "keyChanged: pause"] {
            let evolution = try evolve(policies, to: now)
            #expect(evolution.changes.isEmpty)
            #expect(throws: MappingError.self) { try mapping(evolution, now) }
        }
    }

    @Test func `takes the place of the file's, whose columns stay as properties`() throws {
        let now = Catalog.of(Self.people(["code"], unique: [unique]), Self.visits())
        let evolution = try evolve("keyChanged: apply", to: now)
        #expect(evolution.changes.map(\.kind) == [.keyChanged])
        #expect(evolution.changes[0].advice == "write key: {code: no} under public.people in the mapping")
        let person = try #require(try mapping(evolution, now).nodes.first)
        #expect(person.key.map(\.property) == ["no"] && person.properties.map(\.property) == ["id", "name"])
        // What refers to it by the old key still does.
        let visit = try #require(try mapping(evolution, now).nodes.last)
        #expect(visit.references.map { $0.target.key.map(\.property) } == [["id"]])
        // It stays so, whatever is said later, until the file says it or its own key is one again.
        let again = try evolve("", to: now, from: evolution.memory)
        #expect(again.changes.isEmpty && again.memory == evolution.memory)
        #expect(try mapping(again, now).nodes[0].key.map(\.property) == ["no"])
        let corrected = Self.text.replacing(
            "key: {id: id}\n    properties: {code: no", with: "key: {code: no}\n    properties: {id: id")
        let written = try evolve("", to: now, from: evolution.memory, text: corrected)
        #expect(written.changes.isEmpty && written.memory[0].key.isEmpty)
        #expect(try mapping(written, now).nodes[0].key.map(\.property) == ["no"])
        #expect(try evolve("", to: Self.before, from: evolution.memory).memory[0].key.isEmpty)
    }

    @Test func `takes foreign keys along that have grown with it`() throws {
        let key = ["tenant", "id"]
        let now = Catalog.of(Self.people(key), Self.visits(["tenant", "person_id"], key))
        let evolution = try evolve("keyChanged: apply", to: now)
        let made = try mapping(evolution, now)
        #expect(made.nodes[0].key.map(\.property) == key)
        let target = try #require(made.nodes[1].references.first?.target)
        #expect(target.key.map(\.column) == ["tenant", "person_id"] && target.key.map(\.property) == key)
        #expect(try mapping(try evolve("", to: now, from: evolution.memory), now).nodes[1].references.count == 1)
        // Of several nobody can say which one is meant.
        var both = Self.visits(["tenant", "person_id"], key)
        both.foreignKeys.append(.of(["id", "person_id"], "public.people", key))
        let unclear = Catalog.of(Self.people(key), both)
        #expect(throws: MappingError.self) { try mapping(evolve("keyChanged: apply", to: unclear), unclear) }
    }

    @Test func `takes the place of both ends of a relationship`() throws {
        let text =
            Self.text + """
                  public.likes:
                    relationship: LIKES
                    from: {columns: [person_id], references: public.people}
                    to: {columns: [visit_id], references: public.visits}

                """
        func likes(_ columns: String, key: [String]) -> Catalog.Table {
            Self.table(
                "likes", 30, columns, key: key,
                references: [
                    .of(["person_id"], "public.people", ["id"]), .of(["visit_id"], "public.visits", ["id"]),
                ])
        }
        let ends = likes("person_id int4!, visit_id int4!", key: ["person_id", "visit_id"])
        let first = Catalog.of(Self.people(["id"]), Self.visits(), ends)
        let memory = try evolve("", to: first, from: [], text: text).memory
        let now = Catalog.of(
            Self.people(["id"]), Self.visits(), likes("person_id int4!, visit_id int4!, id int4!", key: ["id"]))
        #expect(throws: MappingError.self) { try mapping(evolve("", to: now, from: memory, text: text), now) }
        let evolution = try evolve("keyChanged: apply", to: now, from: memory, text: text)
        #expect(evolution.followed(.keyChanged, of: ends.name)?.what == "(person_id, visit_id) is no key any more")
        let made = try mapping(evolution, now)
        #expect(made.joins[0].ownKey.map(\.property) == ["id"])
        #expect(try evolve("", to: now, from: evolution.memory, text: text).changes.isEmpty)
        // And back.
        let back = try evolve("", to: first, from: evolution.memory, text: text)
        #expect(try !mapping(back, first).joins[0].isKeyed)
    }

    @Test func `may lose its column`() throws {
        var people = Self.people(["code"])
        people.columns.removeFirst()
        var visits = Self.visits([])
        visits.columns.remove(at: 1)
        let now = Catalog.of(people, visits)
        let evolution = try evolve("keyChanged: apply, columnDropped: apply", to: now)
        #expect(evolution.changes.map(\.kind) == [.keyChanged, .columnDropped])
        let person = try #require(try mapping(evolution, now).nodes.first)
        #expect(person.key.map(\.property) == ["no"] && person.properties.map(\.property) == ["name"])
        #expect(try evolve("", to: now, from: evolution.memory).changes.isEmpty)
        #expect(try mapping(evolve("", to: now, from: evolution.memory), now).nodes[0].key.map(\.property) == ["no"])
    }

    @Test func `leaves the table aside where it is ignored, until there is one again`() throws {
        let now = Catalog.of(Self.people(["code"]), Self.visits([]))
        let ignored = try evolve("keyChanged: ignore", to: now)
        #expect(ignored.changes.map(\.policy) == [.ignore] && ignored.keyless == [10])
        #expect(ignored.changes[0].action == "what it has made in the graph stays")
        #expect(
            try mapping(ignored, now).nodes.map(\.label) == ["Visit"]
                && mapping(ignored, now).nodes[0].references.isEmpty)
        let still = try evolve("keyChanged: ignore", to: now, from: ignored.memory)
        #expect(still.changes.isEmpty && still.keyless == [10] && still.removed.isEmpty)
        for (policies, catalog) in [("keyChanged: ignore", Self.before), ("keyChanged: apply", now)] {
            let back = try evolve(policies, to: catalog, from: still.memory)
            #expect(back.changes.contains { $0.what == "the table is there again" && $0.needsReading })
            #expect(back.keyless.isEmpty && back.memory.allSatisfy { !$0.isDropped })
        }
    }
}
