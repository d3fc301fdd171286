// Part of Lockstep. See LICENSE.

import Bolt
import Mapping
import PostgreSQL
import Testing

@testable import Apply

/// What becomes of rows that nothing tells apart.
@Suite struct DistinctRowEncoderTests {
    private static let mapping: GraphMapping = {
        var mapping = Scene.mapping
        let text = ValueConversion(source: .text, target: .string)
        let int = ValueConversion(source: .int4, target: .integer)
        func property(_ column: String, _ conversion: ValueConversion) -> PropertyMapping {
            PropertyMapping(column: column, property: column, conversion: conversion, columnType: "")
        }
        mapping.nodes.append(
            NodeMapping(
                table: QualifiedName(schema: "public", name: "log"), labels: ["Log"],
                key: [property(DistinctRows.digestColumn, text)],
                properties: [
                    property("what", text),
                    property(DistinctRows.countColumn, ValueConversion(source: .int8, target: .integer)),
                ],
                references: [
                    ReferenceMapping(
                        type: "OF",
                        target: RelationshipEnd(
                            label: "Customer",
                            key: [
                                PropertyMapping(column: "who", property: "id", conversion: int, columnType: "")
                            ]))
                ], distinct: DistinctRows(columns: ["who", "what"], countProperty: "rows")))
        return mapping
    }()

    private static let log: UInt32 = 5

    private func scene() -> Scene {
        let scene = Scene()
        scene.buffer.relations.append(Scene.relation("log", ["who", "what", "other"], .full))
        return scene
    }

    /// Each statement as its first words and the rows, with digests cut to two digits.
    private func encoded(_ scene: Scene, by encoder: BatchEncoder = BatchEncoder(mapping: mapping)) throws -> [String] {
        defer { scene.buffer.removeAll() }
        return try encoder.encode(scene.buffer, 0..<scene.buffer.changes.count).map { statement in
            var reader = PackStreamReader(statement.rows.bytes)
            let rows = try (0..<statement.rowCount).map { _ in try reader.readValue() }
            let node = Self.mapping.nodes[2]
            let names = [
                node.countUpStatement(): "up", node.countDownStatement(deletes: true): "down",
                node.countDownStatement(deletes: false): "down in part", node.deleteUncountedStatement(): "delete",
                node.referenceStatement(reference: node.references[0]): "reference",
                node.staleStatement(reference: node.references[0]): "stale",
                node.truncateStatement(): "truncate",
            ]
            return (names[statement.text] ?? statement.text) + rows.map { " " + Self.text($0) }.joined()
        }
    }

    /// The same by one pass over a transaction that is applied in parts.
    private func encoded(
        _ scene: Scene, pass part: TableProgram.Part, unsettled: Set<QualifiedName> = [],
        recounts: Recounts = Recounts(), xid: UInt32 = 0
    ) throws -> [String] {
        try encoded(
            scene,
            by: BatchEncoder(
                mapping: Self.mapping, pass: part, of: TransactionSurvey(mapping: Self.mapping), unsettled: unsettled,
                recounts: recounts, xid: xid))
    }

    private static func text(_ value: BoltValue) -> String {
        switch value {
        case .list(let values): "[" + values.map(text).joined(separator: ",") + "]"
        case .string(let string): string.count == 64 ? String(string.prefix(2)) : string
        case .integer(let number): String(number)
        default: "null"
        }
    }

    @Test func `a digest is that of the text of the row in SQL`() throws {
        // SELECT encode(sha256(convert_to(ROW(…)::text, 'UTF8')), 'hex')
        let vectors: [([Scene.Value], String)] = [
            ([7, "b"], "(7,b)"), ([nil, nil], "(,)"), (["", nil], "(\"\",)"),
            (["a\"b\\c", "d e"], "(\"a\"\"b\\\\c\",\"d e\")"), (["(", "é\u{a0}"], "(\"(\",é\u{a0})"),
            (["x\u{b}", "a,b"], "(\"x\u{b}\",\"a,b\")"),
        ]
        for (row, printed) in vectors {
            let scene = scene()
            scene.insert(0, row[0], row[1])
            var digest = RowDigest()
            let bytes = scene.buffer.bytes
            let hex = unsafe digest.compute([0, 1], of: 0, scene.buffer.fields, bytes.span.bytes)
            let expected = try #require(Self.known[printed])
            #expect((0..<64).map { hex[$0] } == Array(expected.utf8), "\(printed)")
        }
    }

    @Test func `changes of equal rows become one difference`() throws {
        let scene = scene()
        scene.insert(Self.log, 7, "b", "x")
        scene.insert(Self.log, 7, "b", "y")
        scene.insert(Self.log, nil, "c", "y")
        scene.update(Self.log, full: [7, "b", "x"], 7, "b", "z")
        scene.delete(Self.log, full: 8, "d", nil)
        scene.delete(Self.log, full: nil, "c", "y")
        #expect(
            try encoded(scene) == [
                "up [\(Self.short("(7,b)")),b,2]", "reference [\(Self.short("(7,b)")),7]",
                "down [\(Self.short("(8,d)")),-1]",
            ])
    }

    @Test func `an update leaves one count for another, with what it did not carry`() throws {
        let scene = scene()
        scene.update(Self.log, full: [7, "b", "x"], 8, .unchanged, "x")
        #expect(
            try encoded(scene) == [
                "up [\(Self.short("(8,b)")),b,1]", "reference [\(Self.short("(8,b)")),8]",
                "down [\(Self.short("(7,b)")),-1]",
            ])
    }

    @Test func `what came before a truncation does not count`() throws {
        let scene = scene()
        scene.insert(Self.log, 7, "b", "x")
        scene.truncate(Self.log)
        scene.insert(Self.log, 8, "d", "x")
        #expect(
            try encoded(scene) == [
                "truncate", "up [\(Self.short("(8,d)")),d,1]", "reference [\(Self.short("(8,d)")),8]",
            ])
    }

    @Test func `in parts nodes wait for the end of the transaction to be deleted`() throws {
        func pass(_ part: TableProgram.Part) throws -> [String] {
            let scene = scene()
            scene.insert(Self.log, 7, "b", "x")
            scene.delete(Self.log, full: 8, "d", nil)
            return try encoded(scene, pass: part)
        }
        #expect(
            try pass(.nodes) == ["up [\(Self.short("(7,b)")),b,1]", "down in part [\(Self.short("(8,d)")),-1]"])
        #expect(try pass(.relationships) == ["reference [\(Self.short("(7,b)")),7]"])
        #expect(try pass(.departures) == ["delete [\(Self.short("(8,d)"))]"])
    }

    @Test func `while what they refer to is read again, rows that came and went are linked again`() throws {
        func rows() -> Scene {
            let scene = scene()
            scene.delete(Self.log, full: 7, "b", "x")
            scene.insert(Self.log, 7, "b", "y")
            scene.delete(Self.log, full: 8, "d", nil)
            scene.update(Self.log, full: [nil, "c", "x"], nil, "c", "y")
            return scene
        }
        let down = "down [\(Self.short("(8,d)")),-1]"
        #expect(try encoded(rows()) == [down])
        let unsettled = Set(Self.mapping.tables)
        let reference = "reference [\(Self.short("(7,b)")),7] [\(Self.short("(8,d)")),8]"
        #expect(
            try encoded(rows(), by: BatchEncoder(mapping: Self.mapping, unsettled: unsettled)) == [reference, down])
        func pass(_ part: TableProgram.Part) throws -> [String] {
            try encoded(rows(), pass: part, unsettled: unsettled)
        }
        #expect(try pass(.nodes) == ["down in part [\(Self.short("(8,d)")),-1]"])
        #expect(try pass(.relationships) == [reference])
    }

    @Test func `a row that is read for its relationships says where they lead`() throws {
        let scene = Scene()
        scene.buffer.relations = [Scene.relation("log", [DistinctRows.digestColumn, "who"], .default)]
        scene.insert(0, "d1", 7)
        scene.insert(0, "d2", nil)
        scene.insert(0, "d1", 7)
        let encoder = BatchEncoder(
            mapping: Self.mapping, part: .relationships, unsettled: Set(Self.mapping.tables))
        #expect(try encoded(scene, by: encoder) == ["stale [d1,7] [d2,null]", "reference [d1,7]"])
    }

    private static let table = QualifiedName(schema: "public", name: "log")

    /// The counts hold transactions up to 5.
    private static let recounts = Recounts(holds: [table: { $0 <= 5 }])

    @Test func `changes that are in counts that were read change none, and their rows are linked`() throws {
        let scene = scene()
        func end(_ xid: UInt32) {
            scene.buffer.transactions.append(
                TransactionEnd(
                    xid: xid, commitLSN: .zero, endLSN: .zero, commitTime: 0, changeCount: scene.buffer.changes.count))
        }
        scene.insert(Self.log, 7, "b", "x")
        scene.truncate(Self.log)
        end(4)
        // One that the snapshot does not show, before one that it shows.
        scene.insert(Self.log, 8, "b", "x")
        end(6)
        scene.delete(Self.log, full: 8, "d", nil)
        end(5)
        let encoder = BatchEncoder(
            mapping: Self.mapping, unsettled: Set(Self.mapping.tables), recounts: Self.recounts)
        let (b7, b8, d8) = (Self.short("(7,b)"), Self.short("(8,b)"), Self.short("(8,d)"))
        #expect(
            try encoded(scene, by: encoder) == ["up [\(b8),b,1]", "reference [\(b7),7] [\(b8),8] [\(d8),8]"])
    }

    @Test(arguments: [5, 6]) func `the same goes for each part of a transaction`(xid: UInt32) throws {
        func pass(_ part: TableProgram.Part) throws -> [String] {
            let scene = scene()
            scene.insert(Self.log, 7, "b", "x")
            scene.delete(Self.log, full: 8, "d", nil)
            return try encoded(
                scene, pass: part, unsettled: Set(Self.mapping.tables), recounts: Self.recounts, xid: xid)
        }
        let (b7, d8) = (Self.short("(7,b)"), Self.short("(8,d)"))
        #expect(try pass(.nodes) == (xid == 5 ? [] : ["up [\(b7),b,1]", "down in part [\(d8),-1]"]))
        #expect(try pass(.relationships) == ["reference [\(b7),7] [\(d8),8]"])
        #expect(try pass(.departures) == (xid == 5 ? [] : ["delete [\(d8)]"]))
    }

    @Test func `what cannot be counted need not be where the table is going to be read, or has been`() throws {
        func lost(_ recounts: Recounts) throws -> [String] {
            let scene = scene()
            scene.delete(Self.log, key: 7, nil, nil)
            scene.insert(Self.log, 7, "b", "x")
            return try encoded(scene, by: BatchEncoder(mapping: Self.mapping, recounts: recounts))
        }
        let up = ["up [\(Self.short("(7,b)")),b,1]", "reference [\(Self.short("(7,b)")),7]"]
        #expect(try lost(Recounts(waiting: [Self.table])) == up)
        #expect(try lost(Recounts(holds: [Self.table: { _ in true }])).isEmpty)
        for recounts in [Recounts(), Recounts(holds: [Self.table: { _ in false }])] {
            let error = #expect(throws: ApplyError.self) { try lost(recounts) }
            #expect(error?.message.contains("REPLICA IDENTITY FULL") == true)
        }
    }

    @Test func `an old row that does not come whole is refused`() throws {
        let scene = scene()
        scene.delete(Self.log, key: 7, nil, nil)
        let error = #expect(throws: ApplyError.self) { try encoded(scene) }
        #expect(error?.message.contains("REPLICA IDENTITY FULL") == true)
    }

    private static func short(_ row: String) -> String { String(known[row]?.prefix(2) ?? "?") }

    /// By `printf … | sha256sum`.
    private static let known: [String: String] = [
        "(7,b)": "fb058ef8f4fb7ca4779cfd4d6f75b7b58b71f335162d761b3ea90621698122aa",
        "(8,d)": "d25ba44cef83da19b6c034b0778562de96567085ce78a489cfafdae0d19b6695",
        "(8,b)": "dcaedad89c66a66a6a9a09f5607fdba5a47c82c908e1a187aa26d7a0450ba796",
        "(,)": "537065b2880bae5d410bee963b616558778fb52c691930776c7430cf994447b0",
        "(\"\",)": "a1328797bb481070ecb14a668f877452d7d6b4fd8bd7509811470c333e1ae265",
        "(\"a\"\"b\\\\c\",\"d e\")": "af758a8ad152cddcf5df858377f363b6d7746f9acf6ecf71b749b472c34f1b1e",
        "(\"(\",é\u{a0})": "8fe9ebb6906cba02c90ba9c6d3264cb8c7855b12bdb45c7e0683151e95807b94",
        "(\"x\u{b}\",\"a,b\")": "8eedc8d949e37d2276b55f028293be9e6242cab41790fe1e483a61fc0036f735",
    ]
}
