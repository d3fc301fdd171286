// Part of Lockstep. See LICENSE.

import Apply
import Mapping
import PostgreSQL
import Testing

@testable import Pipeline

/// How a table is read again whose equal rows are counted.
struct `A table that is counted anew` {
    private static let table = QualifiedName(schema: "public", name: "log")

    private static func mapping(isCounted: Bool, refers: Bool = true) -> GraphMapping {
        func property(_ column: String) -> PropertyMapping {
            PropertyMapping(
                column: column, property: column, conversion: ValueConversion(source: .text, target: .string),
                columnType: "text")
        }
        let reference = ReferenceMapping(
            type: "OF", target: RelationshipEnd(label: "Person", key: [property("who")]))
        let node = NodeMapping(
            table: table, labels: ["Log"], key: [property(isCounted ? DistinctRows.digestColumn : "id")],
            properties: [property("what")], references: refers ? [reference] : [],
            distinct: isCounted ? DistinctRows(columns: ["what", "who"], countProperty: "rows") : nil)
        return GraphMapping(pipeline: "test", nodes: [node], joins: [])
    }

    private static func passes(_ reason: LoadRequest.Reason, _ mapping: GraphMapping) -> [TableLoad.Pass] {
        var load = TableLoad(LoadRequest(table, reason: reason))
        load.begin(over: [], mapping)
        var passes: [TableLoad.Pass] = []
        while let pass = load.pass, passes.last != pass {
            passes.append(pass)
            load.endPass(mapping)
        }
        return passes
    }

    @Test func `is read in one piece first, with what is left over, and for its relationships behind it`() {
        let counted = Self.mapping(isCounted: true)
        for reason in [LoadRequest.Reason.resync, .added, .schemaChanged, .mappingChanged] {
            #expect(Self.passes(reason, counted) == [.counts, .relationships, .settling])
        }
        #expect(Self.passes(.refers, counted) == [.relationships, .settling])
        #expect(Self.passes(.firstRead, counted) == [.nodes, .relationships, .settling])
        #expect(Self.passes(.resync, Self.mapping(isCounted: true, refers: false)) == [.counts, .settling])
        #expect(TableLoad.Pass.counts < .nodes)
    }

    @Test func `is begun with anew where the mapping makes something else of it than it did`() {
        for (isCounted, pass, expected) in [
            (true, TableLoad.Pass.nodes, TableLoad.Pass.counts), (true, .leftovers, .counts),
            (true, .relationships, .relationships), (false, .counts, .nodes), (false, .leftovers, .leftovers),
        ] {
            var load = TableLoad(LoadRequest(Self.table, reason: .resync))
            (load.pass, load.heaps) = (pass, [.init(oid: 7, fileNode: "9")])
            load.refit(Self.mapping(isCounted: isCounted))
            #expect(load.pass == expected && load.heaps.isEmpty == (pass != expected))
        }
        var waiting = TableLoad(LoadRequest(Self.table, reason: .resync))
        waiting.refit(Self.mapping(isCounted: true))
        #expect(waiting.pass == nil)
    }

    @Test func `has in its counts what their snapshot shows, and is waited for before that`() throws {
        var load = TableLoad(LoadRequest(Self.table, reason: .resync))
        load.pass = .counts
        #expect(LoadLedger([load]).recounts.waiting == [Self.table])
        (load.pass, load.counted) = (.relationships, "95:100:95,97")
        let recounts = LoadLedger([load]).recounts
        #expect(recounts.waiting.isEmpty)
        #expect([94, 95, 96, 97, 100].map { recounts.holds($0, of: Self.table) } == [true, false, true, false, false])
        #expect(!recounts.holds(94, of: QualifiedName(schema: "public", name: "other")))
    }

    @Test func `has the digests that were read, and no others`() {
        var digests = DigestSet()
        let all = (0..<300).map { number in
            let digits = String(number * 7919 % 300, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits + String(repeating: "af09", count: 12)
        }
        for digest in all {
            let isNew = digests.insert(digest.utf8)
            #expect(isNew)
        }
        let found = all.count { digests.contains($0) }
        #expect(digests.count == 300 && found == 300)
        for other in [
            "", "12", all[7].uppercased(), String(all[7].dropLast()), "f" + all[7].dropFirst(),
            all[7].replacing("a", with: "b"),
        ] {
            let isThere = digests.contains(other)
            #expect(!isThere, "\(other)")
        }
        let isDigest = digests.insert("not a digest".utf8)
        #expect(!isDigest && digests.count == 300)
    }
}
