// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct SchemaEvolutionTests {
    private static let text = """
          public.orders: {label: Order, key: {id: id}, properties: {note: note, total: total}}
          public.lines:
            label: Line
            key: {id: id}
            relationships: [{type: OF, columns: [order_id], references: public.orders}]

        """

    private static func table(
        _ name: String, _ oid: OID, _ columns: [(Int16, String, OID)], references: [Catalog.ForeignKey] = []
    ) -> Catalog.Table {
        let list = columns.map { number, name, type in
            var column = Catalog.Column(name: name, type: type, formattedType: "type \(type)", isNotNull: number == 1)
            column.number = number
            return column
        }
        return Catalog.Table(
            oid: oid, name: QualifiedName(schema: "public", name: name), columns: list, primaryKey: [columns[0].1],
            foreignKeys: references)
    }

    private static func catalog(
        orders: String? = "orders",
        _ columns: [(Int16, String, OID)] = [(1, "id", 23), (2, "note", 25), (3, "total", 23)]
    ) -> Catalog {
        let lines = table(
            "lines", 20, [(1, "id", 23), (2, "order_id", 23)],
            references: orders.map { [.of(["order_id"], "public.\($0)", [columns[0].1])] } ?? [])
        return .of([lines] + (orders.map { [table($0, 10, columns)] } ?? []))
    }

    private func evolve(_ policies: String, to catalog: Catalog, from memory: [TableMemory]? = nil) throws
        -> SchemaEvolution
    {
        let file = try parsed(head.replacing("tables:", with: "schemaChanges: {\(policies)}\ntables:") + Self.text)
        let before = memory ?? SchemaEvolution(file, memory: [], catalog: Self.catalog()).memory
        return SchemaEvolution(file, memory: before, catalog: catalog)
    }

    private func mapping(_ evolution: SchemaEvolution, _ catalog: Catalog) throws -> GraphMapping {
        try evolution.file.resolve(against: catalog, evolution, memory: evolution.memory, at: nil)
    }

    @Test func `nothing has happened to a database that is as it was`() throws {
        let evolution = try evolve("", to: Self.catalog())
        #expect(evolution.changes.isEmpty)
        #expect(try mapping(evolution, Self.catalog()).nodes.count == 2)
    }

    @Test func `tables that the file has since lately, or lost, are told from those that have another name`() throws {
        let lines = try evolve("", to: Self.catalog()).memory.filter { $0.name.name == "lines" }
        let evolution = try evolve("", to: Self.catalog(), from: lines)
        #expect(evolution.added.map(\.name) == ["orders"] && evolution.removed.isEmpty)
        #expect(try evolve("", to: Self.catalog(), from: []).added.isEmpty)
        var other = lines[0]
        (other.fileName, other.name, other.oid) = (
            QualifiedName(schema: "public", name: "old"), QualifiedName(schema: "public", name: "old"), 77
        )
        #expect(try evolve("", to: Self.catalog(), from: lines + [other]).removed.map(\.oid) == [77])
        // Somebody has corrected the name in the file.
        other.oid = 10
        let corrected = try evolve("", to: Self.catalog(), from: lines + [other])
        #expect(corrected.added.isEmpty && corrected.removed.isEmpty)
    }

    @Test func `a renamed column keeps its property, and is told of once`() throws {
        let now = Self.catalog([(1, "no", 23), (2, "remark", 25), (3, "total", 23)])
        let evolution = try evolve("", to: now)
        #expect(evolution.changes.map(\.kind) == [.columnRenamed, .columnRenamed])
        let order = try #require(try mapping(evolution, now).nodes.first)
        #expect(order.key.map(\.column) == ["no"] && order.key.map(\.property) == ["id"])
        #expect(order.properties.map(\.column) == ["remark", "total"])
        #expect(order.properties.map(\.property) == ["note", "total"])
        let again = try evolve("", to: now, from: evolution.memory)
        #expect(again.changes.isEmpty && again.memory == evolution.memory)
        let later = Self.catalog([(1, "no", 23), (2, "third", 25), (3, "total", 23)])
        #expect(
            try evolve("", to: later, from: again.memory).changes.map(\.what) == ["column remark is called third now"])
    }

    @Test func `a dropped column leaves the mapping, and the graph by policy`() throws {
        let now = Self.catalog([(1, "id", 23), (3, "total", 23)])
        let applied = try evolve("columnDropped: apply", to: now)
        #expect(applied.changes.map(\.sources) == [[TableContent.Part.Source(10, column: 2)]])
        #expect(try mapping(applied, now).nodes[0].properties.map(\.column) == ["total"])
        #expect(try evolve("columnDropped: apply", to: now, from: applied.memory).changes.isEmpty)
        #expect(try evolve("", to: now).pausing.map(\.what) == ["column note is gone"])
        let ignored = try evolve("columnDropped: ignore", to: now)
        #expect(ignored.changes.map(\.policy) == [.ignore] && ignored.pausing.isEmpty)
    }

    private static let rules = """
          public.orders:
            labels: [Order, {column: total, values: {1: One}}, {column: note, label: Noted}]
            where: id > 3 AND (id) <> 7
            softDelete: {column: total, equals: 9}
            key: {id: id}
            properties: {note: note}
            derived: {both: "${note}/${id}", sum: "${total:-none}"}
          public.lines: {label: Line, key: {id: id}}

        """

    private func ruled(_ policies: String, to catalog: Catalog) throws -> SchemaEvolution {
        let file = try parsed(head.replacing("tables:", with: "schemaChanges: {\(policies)}\ntables:") + Self.rules)
        let before = SchemaEvolution(file, memory: [], catalog: Self.catalog()).memory
        return SchemaEvolution(file, memory: before, catalog: catalog)
    }

    @Test func `rules on rows follow a renamed column, and the lines that still say its old name are told`() throws {
        let now = Self.catalog([(1, "no", 23), (2, "remark", 25), (3, "amount", 23)])
        let evolution = try ruled("", to: now)
        let order = try #require(try mapping(evolution, now).nodes.first)
        #expect(order.rows.filter == #""no" > 3 AND ("no") <> 7"#)
        #expect(order.rows.softDelete?.column == "amount")
        #expect(order.conditionalLabels.map(\.test.column) == ["amount", "remark"])
        #expect(order.extra.derived.map { $0.columns.map(\.column) } == [["remark", "no"], ["amount"]])
        let fingerprints = try [Self.catalog(), now].map { catalog in
            let evolution = try ruled("", to: catalog)
            return Plan(mapping: try mapping(evolution, catalog), file: evolution.file, catalog: catalog)
                .content(of: QualifiedName(schema: "public", name: "orders"))
        }
        #expect(fingerprints[0] == fingerprints[1])
        #expect(
            evolution.oldNames.map(\.advice) == [
                "write no in place of id under public.orders in the mapping (m.yaml, lines 9, 11 and 13)",
                "write remark in place of note under public.orders in the mapping (m.yaml, lines 8, 12 and 13)",
                "write amount in place of total under public.orders in the mapping (m.yaml, lines 8, 10 and 13)",
            ])
        #expect(evolution.changes.compactMap(\.advice) == evolution.oldNames.map(\.advice))
        #expect(try ruled("", to: Self.catalog()).oldNames.isEmpty)
    }

    @Test func `labels and derived properties leave with their column, and what says whether rows count is asked for`()
        throws
    {
        let noted = Self.catalog([(1, "id", 23), (3, "total", 23)])
        let evolution = try ruled("columnDropped: apply", to: noted)
        let order = try #require(try mapping(evolution, noted).nodes.first)
        #expect(order.conditionalLabels.map(\.label) == ["One"] && order.extra.derived.map(\.property) == ["sum"])
        let uncounted = Self.catalog([(1, "id", 23), (2, "note", 25)])
        let asked = try ruled("columnDropped: apply", to: uncounted)
        #expect(throws: MappingError.self) { _ = try mapping(asked, uncounted) }
    }

    @Test func `a rule holds for no row of a version that lacks its column`() throws {
        let evolution = try ruled("", to: Self.catalog())
        let order = try #require(try mapping(evolution, Self.catalog()).nodes.first)
        func version(_ columns: [(String, OID)]) -> Relation {
            Relation(
                oid: 10, name: order.table, replicaIdentity: .default,
                columns: columns.map { Relation.Column(name: $0.0, type: $0.1) })
        }
        let before = order.carried(by: version([("id", 23), ("note", 25)]), retyped: [])
        #expect(before.rows.softDelete == nil && before.conditionalLabels.map(\.label) == ["Noted"])
        #expect(before.extra.derived.map(\.property) == ["both"])
        let narrow = order.carried(by: version([("id", 23), ("note", 25), ("total", 21)]), retyped: ["total"])
        #expect(narrow.rows.softDelete?.conversion.source == .int2)
        #expect(narrow.conditionalLabels.first?.test.conversion.source == .int2)
    }

    @Test func `a name that is another column by now has to be read`() throws {
        let now = Self.catalog([(1, "id", 23), (3, "total", 23), (4, "note", 25)])
        let evolution = try evolve("columnDropped: apply, columnAdded: apply", to: now)
        #expect(evolution.changes.map(\.what) == ["column note is another one of that name"])
        #expect(evolution.changes.map(\.needsReading) == [true])
    }

    @Test func `names that two columns exchanged mean the other column`() throws {
        let now = Self.catalog([(1, "id", 23), (2, "total", 25), (3, "note", 23)])
        let evolution = try evolve("", to: now)
        #expect(
            evolution.changes.map(\.what) == [
                "column note is another one of that name", "column total is another one of that name",
            ])
        #expect(evolution.changes.map(\.needsReading) == [true, true])
        #expect(try evolve("", to: now, from: evolution.memory).changes.isEmpty)
    }

    @Test func `a file whose names are corrected means the same`() throws {
        let now = Self.catalog([(1, "id", 23), (2, "remark", 25), (3, "total", 23)])
        let memory = try evolve("", to: now).memory
        let file = try parsed(head + Self.text.replacing("note: note", with: "remark: note"))
        #expect(SchemaEvolution(file, memory: memory, catalog: now).changes.isEmpty)
    }

    @Test(arguments: [(OID(23), OID(20), false), (1043, 25, false), (25, 23, true), (20, 1700, true), (701, 700, true)])
    func `only another type with other values has to be read`(old: OID, new: OID, isRead: Bool) throws {
        let file = try parsed(head + Self.text)
        let columns: (OID) -> [(Int16, String, OID)] = { [(1, "id", 23), (2, "note", 25), (3, "total", $0)] }
        let memory = SchemaEvolution(file, memory: [], catalog: Self.catalog(columns(old))).memory
        let changes = SchemaEvolution(file, memory: memory, catalog: Self.catalog(columns(new))).changes
        #expect(changes.map(\.kind) == [.columnRetyped] && changes.map(\.needsReading) == [isRead])
    }

    @Test func `a new column is adopted where the file says so, and stays so`() throws {
        let now = Self.catalog([(1, "id", 23), (2, "note", 25), (3, "total", 23), (4, "due_on", 1082)])
        let ignored = try evolve("", to: now)
        #expect(ignored.file.tables == SchemaEvolution(ignored.file, memory: [], catalog: Self.catalog()).file.tables)
        let adopted = try evolve("columnAdded: apply", to: now)
        #expect(adopted.changes.map(\.action) == ["it becomes the property dueOn"])
        let later = try evolve("", to: now, from: adopted.memory)
        #expect(later.changes.isEmpty)
        #expect(try mapping(later, now).nodes[0].properties.map(\.property) == ["note", "total", "dueOn"])
        let gone = try evolve("columnDropped: apply", to: Self.catalog(), from: adopted.memory)
        #expect(gone.changes.map(\.what) == ["column due_on is gone"] && gone.changes[0].advice == nil)
        #expect(gone.changes[0].sources == [TableContent.Part.Source(10, column: 4)])
        #expect(try evolve("", to: Self.catalog(), from: gone.memory).changes.isEmpty)
    }

    @Test func `a renamed table keeps its label, and what refers to it`() throws {
        let now = Self.catalog(orders: "purchases")
        let evolution = try evolve("", to: now)
        #expect(evolution.changes.map(\.what) == ["the table is called public.purchases now"])
        let mapping = try mapping(evolution, now)
        #expect(mapping.nodes.map(\.labels) == [["Order"], ["Line"]])
        #expect(mapping.nodes[0].table.name == "purchases" && mapping.nodes[1].references.count == 1)
    }

    @Test func `a dropped table goes, with the relationships to it`() throws {
        let now = Self.catalog(orders: nil)
        let evolution = try evolve("tableDropped: apply", to: now)
        #expect(evolution.changes.map(\.sources) == [[TableContent.Part.Source(10)]])
        let mapping = try mapping(evolution, now)
        #expect(mapping.nodes.map(\.labels) == [["Line"]] && mapping.nodes[0].references.isEmpty)
    }

    @Test func `a policy that is none is a fault of the file`() {
        let text = head.replacing("tables:", with: "schemaChanges: {columnDropped: aply, nothing: apply}\ntables:")
        let found = faults(text + Self.text)
        #expect(found.count == 2 && found.contains { $0.contains("columnDropped is apply, pause or ignore") })
    }

    // MARK: Versions of a relation

    private func aligned(_ columns: [(String, OID)], to now: [(Int16, String, OID)]) throws -> [String] {
        let evolution = try evolve("columnDropped: ignore", to: Self.catalog(now))
        let file = evolution.file
        let before = SchemaEvolution(file, memory: [], catalog: Self.catalog()).memory
        let mapping = try evolution.file.resolve(against: Self.catalog(now), evolution, memory: before, at: nil)
        let relation = Relation(
            oid: 10, name: QualifiedName(schema: "public", name: "orders"), replicaIdentity: .default,
            columns: columns.map { Relation.Column(name: $0.0, type: $0.1) })
        guard case .other(let other, _) = mapping.standing(of: relation) else { return ["as expected"] }
        return other.columns.map(\.name)
    }

    @Test func `equal rows are told apart as before where their columns are, and print, the same`() throws {
        let now: [(Int16, String, OID)] = [(1, "id", 23), (2, "third", 25), (4, "total", 20)]
        let catalog = Self.catalog(now)
        let file = try parsed(
            head + "  public.orders: {label: Order, key: {id: id}, properties: {third: third, total: total}}\n")
        let mapping = try file.resolve(
            against: catalog, SchemaEvolution(file, memory: [], catalog: catalog), memory: [], at: nil)
        func tellsApart(_ columns: [(String, OID)]) -> Bool {
            let relation = Relation(
                oid: 10, name: QualifiedName(schema: "public", name: "orders"), replicaIdentity: .full,
                columns: columns.map { Relation.Column(name: $0.0, type: $0.1) })
            return mapping.tellsApart(relation, DistinctRows(columns: ["third", "total"], countProperty: "n"))
        }
        #expect(tellsApart([("id", 23), ("third", 25), ("gone", 25), ("total", 20)]))
        #expect(tellsApart([("third", 1043), ("total", 23)]))
        #expect(!tellsApart([("third", 25), ("total", 701)]))
        #expect(!tellsApart([("id", 23), ("third", 25)]))
    }

    @Test func `a version in between is read by the places of its columns`() throws {
        let now: [(Int16, String, OID)] = [(1, "id", 23), (2, "third", 25), (3, "total", 20)]
        #expect(try aligned([("id", 23), ("third", 25), ("total", 20)], to: now) == ["as expected"])
        #expect(try aligned([("id", 23), ("note", 25), ("total", 23)], to: now) == ["id", "third", "total"])
        #expect(try aligned([("id", 23), ("second", 25), ("total", 23)], to: now) == ["id", "third", "total"])
        #expect(
            try aligned([("id", 23), ("note", 25), ("total", 23), ("x", 25)], to: now) == ["id", "third", "total", ""])
        // Two names that changed places.
        let swapped: [(Int16, String, OID)] = [(1, "id", 23), (2, "b", 25), (3, "note", 25)]
        #expect(try aligned([("id", 23), ("note", 25), ("b", 25)], to: swapped) == ["id", "b", "note"])
        // A column that came and went stands between two that are there.
        let gap: [(Int16, String, OID)] = [(1, "id", 23), (2, "note", 25), (5, "total", 23)]
        #expect(
            try aligned([("id", 23), ("note", 25), ("gone", 23), ("total", 23)], to: gap) == [
                "id", "note", "", "total",
            ])
    }
}
