// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

struct `What a table becomes, in short` {
    private static let orders = """
          public.orders:
            label: Order
            key: {id: id}
            properties: {note: note, total: total}

        """

    private func fingerprint(
        _ tables: String = orders,
        _ columns: [(Int16, String, OID)] = [(1, "id", 23), (2, "note", 25), (3, "total", 23)],
        _ name: String = "public.orders"
    ) throws -> String {
        let list = columns.map { number, name, type in
            var column = Catalog.Column(name: name, type: type, formattedType: "type \(type)", isNotNull: number == 1)
            column.number = number
            return column
        }
        let table = Catalog.Table(
            oid: 10, name: QualifiedName(schema: "public", name: "orders"), columns: list, primaryKey: [columns[0].1])
        let catalog = Catalog.of([table])
        let file = try parsed(head + tables)
        let plan = Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
        return try #require(plan.content(of: table.name)).fingerprint
    }

    @Test func `is the same whatever columns are called, and wherever they stand in the file`() throws {
        let usual = try fingerprint()
        let renamed = Self.orders.replacing("note: note", with: "remark: note")
        #expect(try fingerprint(renamed, [(1, "id", 23), (2, "remark", 25), (3, "total", 23)]) == usual)
        let turned = Self.orders.replacing("note: note, total: total", with: "total: total, note: note")
        #expect(try fingerprint(turned) == usual)
        #expect(
            try fingerprint(Self.orders, [(1, "id", 23), (2, "note", 25), (3, "total", 23), (4, "new", 25)]) == usual)
    }

    @Test(arguments: [
        ("label: Order", "label: Purchase"), ("label: Order", "label: Order\n    where: id > 3"),
        ("key: {id: id}", "key: {id: no}"), ("note: note, ", ""), ("note: note", "note: text"),
        ("note: note, total: total", "total: note, note: total"),
        ("total: total", "total: {property: total, as: string}"),
    ])
    func `is another one where the graph has to be another`(words: String, others: String) throws {
        let edited = Self.orders.replacing(words, with: others)
        #expect(edited != Self.orders)
        #expect(try fingerprint(edited) != fingerprint())
    }
}
