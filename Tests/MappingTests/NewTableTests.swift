// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct `A table beside the mapping` {
    private static let text = """
          public.orders: {label: Order, key: {id: id}}
          public.skipped: {skip: true}

        """

    private static func table(
        _ name: String, _ oid: OID, _ columns: String = "id int4", references: [Catalog.ForeignKey] = []
    ) -> Catalog.Table {
        .of("public.\(name)", columns, key: ["id"], references: references).numbered(oid)
    }

    private static let orders = table("orders", 10)
    private static let tags = table(
        "tags", 31, "id int4, order_id int4, name text", references: [.of(["order_id"], "public.orders", ["id"])])

    private static func catalog(_ tables: Catalog.Table...) -> Catalog {
        .of([orders, table("skipped", 32)] + tables)
    }

    private static func file(_ policies: String, _ text: String = text) throws -> MappingFile {
        try parsed(head.replacing("tables:", with: "schemaChanges: {\(policies)}\ntables:") + text)
    }

    private func evolve(
        _ catalog: Catalog, _ policies: String = "tableAdded: apply", from memory: [TableMemory]? = nil,
        besides known: Set<OID>? = [], without obstacles: [OID: String] = [:], text: String = text
    ) throws -> SchemaEvolution {
        let file = try Self.file(policies, text)
        let before = memory ?? SchemaEvolution(file, memory: [], catalog: Self.catalog()).memory
        return SchemaEvolution(file, memory: before, catalog: catalog, besides: known, without: obstacles)
    }

    private func mapping(_ evolution: SchemaEvolution, _ catalog: Catalog) throws -> GraphMapping {
        try evolution.file.resolve(against: catalog, evolution, memory: evolution.memory, at: nil)
    }

    @Test func `is told of once, if it could become something`() throws {
        var scratch = Self.table("scratch", 33)
        scratch.primaryKey = nil
        let now = Self.catalog(Self.tags, scratch)
        let found = try evolve(now, "")
        #expect(found.changes.map(\.table.name) == ["tags"] && found.changes.map(\.policy) == [.ignore])
        #expect(found.changes[0].advice?.contains("public.tags -> (:Tag) by (id), primary key; with [:ORDER]") == true)
        #expect(found.toldOf == [31])
        let again = try evolve(now, "", besides: found.toldOf)
        #expect(again.changes.isEmpty && again.toldOf == [31])
        // Once it has a key it is new.
        scratch.primaryKey = ["id"]
        #expect(
            try evolve(Self.catalog(Self.tags, scratch), "", besides: [31]).changes.map(\.table.name) == ["scratch"])
        #expect(try evolve(now, "", besides: nil).changes.isEmpty)
        #expect(try evolve(now, "tableAdded: pause").pausing.map(\.table.name) == ["tags"])
    }

    @Test func `becomes what init would make of it, and stays that`() throws {
        let now = Self.catalog(Self.tags)
        let adopted = try evolve(now)
        #expect(adopted.changes.map(\.kind) == [.tableAdded] && adopted.changes.map(\.policy) == [.apply])
        #expect(adopted.added.map(\.name) == ["tags"] && adopted.adopting.map(\.oid) == [31])
        let made = try mapping(adopted, now)
        #expect(made.nodes.map(\.label) == ["Order", "Tag"])
        #expect(
            made.nodes[1].references.map(\.type) == ["ORDER"] && made.nodes[1].properties.map(\.property) == ["name"])
        for policy in ["tableAdded: apply", "tableAdded: ignore"] {
            let again = try evolve(now, policy, from: adopted.memory)
            #expect(again.changes.isEmpty && again.added.isEmpty && again.removed.isEmpty)
            #expect(again.memory == adopted.memory && again.adopting.isEmpty)
            #expect(try mapping(again, now).nodes.map(\.label) == ["Order", "Tag"])
        }
    }

    @Test func `is followed like any other`() throws {
        let memory = try evolve(Self.catalog(Self.tags)).memory
        var renamed = Self.tags
        (renamed.name.name, renamed.columns[2].name) = ("labels", "title")
        let followed = try evolve(Self.catalog(renamed), from: memory)
        #expect(followed.changes.map(\.kind) == [.tableRenamed, .columnRenamed])
        // There is no line in the file that could be corrected.
        #expect(followed.changes.allSatisfy { $0.advice == nil } && followed.oldNames.isEmpty)
        let tag = try #require(try mapping(followed, Self.catalog(renamed)).nodes.last)
        #expect(tag.label == "Tag" && tag.properties.map(\.column) == ["title"])
        #expect(tag.properties.map(\.property) == ["name"])
        #expect(try evolve(Self.catalog(renamed), from: followed.memory).changes.isEmpty)
        // Another table of its first name is another table, which Lockstep could not tell from it.
        let both = Self.catalog(renamed, Self.table("tags", 41))
        let other = try evolve(both, from: followed.memory)
        #expect(other.changes.map(\.policy) == [.ignore] && other.toldOf == [41])
        #expect(other.changes[0].action.contains("Lockstep knows public.labels by this name"))
    }

    @Test func `becomes something else by foreign keys that come later`() throws {
        var bare = Self.tags
        bare.foreignKeys = []
        var link = Catalog.Table.of("public.link", "order_id int4, tag_id int4", key: ["order_id", "tag_id"]).numbered(
            50)
        let first = Self.catalog(bare, link)
        let memory = try evolve(first).memory
        #expect(try mapping(evolve(first, from: memory), first).nodes.map(\.references.count) == [0, 0, 0])
        link.foreignKeys = [.of(["order_id"], "public.orders", ["id"]), .of(["tag_id"], "public.tags", ["id"])]
        let now = Self.catalog(Self.tags, link)
        let evolution = try evolve(now, from: memory)
        #expect(evolution.changes.map(\.what) == ["the table has new foreign keys", "the table has new foreign keys"])
        #expect(evolution.followed(.tableAdded, of: Self.tags.name) != nil && evolution.added.isEmpty)
        let made = try mapping(evolution, now)
        #expect(made.nodes.map(\.references.count) == [0, 1] && made.joins.map(\.table.name) == ["link"])
        #expect(try evolve(now, from: evolution.memory).changes.isEmpty)
        #expect(try evolve(now, "tableAdded: ignore", from: evolution.memory).changes.isEmpty)
        // Not where somebody would lose a name, or get a column that was left out.
        #expect(try evolve(now, "tableAdded: ignore", from: memory).changes.isEmpty)
        var renamed = Self.tags
        renamed.columns[2].name = "title"
        #expect(
            try evolve(Self.catalog(renamed, link), from: memory).changes.map(\.kind) == [.columnRenamed, .tableAdded])
        var wider = Self.tags
        var column = wider.columns[2]
        (column.name, column.number) = ("colour", 4)
        wider.columns.append(column)
        #expect(try evolve(Self.catalog(wider, link), from: memory).changes.map(\.kind) == [.columnAdded, .tableAdded])
    }

    @Test func `goes when it is dropped, and another one of its name is new`() throws {
        let memory = try evolve(Self.catalog(Self.tags)).memory
        #expect(try evolve(Self.catalog(), from: memory).pausing.map(\.advice) == [nil])
        let policies = "tableAdded: apply, tableDropped: apply"
        let gone = try evolve(Self.catalog(), policies, from: memory)
        #expect(gone.changes.map(\.sources) == [[TableContent.Part.Source(31)]])
        #expect(gone.memory.map(\.oid) == [10] && gone.removed.isEmpty)
        let now = Self.catalog(Self.table("tags", 41, "id int4, colour text"))
        let anew = try evolve(now, policies, from: memory)
        #expect(anew.changes.map(\.kind) == [.tableDropped, .tableAdded])
        #expect(anew.added.map(\.name) == ["tags"] && anew.removed.isEmpty)
        #expect(try mapping(anew, now).nodes[1].properties.map(\.property) == ["colour"])
    }

    @Test func `is the file's as soon as that has it, and leaves where it is skipped there`() throws {
        let now = Self.catalog(Self.tags)
        let memory = try evolve(now).memory
        let written = try evolve(now, from: memory, text: Self.text + "  public.tags: {label: Word, key: {id: id}}\n")
        #expect(written.changes.isEmpty && written.added.isEmpty && written.removed.isEmpty)
        #expect(written.memory.allSatisfy { $0.adopted == nil })
        #expect(try mapping(written, now).nodes.map(\.label) == ["Order", "Word"])
        let skipped = try evolve(now, from: memory, text: Self.text + "  public.tags: {skip: true}\n")
        #expect(skipped.removed.map(\.oid) == [31])
    }

    @Test func `may be without its key for a while`() throws {
        let memory = try evolve(Self.catalog(Self.tags)).memory
        var keyless = Self.tags
        keyless.primaryKey = nil
        let policies = "tableAdded: apply, keyChanged: ignore"
        let aside = try evolve(Self.catalog(keyless), policies, from: memory)
        #expect(aside.keyless == [31] && aside.removed.isEmpty && aside.changes.map(\.kind) == [.keyChanged])
        let back = try evolve(Self.catalog(Self.tags), policies, from: aside.memory)
        #expect(back.changes.map(\.what) == ["the table is there again"])
        let later = try evolve(Self.catalog(Self.tags), policies, from: back.memory)
        #expect(later.changes.isEmpty && later.removed.isEmpty)
        #expect(try mapping(later, Self.catalog(Self.tags)).nodes.map(\.label) == ["Order", "Tag"])
    }

    @Test func `refers to nothing that stays out`() throws {
        let old = Self.table("old", 40)
        var tags = Self.tags
        tags.foreignKeys.append(.of(["id"], "public.old", ["id"]))
        let now = Self.catalog(old, tags)
        let adopted = try evolve(now, besides: [40])
        #expect(adopted.toldOf == [40])
        #expect(try mapping(adopted, now).nodes[1].references.map(\.type) == ["ORDER"])
        // Nor to one that cannot come in.
        let refused = try evolve(now, without: [40: "no right"])
        #expect(Set(refused.changes.map(\.policy)) == [.apply, .ignore] && refused.toldOf == [40])
        #expect(refused.changes.contains { $0.action == "it stays out of the graph: no right" })
        #expect(try mapping(refused, now).nodes[1].references.map(\.type) == ["ORDER"])
        // Both together come with what is between them.
        #expect(try mapping(evolve(now), now).nodes.map(\.references.count) == [0, 0, 2])
    }
}
