// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import Testing

@testable import Apply

/// Tables of relationships whose ends nothing guarantees, with the ends' keys and with one of their own.
@Suite struct `Rows of relationships that wait for their ends` {
    private static let mapping: GraphMapping = {
        var mapping = Scene.mapping
        for index in mapping.joins.indices { mapping.joins[index].waits = true }
        return mapping
    }()

    private let scene = Scene()
    private let tags: UInt32 = 2
    private let customers: UInt32 = 1

    private func encoded(_ part: TableProgram.Part? = nil) throws -> [String] {
        defer { scene.buffer.removeAll() }
        let encoder =
            part.map { BatchEncoder(mapping: Self.mapping, pass: $0, of: TransactionSurvey(mapping: Self.mapping)) }
            ?? BatchEncoder(mapping: Self.mapping)
        return try encoder.encode(scene.buffer, 0..<scene.buffer.changes.count).map { statement in
            var reader = PackStreamReader(statement.rows.bytes)
            let rows = try (0..<statement.rowCount).map { _ in try reader.readValue() }
            return Self.kind(of: statement.text) + " " + Scene.text(.list(rows))
        }
    }

    private static func kind(of text: String) -> String {
        let joins = zip(mapping.joins, ["tag", "pay"])
        let known = joins.flatMap { join, name in
            [
                (join.upsertStatement(properties: Array(join.written.indices)), name), (join.linkStatement(), "link"),
                (join.deleteStatement(), "un\(name)"), (join.waitStatement(), "\(name) waits"),
                (join.dropWaitingStatement(), "\(name) waits no more"),
                (join.admitStatement(.from), "admit \(name) from"),
                (join.admitStatement(.from, sweeps: true), "admit some \(name) from"),
                (join.admitStatement(.to), "admit \(name) to"),
                (join.admitStatement(.to, sweeps: true), "admit some \(name) to"),
                (join.dismissStatement(.from), "dismiss \(name) from"),
                (join.dismissStatement(.to), "dismiss \(name) to"),
                (join.dismissGoneStatement(.to), "dismiss some \(name) to gone"),
                (join.dismissGoneStatement(.from), "dismiss some \(name) from gone"),
                (join.dismissAllStatement(), "dismiss all \(name)"), (join.truncateStatement(), "truncate \(name)"),
                (join.truncateWaitingStatement(), "truncate waiting \(name)"),
            ]
        }
        let customer = mapping.nodes[1]
        let nodes = [
            (customer.upsertStatement(properties: []), "customer"), (customer.deleteStatement(), "no customer"),
            (customer.moveStatement(), "move customer"), (customer.deleteGoneStatement(), "gone customer"),
            (customer.truncateStatement(), "truncate customer"),
            (customer.cutStatement(onlyGone: true), "cut some gone customer"),
        ]
        return (known + nodes).first { $0.0 == text }?.1 ?? text
    }

    @Test func `are written for both cases`() throws {
        scene.insert(tags, 1, 2, "w")
        #expect(try encoded() == ["tag [[1,2,w]]", "tag waits [[1,2,w]]"])
        scene.insert(Scene.payments, 9, 7, 8, 10, "a")
        #expect(try encoded() == ["link [[9,7,8]]", "pay [[9,10,a]]", "pay waits [[9,7,8,10,a]]"])
    }

    @Test func `are taken away wherever they are`() throws {
        scene.delete(tags, key: 1, 2, nil)
        #expect(try encoded() == ["tag waits no more [[1,2]]", "untag [[1,2]]"])
        scene.update(Scene.payments, 9, 7, 8, 10, "a")
        #expect(
            try encoded() == [
                "pay waits no more [[9]]", "unpay [[9]]", "link [[9,7,8]]", "pay [[9,10,a]]",
                "pay waits [[9,7,8,10,a]]",
            ])
    }

    @Test func `follow nodes that come, go and change their keys`() throws {
        scene.insert(customers, 7)
        #expect(
            try encoded() == ["customer [[7]]", "admit tag to [[7]]", "admit pay from [[7]]", "admit pay to [[7]]"])
        scene.delete(customers, key: 7)
        #expect(
            try encoded() == [
                "dismiss tag to [[7]]", "dismiss pay from [[7]]", "dismiss pay to [[7]]", "no customer [[7]]",
            ])
        scene.update(customers, key: [7], 8)
        #expect(
            try encoded() == [
                "dismiss tag to [[7]]", "dismiss pay from [[7]]", "dismiss pay to [[7]]", "move customer [[7,8]]",
                "customer [[8]]", "admit tag to [[8]]", "admit pay from [[8]]", "admit pay to [[8]]",
            ])
    }

    @Test func `wait for a node that goes in the batch that brings them`() throws {
        scene.insert(tags, 1, 7, "w")
        scene.delete(customers, key: 7)
        #expect(
            try encoded() == [
                "tag [[1,7,w]]", "tag waits [[1,7,w]]", "dismiss tag to [[7]]", "dismiss pay from [[7]]",
                "dismiss pay to [[7]]", "no customer [[7]]",
            ])
    }

    @Test func `leave the relationships of a place that is taken again alone`() throws {
        scene.delete(customers, key: 7)
        scene.insert(customers, 7)
        #expect(try encoded() == ["customer [[7]]"])
    }

    @Test func `wait when what they lead to is truncated`() throws {
        scene.truncate(customers)
        #expect(
            try encoded() == ["dismiss all tag []", "dismiss all pay []", "dismiss all pay []", "truncate customer []"])
        scene.truncate(tags)
        #expect(try encoded() == ["truncate tag []", "truncate waiting tag []"])
    }

    @Test func `in parts are admitted with the relationships and dismissed at the end`() throws {
        func changes() {
            scene.delete(customers, key: 7)
            scene.insert(customers, 8)
        }
        changes()
        #expect(
            try encoded(.relationships) == [
                "admit some tag to [[8]]", "admit some pay from [[8]]", "admit some pay to [[8]]",
            ])
        changes()
        #expect(
            try encoded(.departures) == [
                "dismiss some tag to gone [[7]]", "dismiss some pay from gone [[7]]", "dismiss some pay to gone [[7]]",
                "cut some gone customer [[7]]", "gone customer [[7]]",
            ])
    }

    @Test func `in parts leave off waiting before any node admits them`() throws {
        scene.insert(tags, 1, 7, "w")
        #expect(
            try encoded(.relationships) == ["tag waits no more [[1,7]]", "tag [[1,7,w]]", "tag waits [[1,7,w]]"])
    }

    @Test func `in parts have their relationship made where their end came and they changed beside it`() throws {
        scene.insert(customers, 8)
        scene.update(Scene.payments, full: [9, 7, 8, 10, "a"], 9, 7, 8, 11, "a")
        #expect(
            try encoded(.relationships) == [
                "pay waits no more [[9]]", "admit some tag to [[8]]", "admit some pay from [[8]]",
                "admit some pay to [[8]]", "link [[9,7,8]]", "pay [[9,11,a]]", "pay waits [[9,7,8,11,a]]",
            ])
        // Else it is where it was.
        scene.update(Scene.payments, full: [9, 7, 8, 10, "a"], 9, 7, 8, 11, "a")
        #expect(try encoded() == ["pay [[9,11,a]]", "pay waits [[9,7,8,11,a]]"])
    }

    @Test func `have to come whole`() throws {
        scene.update(tags, 1, 2, .unchanged)
        #expect(throws: ApplyError.self) { try encoded() }
    }
}
