// Part of Lockstep. See LICENSE.

import Apply
import Mapping
import PostgreSQL
import Testing

@testable import Pipeline

/// What the graph was made by, as it comes back from there, and what it is to be made by after an edit, or where the database
/// has changed.
private struct Case {
    static let tables = """
        tables:
          public.customers:
            labels: [Customer, Party]
            key: {id: id}
            properties: {name: name, note: note}
            constants: {source: shop}
          public.orders:
            label: Order
            key: {id: id}
            properties: {total: total}
            relationships: [{type: BY, columns: [customer], references: public.customers}]
          public.likes:
            relationship: LIKES
            from: {columns: [a], references: public.customers}
            to: {columns: [b], references: public.orders}
            properties: {weight: weight}

        """

    static func catalog(_ change: (inout [Catalog.Table]) -> Void = { _ in }) -> Catalog {
        func table(
            _ oid: OID, _ name: String, _ columns: [String], key: Int = 1, _ references: [String: String] = [:]
        ) -> Catalog.Table {
            let list = columns.enumerated().map { index, name in
                let isText = name == "name" || name == "note"
                var column = Catalog.Column(
                    name: name, type: isText ? 25 : 23, formattedType: isText ? "text" : "integer",
                    isNotNull: index < key)
                column.number = Int16(index + 1)
                return column
            }
            return Catalog.Table(
                oid: oid, name: QualifiedName(schema: "public", name: name), columns: list,
                primaryKey: Array(columns.prefix(key)),
                foreignKeys: references.map { column, table in
                    Catalog.ForeignKey(
                        constraintName: column, columns: [column],
                        referencedTable: QualifiedName(schema: "public", name: table), referencedColumns: ["id"])
                })
        }
        var tables = [
            table(1, "customers", ["id", "name", "note"]),
            table(2, "orders", ["id", "customer", "total"], ["customer": "customers"]),
            table(3, "likes", ["a", "b", "weight"], key: 2, ["a": "customers", "b": "orders"]),
        ]
        change(&tables)
        let types: [(OID, String)] = [(23, "int4"), (25, "text")]
        return Catalog(
            serverVersion: 150_000, database: "shop", tables: tables,
            types: Dictionary(
                uniqueKeysWithValues: types.map {
                    ($0.0, Catalog.DataType(oid: $0.0, schema: "pg_catalog", name: $0.1, kind: .base))
                }))
    }

    static func file(_ tables: String, _ policies: String = "") throws -> MappingFile {
        let text = """
            version: 1
            pipeline: shop
            source: {url: "postgresql://h/shop"}
            graph: {url: "bolt://h"}
            schemaChanges: {\(policies)}

            """
        return try MappingFile.parse(Array((text + tables).utf8), file: "shop.yaml") { _ in nil }
    }

    var before: RememberedTables
    var now: RememberedTables
    var evolution: SchemaEvolution
    var plan: Plan

    init(
        _ tables: String, _ edited: String, _ policies: String, in catalog: Catalog,
        made: (RememberedTables) -> RememberedTables = { $0 }
    ) throws {
        let original = Self.catalog()
        let then = try Self.file(tables)
        let plan = Plan(mapping: try then.resolve(against: original), file: then, catalog: original)
        let memory = SchemaEvolution(then, memory: [], catalog: original).memory
        let remembered = made(RememberedTables(plan))
        let texts = remembered.entries.map(\.text)
        before = RememberedTables(entries: texts.compactMap(RememberedTables.Entry.init(text:)))
        try #require(before.entries == remembered.entries)
        evolution = SchemaEvolution(try Self.file(edited, policies), memory: memory, catalog: catalog)
        self.plan = Plan(
            mapping: try evolution.file.resolve(against: catalog), file: evolution.file, catalog: catalog)
        now = RememberedTables(self.plan)
    }

    var edits: [MappingEdit] { MappingEdit.all(from: before, to: now, evolution, plan) }

    /// What leaves the graph with what has happened in the database.
    var sweeps: [String] { evolution.changes.flatMap { before.sweeps(for: $0, now: now) }.map(\.text) }
}

struct `An edited entry of the mapping` {
    /// What has to be done after an edit, or where the database has changed, too.
    private func edits(
        _ words: String = "", _ others: String = "", policies: String = "", in now: Catalog = Case.catalog()
    ) throws -> [MappingEdit] {
        let edited = words.isEmpty ? Case.tables : Case.tables.replacing(words, with: others)
        try #require(words.isEmpty || edited != Case.tables)
        return try Case(Case.tables, edited, policies, in: now).edits
    }

    @Test func `is none where nothing else comes of it`() throws {
        #expect(try edits().isEmpty)
        #expect(try edits("name: name, note: note", "note: note, name: name").isEmpty)
    }

    @Test(arguments: [
        ("total: total", "total: sum", ["MATCH (n:`Order`) WHERE n.`total` IS NOT NULL"], true),
        (", note: note", "", ["MATCH (n:`Customer`) WHERE n.`note` IS NOT NULL"], false),
        ("source: shop", "source: other", [], true),
        ("source: shop", "origin: shop", ["MATCH (n:`Customer`) WHERE n.`source` IS NOT NULL"], true),
        ("[Customer, Party]", "[Customer, Body]", ["MATCH (n:`Customer`:`Party`) WITH"], true),
        ("type: BY", "type: FOR", ["MATCH (:`Order`)-[o:`BY`]->(:`Customer`) WITH"], true),
        (
            "public.customers}]", "public.customers, reversed: true}]",
            ["MATCH (:`Order`)-[o:`BY`]->(:`Customer`) WITH"], true
        ),
        ("total: total}", "total: total}\n    where: id > 3", [], true),
        (
            "weight: weight", "weight: heft",
            [
                "MATCH (:`Customer`)-[o:`LIKES`]->(:`Order`) WHERE o.`weight`",
                "MATCH (n:`Lockstep__Customer__LIKES__Order`) WHERE n.`weight`",
            ], true
        ),
    ])
    func `takes away what it names no more, and is read where it names more`(
        words: String, others: String, sweeps: [String], isRead: Bool
    ) throws {
        let found = try #require(try edits(words, others).first { !$0.sweeps.isEmpty || sweeps.isEmpty })
        #expect(found.sweeps.count == sweeps.count)
        for (made, wanted) in zip(found.sweeps, sweeps) { #expect(made.text.hasPrefix(wanted)) }
        #expect(found.change.needsReading == isRead && !found.isMoved)
        #expect(found.change.action.contains("it is read while the stream goes on") == isRead)
    }

    @Test func `makes its rows anew where they are known by something else, with all that refers to them`() throws {
        let found = try edits("[Customer, Party]", "[Client, Party]")
        #expect(found.map(\.table.name) == ["customers", "likes", "orders"])
        #expect(found.map(\.isMoved) == [true, true, false])
        #expect(found[0].sweeps.map { $0.text.prefix(22) } == ["MATCH (n:`Customer`) O"])
        #expect(found.map(\.change.needsReading) == [true, true, true])
        #expect(
            try edits("label: Order\n    key: {id: id}", "label: Order\n    key: {id: no}").first {
                $0.table.name == "orders"
            }?.isMoved == true)
    }

    @Test func `is only told of, or waits, where the file says so`() throws {
        let ignored = try edits("total: total", "total: sum", policies: "mappingEdited: ignore")
        #expect(
            ignored.map(\.sweeps.count) == [0] && ignored[0].change.action.contains("`lockstep resync public.orders`")
        )
        #expect(
            try edits("label: Order", "label: Sale", policies: "mappingEdited: ignore")[1].change.action.contains(
                "--resnapshot"))
        #expect(
            try edits("total: total", "total: sum", policies: "mappingEdited: pause").map(\.change.needsReading) == [
                false
            ])
        // Another label is all that differs.
        let relabelled = try edits("[Customer, Party]", "[Buyer, Party]", policies: "mappingEdited: pause")
        #expect(relabelled.count == 3 && relabelled.allSatisfy { $0.change.kind == .mappingEdited })
        #expect(relabelled.allSatisfy { $0.change.policy == .pause && $0.sweeps.isEmpty })
    }

    @Test func `is told from what has happened to the table`() throws {
        let dropped = Case.catalog { $0[0].columns.remove(at: 2) }
        for policy in ["apply", "ignore"] {
            #expect(try edits(policies: "columnDropped: \(policy)", in: dropped).isEmpty)
        }
        // Taken out of the file before anybody looked: there is nothing to read for that.
        let both = try edits(", note: note", "", in: dropped)
        #expect(both.map(\.sweeps.count) == [1] && both.map(\.change.needsReading) == [false])
        let more = Case.catalog { tables in
            var column = Catalog.Column(name: "phone", type: 25, formattedType: "text", isNotNull: false)
            column.number = 4
            tables[0].columns.append(column)
        }
        #expect(try edits(policies: "columnAdded: apply", in: more).isEmpty)
        #expect(
            try edits("note: note", "note: note, phone: phone", policies: "columnAdded: apply", in: more).map(
                \.change.needsReading) == [true])
        let retyped = Case.catalog {
            $0[1].columns[2] = $0[0].columns[2]; $0[1].columns[2].name = "total"
        }
        for policy in ["apply", "ignore"] {
            #expect(try edits(policies: "columnRetyped: \(policy)", in: retyped).isEmpty)
        }
        let renamed = Case.catalog { $0[1].columns[2].name = "amount" }
        #expect(try edits(in: renamed).isEmpty && edits("total: total", "amount: total", in: renamed).isEmpty)
        #expect(try edits("total: total", "total: sum", in: renamed).map(\.sweeps.count) == [1])
    }

    @Test func `can be taken back while it is followed, and has to be followed back`() throws {
        func again(_ words: String, _ others: String) throws -> (forth: [MappingEdit], back: [MappingEdit]) {
            let edited = Case.tables.replacing(words, with: others)
            let edit = try Case(Case.tables, edited, "", in: Case.catalog())
            func begun(_ before: RememberedTables) -> RememberedTables {
                before.unsettled(by: edit.edits, until: edit.now, without: edit.evolution.removed.map(\.oid))
            }
            let forth = try Case(Case.tables, edited, "", in: Case.catalog(), made: begun)
            #expect(forth.edits.map(\.isMoved) == edit.edits.map(\.isMoved))
            let back = try Case(Case.tables, Case.tables, "", in: Case.catalog(), made: begun)
            return (forth.edits, back.edits)
        }
        let renamed = try again("weight: weight", "weight: heft")
        #expect(renamed.forth.map(\.sweeps.count) == [2] && renamed.forth.map(\.change.needsReading) == [true])
        #expect(renamed.back.map(\.sweeps.count) == [2] && renamed.back.map(\.change.needsReading) == [true])
        #expect(renamed.back[0].sweeps[0].text.contains("o.`heft` = null"))
        let less = try again(", note: note", "")
        #expect(less.forth.map(\.change.needsReading) == [false] && less.back.map(\.change.needsReading) == [true])
        let filtered = try again("total: total}", "total: total}\n    where: id > 3")
        #expect(filtered.back.filter(\.change.needsReading).map(\.table.name) == ["orders"])
        let moved = try again("[Customer, Party]", "[Client, Party]")
        #expect(moved.back.map(\.isMoved) == [true, true, false])
        let removed = try again(
            String(Case.tables[try #require(Case.tables.firstRange(of: "  public.likes:")).lowerBound...]), "")
        #expect(removed.forth.isEmpty && removed.back.map(\.isMoved) == [true])
        #expect(removed.back.map(\.table.name) == ["likes"])
    }

    @Test func `has equal rows counted anew`() throws {
        let counted = Case.tables.replacing(
            "label: Order\n    key: {id: id}", with: "label: Order\n    distinct: {digest: d, count: c}"
        ).replacing(/\n    relationships: [^\n]*/, with: "").replacing(/\n  public.likes:(.|\n)*/, with: "\n")
        let full = Case.catalog { $0[1].replicaIdentity = .full }
        let then = try Case.file(counted)
        let plan = Plan(mapping: try then.resolve(against: full), file: then, catalog: full)
        let memory = SchemaEvolution(then, memory: [], catalog: full).memory
        for (policy, action) in [
            ("apply", "it is read while the stream goes on"), ("ignore", "`lockstep resync public.orders` writes"),
        ] {
            let evolution = SchemaEvolution(
                try Case.file(counted.replacing("total: total", with: "total: sum"), "mappingEdited: \(policy)"),
                memory: memory, catalog: full)
            let next = Plan(mapping: try evolution.file.resolve(against: full), file: evolution.file, catalog: full)
            let edit = try #require(
                MappingEdit.all(from: RememberedTables(plan), to: RememberedTables(next), evolution, next).first)
            #expect(edit.change.action.contains(action) && !edit.isMoved)
            #expect(edit.change.needsReading == (policy == "apply"))
        }
    }
}

struct `What a table has made` {
    private static let tables = Case.tables
        .replacing("[Customer, Party]", with: "[Customer, {column: note, label: Noted}]")
        .replacing("constants: {source: shop}", with: "derived: {both: \"${note}/${id}\"}")
        .replacing(
            "properties: {total: total}",
            with: """
                properties: {total: total}
                    lookups:
                    - {columns: [customer], references: public.customers, properties: {note: remark}, labels: [{column: note, label: Said}]}
                """)

    /// The statements that take it away, up to the property, label or relationship.
    private func leaving(_ kind: SchemaChangeKind, in now: Catalog) throws -> Set<String> {
        let ignored = try Case(Self.tables, Self.tables, "\(kind): ignore", in: now)
        #expect(ignored.sweeps.isEmpty && ignored.edits.isEmpty)
        let applied = try Case(Self.tables, Self.tables, "\(kind): apply", in: now)
        #expect(applied.edits.isEmpty)
        let end = #/ IS NOT NULL| WITH| OPTIONAL/#
        return Set(applied.sweeps.compactMap { $0.split(separator: end).first.map(String.init) })
    }

    @Test func `of a column leaves with it, by policy, wherever it is`() throws {
        #expect(
            try leaving(.columnDropped, in: Case.catalog { $0[0].columns.remove(at: 2) }) == [
                "MATCH (n:`Customer`:`Noted`)", "MATCH (n:`Customer`) WHERE n.`note`",
                "MATCH (n:`Customer`) WHERE n.`both`", "MATCH (n:`Order`) WHERE n.`remark`", "MATCH (n:`Order`:`Said`)",
                "MATCH (n:`Order`) WHERE n.`_lockstep_customer`",
            ])
        let unreferred = Case.catalog {
            $0[1].columns.remove(at: 1)
            $0[1].foreignKeys = []
        }
        #expect(
            try leaving(.columnDropped, in: unreferred) == [
                "MATCH (:`Order`)-[o:`BY`]->(:`Customer`)", "MATCH (n:`Order`) WHERE n.`remark`",
                "MATCH (n:`Order`:`Said`)",
                "MATCH (n:`Order`) WHERE n.`_lockstep_customer`",
            ])
        #expect(
            try leaving(.columnDropped, in: Case.catalog { $0[2].columns.remove(at: 2) }) == [
                "MATCH (:`Customer`)-[o:`LIKES`]->(:`Order`) WHERE o.`weight`",
                "MATCH (n:`Lockstep__Customer__LIKES__Order`) WHERE n.`weight`",
            ])
    }

    @Test func `leaves with the table, and what others have of it`() throws {
        let gone = Case.catalog { tables in
            tables.remove(at: 0)
            for index in tables.indices {
                tables[index].foreignKeys.removeAll { $0.referencedTable.name == "customers" }
            }
        }
        #expect(
            try leaving(.tableDropped, in: gone) == [
                "MATCH (n:`Customer`)", "MATCH (:`Order`)-[o:`BY`]->(:`Customer`)",
                "MATCH (n:`Order`) WHERE n.`remark`", "MATCH (n:`Order`:`Said`)",
                "MATCH (n:`Order`) WHERE n.`_lockstep_customer`",
            ])
    }
}
