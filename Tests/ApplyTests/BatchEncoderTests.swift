// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// Changes as the stream would bring them, by text tuples, and what the encoder makes of them.
struct Scene {
    static let mapping: GraphMapping = {
        func property(_ column: String, _ property: String, _ conversion: ValueConversion) -> PropertyMapping {
            PropertyMapping(column: column, property: property, conversion: conversion, columnType: "")
        }
        let int = ValueConversion(source: .int4, target: .integer)
        let text = ValueConversion(source: .text, target: .string)
        let order = NodeMapping(
            table: QualifiedName(schema: "public", name: "orders"), labels: ["Order"],
            key: [property("id", "id", int)],
            properties: [property("note", "note", text), property("body", "body", text)],
            references: [
                ReferenceMapping(
                    type: "CUSTOMER",
                    target: RelationshipEnd(label: "Customer", key: [property("customer", "id", int)]))
            ])
        let customer = NodeMapping(
            table: QualifiedName(schema: "public", name: "customers"), labels: ["Customer"],
            key: [property("id", "id", int)], properties: [], references: [])
        let tag = JoinMapping(
            table: QualifiedName(schema: "public", name: "order_tags"), type: "TAG",
            from: RelationshipEnd(label: "Order", key: [property("order_id", "id", int)]),
            to: RelationshipEnd(label: "Customer", key: [property("customer_id", "id", int)]),
            properties: [property("weight", "weight", text)])
        let payment = JoinMapping(
            table: QualifiedName(schema: "public", name: "payments"), type: "PAID", ownKey: [property("id", "id", int)],
            from: RelationshipEnd(label: "Customer", key: [property("payer", "id", int)]),
            to: RelationshipEnd(label: "Customer", key: [property("payee", "id", int)]),
            properties: [property("amount", "amount", int), property("memo", "memo", text)])
        return GraphMapping(pipeline: "test", nodes: [order, customer], joins: [tag, payment])
    }()

    enum Value: ExpressibleByStringLiteral, ExpressibleByNilLiteral, ExpressibleByIntegerLiteral {
        case text(String), null, unchanged
        init(stringLiteral value: String) { self = .text(value) }
        init(integerLiteral value: Int) { self = .text(String(value)) }
        init(nilLiteral: ()) { self = .null }
    }

    let buffer = ChangeBuffer()

    init() {
        buffer.relations = [
            Self.relation("orders", ["id", "note", "body", "customer"]), Self.relation("customers", ["id"]),
            Self.relation("order_tags", ["order_id", "customer_id", "weight"]),
            Self.relation("orders", ["id", "note", "body", "customer"], .full),
            Self.relation("payments", ["id", "payer", "payee", "amount", "memo"]),
        ]
    }

    /// Orders whose key two rows may have for a moment.
    static let deferrable: UInt32 = 3
    /// Relationships with a key of their own.
    static let payments: UInt32 = 4

    static func relation(
        _ name: String, _ columns: [String], _ identity: Catalog.ReplicaIdentity = .default
    ) -> Relation {
        Relation(
            oid: 1, name: QualifiedName(schema: "public", name: name), replicaIdentity: identity,
            columns: columns.map { Relation.Column(name: $0, type: 25) })
    }

    /// Another version of a table, with its key as replica identity, and one with whole rows.
    func addTable(_ name: String, _ columns: [String]) -> (keyed: UInt32, full: UInt32) {
        let first = UInt32(buffer.relations.count)
        buffer.relations += [Self.relation(name, columns), Self.relation(name, columns, .full)]
        return (first, first + 1)
    }

    private func tuple(_ values: [Value]) -> UInt32 {
        let start = UInt32(buffer.fields.count)
        for value in values {
            switch value {
            case .null: buffer.fields.append(.null)
            case .unchanged: buffer.fields.append(Field(offset: 0, length: 0, kind: .unchanged))
            case .text(let text):
                buffer.fields.append(
                    Field(offset: UInt32(buffer.bytes.count), length: UInt32(text.utf8.count), kind: .text))
                buffer.bytes.append(contentsOf: text.utf8)
            }
        }
        return start
    }

    func insert(_ relation: UInt32 = 0, _ new: Value...) {
        buffer.changes.append(Change(kind: .insert, relation: relation, newStart: tuple(new)))
    }

    func update(_ relation: UInt32 = 0, key: [Value]? = nil, full: [Value]? = nil, _ new: Value...) {
        let old = (key ?? full).map { tuple($0) }
        buffer.changes.append(
            Change(
                kind: .update, old: key != nil ? .key : full != nil ? .full : .none, relation: relation,
                oldStart: old ?? 0, newStart: tuple(new)))
    }

    func delete(_ relation: UInt32 = 0, key: Value...) {
        buffer.changes.append(Change(kind: .delete, old: .key, relation: relation, oldStart: tuple(key)))
    }

    func delete(_ relation: UInt32, full: Value...) {
        buffer.changes.append(Change(kind: .delete, old: .full, relation: relation, oldStart: tuple(full)))
    }

    func truncate(_ relation: UInt32) { buffer.changes.append(Change(kind: .truncate, relation: relation)) }

    /// Each statement's kind and its rows, in order: `upsert Order [[1, "a"]]`.
    func encoded(by encoder: BatchEncoder = BatchEncoder(mapping: Self.mapping)) throws -> [String] {
        defer { buffer.removeAll() }
        return try encoder.encode(buffer, 0..<buffer.changes.count).map { statement in
            var reader = PackStreamReader(statement.rows.bytes)
            let rows = try (0..<statement.rowCount).map { _ in try reader.readValue() }
            return Self.kind(of: statement.text) + " " + Self.text(.list(rows))
        }
    }

    private static func kind(of text: String) -> String {
        let node = mapping.nodes[0]
        let join = mapping.joins[0]
        let payment = mapping.joins[1]
        let known: [(String, String)] = [
            (node.upsertStatement(properties: [0, 1]), "upsert"),
            (node.upsertStatement(properties: [0]), "upsert-note"),
            (node.upsertStatement(properties: [0, 1], returns: true), "upsert-back"),
            (node.upsertStatement(properties: [0], returns: true), "upsert-note-back"),
            (node.markGoneStatement(), "gone"), (node.deleteGoneStatement(), "delete-gone"),
            (mapping.nodes[1].upsertStatement(properties: [], returns: true), "customer-back"),
            (mapping.nodes[1].markGoneStatement(), "gone-customer"),
            (node.moveStatement(), "move"), (node.carryStatement(), "carry"), (node.deleteStatement(), "delete"),
            (node.truncateStatement(), "truncate"),
            (node.staleStatement(reference: node.references[0]), "stale"),
            (node.referenceStatement(reference: node.references[0]), "reference"),
            (mapping.nodes[1].upsertStatement(properties: []), "customer"),
            (mapping.nodes[1].deleteStatement(), "delete-customer"),
            (join.upsertStatement(properties: [0]), "tag"), (join.upsertStatement(properties: []), "tag-key"),
            (join.deleteStatement(), "untag"), (join.moveStatement(), "move-tag"),
            (payment.linkStatement(), "link"), (payment.upsertStatement(properties: [0, 1]), "pay"),
            (payment.upsertStatement(properties: [0]), "pay-amount"), (payment.deleteStatement(), "unlink"),
            (payment.moveStatement(), "rehang"),
        ]
        return known.first { $0.0 == text }?.1 ?? text
    }

    static func text(_ value: BoltValue) -> String {
        switch value {
        case .list(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .string(let string): string
        case .integer(let number): String(number)
        case .null: "null"
        default: "\(value)"
        }
    }
}

@Suite struct BatchEncoderTests {
    @Test func `an insert makes the node and its relationship and looks for no stale one`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", 7)
        #expect(try scene.encoded() == ["upsert [[1,a,b]]", "reference [[1,7]]"])
    }

    @Test func `an update replaces the relationship, and null only removes it`() throws {
        let scene = Scene()
        scene.update(0, 1, "a", "b", 7)
        scene.update(0, 2, "a", nil, nil)
        #expect(
            try scene.encoded() == ["upsert [[1,a,b],[2,a,null]]", "stale [[1,7],[2,null]]", "reference [[1,7]]"])
    }

    @Test func `an update whose full old tuple shows the same foreign key costs no relationship work`() throws {
        let scene = Scene()
        scene.update(0, full: [1, "x", "b", 7], 1, "a", "b", 7)
        #expect(try scene.encoded() == ["upsert [[1,a,b]]"])
    }

    @Test func `an update that leaves a foreign key as it was last seen costs no relationship work`() throws {
        let scene = Scene()
        let encoder = BatchEncoder(mapping: Scene.mapping)
        scene.insert(0, 1, "a", "b", 7)
        _ = try scene.encoded(by: encoder)
        scene.update(0, 1, "c", "d", 7)
        #expect(try scene.encoded(by: encoder) == ["upsert [[1,c,d]]"])
        scene.update(0, 1, "c", "d", 8)
        #expect(try scene.encoded(by: encoder) == ["upsert [[1,c,d]]", "stale [[1,8]]", "reference [[1,8]]"])
        scene.update(0, 1, "c", "d", nil)
        #expect(try scene.encoded(by: encoder) == ["upsert [[1,c,d]]", "stale [[1,null]]"])
        scene.update(0, 1, "e", "d", nil)
        #expect(try scene.encoded(by: encoder) == ["upsert [[1,e,d]]"])
    }

    @Test func `a row that was deleted and comes again gets its relationship again`() throws {
        let scene = Scene()
        let encoder = BatchEncoder(mapping: Scene.mapping)
        scene.insert(0, 1, "a", "b", 7)
        _ = try scene.encoded(by: encoder)
        scene.delete(0, key: 1, nil, nil, nil)
        _ = try scene.encoded(by: encoder)
        scene.insert(0, 1, "a", "b", 7)
        #expect(try scene.encoded(by: encoder) == ["upsert [[1,a,b]]", "reference [[1,7]]"])
    }

    @Test func `a row that moves onto the key of a deleted one gets its own relationship`() throws {
        let scene = Scene()
        let encoder = BatchEncoder(mapping: Scene.mapping)
        scene.insert(0, 1, "a", "b", 7)
        scene.insert(0, 5, "a", "b", 9)
        _ = try scene.encoded(by: encoder)
        scene.delete(0, key: 1, nil, nil, nil)
        _ = try scene.encoded(by: encoder)
        scene.update(0, key: [5, nil, nil, nil], 1, "a", "b", 7)
        #expect(
            try scene.encoded(by: encoder) == [
                "move [[5,1]]", "upsert [[1,a,b]]", "stale [[1,7]]", "reference [[1,7]]",
            ])
    }

    // MARK: Several rows at one place

    @Test func `a row that comes to a key and goes leaves the one that was there, which goes after it`() throws {
        let scene = Scene()
        scene.insert(Scene.deferrable, 1, "new", nil, nil)
        scene.delete(Scene.deferrable, full: 1, "new", nil, nil)
        #expect(try scene.encoded() == [])
        scene.insert(Scene.deferrable, 1, "new", nil, nil)
        scene.delete(Scene.deferrable, full: 1, "new", nil, nil)
        scene.delete(Scene.deferrable, full: 1, "old", nil, nil)
        #expect(try scene.encoded() == ["delete [[1]]"])
    }

    @Test func `a row that another came upon and left keeps what it became`() throws {
        let scene = Scene()
        scene.update(Scene.deferrable, full: [1, "a", nil, nil], 1, "b", nil, nil)
        scene.insert(Scene.deferrable, 1, "new", nil, nil)
        scene.update(Scene.deferrable, full: [1, "b", nil, nil], 1, "c", nil, nil)
        scene.delete(Scene.deferrable, full: 1, "new", nil, nil)
        #expect(try scene.encoded() == ["upsert [[1,c,null]]"])
        // And the other way round: it had not been seen before the other came.
        scene.insert(Scene.deferrable, 1, "new", nil, nil)
        scene.update(Scene.deferrable, full: [1, "a", nil, nil], 1, "b", nil, nil)
        scene.delete(Scene.deferrable, full: 1, "new", nil, nil)
        #expect(try scene.encoded() == ["upsert [[1,b,null]]"])
    }

    @Test func `three rows at one key leave it one by one`() throws {
        let scene = Scene()
        scene.insert(Scene.deferrable, 1, "x", nil, nil)
        scene.insert(Scene.deferrable, 1, "y", nil, nil)
        scene.update(Scene.deferrable, full: [1, "old", nil, nil], 5, "old", nil, nil)
        scene.update(Scene.deferrable, full: [1, "x", nil, nil], 6, "x", nil, nil)
        #expect(try scene.encoded() == ["upsert [[1,y,null],[5,old,null],[6,x,null]]", "stale [[1,null],[5,null]]"])
    }

    @Test func `several changes of one row count as the last`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", 7)
        scene.update(0, 1, "c", .unchanged, 8)
        scene.insert(0, 2, "x", "y", nil)
        scene.delete(0, key: 2, nil, nil, nil)
        #expect(try scene.encoded() == ["upsert [[1,c,b]]", "reference [[1,8]]"])
    }

    @Test func `unchanged TOAST goes to a statement without that column`() throws {
        let scene = Scene()
        scene.update(0, full: [1, "x", .unchanged, 7], 1, "a", .unchanged, 7)
        scene.update(0, 2, "a", .unchanged, nil)
        #expect(try scene.encoded() == ["upsert-note [[1,a],[2,a]]", "stale [[2,null]]"])
    }

    @Test func `a full old tuple fills in what the new one leaves out`() throws {
        let scene = Scene()
        scene.update(0, full: [1, "x", "body", 7], 1, "a", .unchanged, 7)
        #expect(try scene.encoded() == ["upsert [[1,a,body]]"])
    }

    @Test func `a row deleted and inserted again keeps no old relationship`() throws {
        let scene = Scene()
        scene.delete(0, key: 1, nil, nil, nil)
        scene.insert(0, 1, "a", "b", nil)
        #expect(try scene.encoded() == ["upsert [[1,a,b]]", "stale [[1,null]]"])
    }

    @Test func `a changed key moves the node`() throws {
        let scene = Scene()
        scene.update(0, key: [1, nil, nil, nil], 2, "a", "b", 7)
        #expect(
            try scene.encoded() == ["move [[1,2]]", "upsert [[2,a,b]]", "stale [[2,7]]", "reference [[2,7]]"])
    }

    @Test func `a chain of key changes is one move`() throws {
        let scene = Scene()
        scene.update(0, key: [1, nil, nil, nil], 9, "a", "b", nil)
        scene.update(0, key: [9, nil, nil, nil], 2, "c", "d", nil)
        #expect(try scene.encoded() == ["move [[1,2]]", "upsert [[2,c,d]]", "stale [[2,null]]"])
    }

    @Test func `rows that swap keys leave the nodes where they are, for others refer to keys`() throws {
        let scene = Scene()
        scene.update(0, key: [1, nil, nil, nil], 9, "a", "b", nil)
        scene.update(0, key: [2, nil, nil, nil], 1, "c", "d", nil)
        scene.update(0, key: [9, nil, nil, nil], 2, "a", .unchanged, nil)
        #expect(try scene.encoded() == ["upsert [[1,c,d],[2,a,b]]", "stale [[1,null],[2,null]]"])
    }

    @Test func `rows that swap keys take along what the stream leaves out`() throws {
        let scene = Scene()
        scene.update(0, key: [1, nil, nil, nil], 9, "a", .unchanged, nil)
        scene.update(0, key: [2, nil, nil, nil], 1, "c", .unchanged, nil)
        scene.update(0, key: [9, nil, nil, nil], 2, "a", .unchanged, nil)
        #expect(
            try scene.encoded() == [
                "carry [[2,1],[1,2]]", "upsert-note [[1,c],[2,a]]", "stale [[1,null],[2,null]]",
            ])
    }

    @Test func `a key that was left and taken by a new row stays where it is`() throws {
        let scene = Scene()
        scene.update(0, key: [1, nil, nil, nil], 99, "a", .unchanged, nil)
        scene.insert(0, 1, "n", "m", nil)
        #expect(
            try scene.encoded() == [
                "carry [[1,99]]", "upsert [[1,n,m]]", "upsert-note [[99,a]]", "stale [[1,null],[99,null]]",
            ])
    }

    @Test func `a key that was left, taken and left again moves one node only`() throws {
        let scene = Scene()
        scene.update(0, key: [5, nil, nil, nil], 105, "a", "b", nil)
        scene.insert(0, 5, "n", "m", nil)
        scene.update(0, key: [5, nil, nil, nil], 107, "n", "m", nil)
        #expect(
            try scene.encoded() == ["move [[5,105]]", "upsert [[105,a,b],[107,n,m]]", "stale [[105,null]]"])
    }

    @Test func `a key change of a row that is new in the batch moves nothing`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", nil)
        scene.update(0, key: [1, nil, nil, nil], 2, "a", "b", nil)
        #expect(try scene.encoded() == ["upsert [[2,a,b]]"])
    }

    @Test func `a row that takes a deleted key takes the place of its node`() throws {
        let scene = Scene()
        scene.delete(0, key: 2, nil, nil, nil)
        scene.update(0, key: [1, nil, nil, nil], 2, "a", .unchanged, nil)
        #expect(
            try scene.encoded() == ["carry [[1,2]]", "upsert-note [[2,a]]", "stale [[2,null]]", "delete [[1]]"])
    }

    @Test func `nodes come before relationships and deletions last, whatever the order of the tables`() throws {
        let scene = Scene()
        scene.delete(2, key: 3, 4, nil)
        scene.insert(2, 1, 7, "w")
        scene.delete(1, key: 5)
        scene.insert(0, 1, "a", "b", 7)
        scene.insert(1, 7)
        #expect(
            try scene.encoded() == [
                "untag [[3,4]]", "upsert [[1,a,b]]", "customer [[7]]", "reference [[1,7]]", "tag [[1,7,w]]",
                "delete-customer [[5]]",
            ])
    }

    @Test func `a join row whose key changes is deleted and made anew`() throws {
        let scene = Scene()
        scene.update(2, key: [1, 7, nil], 1, 8, "w")
        #expect(try scene.encoded() == ["untag [[1,7]]", "tag [[1,8,w]]"])
    }

    @Test func `a join row whose key changes takes along what the stream leaves out`() throws {
        let scene = Scene()
        scene.update(2, key: [1, 7, nil], 1, 8, .unchanged)
        #expect(try scene.encoded() == ["move-tag [[1,7,1,8]]", "tag-key [[1,8]]"])
    }

    @Test func `a truncation goes first, and what was before it does not count`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", nil)
        scene.truncate(0)
        scene.insert(0, 2, "c", "d", nil)
        #expect(try scene.encoded() == ["truncate []", "upsert [[2,c,d]]"])
    }

    @Test func `equal keys of two tables are two rows`() throws {
        let scene = Scene()
        scene.insert(0, 1, "a", "b", nil)
        scene.delete(1, key: 1)
        #expect(try scene.encoded() == ["upsert [[1,a,b]]", "delete-customer [[1]]"])
    }

    @Test func `ten thousand rows go in statements of at most five thousand`() throws {
        let scene = Scene()
        for id in 0..<10_001 { scene.insert(1, .text(String(id))) }
        let statements = try BatchEncoder(mapping: Scene.mapping)
            .encode(scene.buffer, 0..<scene.buffer.changes.count)
        #expect(statements.map(\.rowCount) == [5000, 5000, 1])
    }

    @Test func `a missing column stops with table and column`() throws {
        let buffer = ChangeBuffer()
        buffer.relations = [Scene.relation("customers", ["name"])]
        buffer.changes = [Change(kind: .insert, relation: 0)]
        let error = #expect(throws: ApplyError.self) { try BatchEncoder(mapping: Scene.mapping).encode(buffer, 0..<1) }
        #expect(error?.kind == .schemaChanged)
        #expect(error?.description.contains("table public.customers") == true)
    }

    @Test func `a value that does not fit is named by table, key and column`() {
        let scene = Scene()
        scene.insert(0, 12, "a", "b", "seven")
        let error = #expect(throws: ApplyError.self) { _ = try scene.encoded() }
        #expect(error?.kind == .value)
        #expect(error?.description.hasPrefix("table public.orders: row 12, column \"customer\": ") == true)
    }

    @Test func `a key that no index of a graph holds is refused before it is sent`() throws {
        var mapping = Scene.mapping
        mapping.nodes[1].key[0].conversion = ValueConversion(source: .text, target: .string)
        let scene = Scene()
        scene.insert(1, .text(String(repeating: "x", count: 8097)))
        #expect(try scene.encoded(by: BatchEncoder(mapping: mapping)).count == 1)
        scene.insert(1, .text(String(repeating: "x", count: 8098)))
        let error = #expect(throws: ApplyError.self) { _ = try scene.encoded(by: BatchEncoder(mapping: mapping)) }
        #expect(error?.kind == .value)
        #expect(
            error?.description.contains("table public.customers: the key in \"id\" of a row takes 8101 bytes") == true)
    }
}
