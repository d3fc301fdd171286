// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Views that become relationships, in the file and in `check`.
@Suite struct `Views in the mapping` {
    private static func catalog(
        reads: [QualifiedName] = [QualifiedName(schema: "public", name: "author")], isMaterialized: Bool = false
    ) -> Catalog {
        var catalog = Catalog.of(
            .of("public.person", "id int4", key: ["id"]),
            .of("public.author", "paper int4, person int4", key: ["paper", "person"]),
            .of("public.secret", "id int4", key: ["id"]))
        let view = Catalog.Table.of("public.pair", "one int4, other int4, papers int8", key: nil)
        catalog.views = [Catalog.View(table: view, isMaterialized: isMaterialized, reads: reads, version: "1")]
        return catalog
    }

    private static func file(_ entry: String, _ author: String = "") -> String {
        head + """
              public.person: {label: Person, key: {id: id}}
              public.author: {label: Author, key: {paper: paper, person: person}\(author)}
              public.secret: {skip: true}
              public.pair:
                relationship: CO_AUTHOR
                from: {columns: [one], references: public.person}
                to: {columns: [other], references: public.person}
                properties: {papers: papers}
            \(entry.split(separator: "\n").map { "    \($0)\n" }.joined())
            """
    }

    private func found(_ text: String, _ catalog: Catalog, _ severity: String = "error") -> [String] {
        faults(text, against: catalog).filter { $0.contains(": \(severity):") }
    }

    @Test func `a view needs to be told how often it is read`() {
        #expect(
            found(Self.file(""), Self.catalog()) == [
                "m.yaml:9:3: error: public.pair is a view: it has no changes of its own"
            ])
    }

    @Test func `a view is a table of relationships whose rows wait, and not one that is published`() throws {
        let file = try parsed(Self.file("refresh: 90s"))
        let plan = Plan(mapping: try file.resolve(against: Self.catalog()), file: file, catalog: Self.catalog())
        let view = try #require(plan.mapping.computed.first)
        #expect(view.join.waits && !view.isByClock && view.interval == .seconds(90) && view.intervalText == "90s")
        #expect(view.reads == [QualifiedName(schema: "public", name: "author")])
        #expect(plan.mapping.tables.map(\.name) == ["person", "author"])
        #expect(!plan.publicationStatement.contains("pair"))
        #expect(plan.mapping.constraints.contains { $0.label == "Lockstep__Person__CO_AUTHOR__Person" })
        let person = try #require(plan.mapping.nodes.first)
        #expect(plan.mapping.awaitedEnds(of: person).map(\.side) == [.from, .to])
        #expect(plan.statements.contains { $0.table.name == "pair" && $0.purpose == "keep waiting row" })
        #expect(plan.json.contains(#""select": "SELECT s.* FROM \"public\".\"pair\" AS s""#))
        #expect(plan.text.contains("read when public.author change, at most every 90s"))
        #expect(file.mappedTables.map(\.name.name) == ["person", "author"] && file.mappedViews.map(\.name) == ["pair"])
        #expect(file.hasReferencesThatWait)
        #expect(
            faults(Self.file("refresh: 90s"), against: Self.catalog()).allSatisfy {
                !$0.contains("error") && !$0.contains("warning")
            })
    }

    @Test(
        arguments: [
            (
                [QualifiedName(schema: "public", name: "secret")], false, "",
                "reads public.secret, whose changes are not all followed"
            ),
            (
                [QualifiedName(schema: "public", name: "author")], false, ", where: paper > 1",
                "reads public.author, whose changes"
            ),
            ([QualifiedName(schema: "public", name: "author")], true, "", "is a materialized view"),
            ([], false, "", "reads no table"),
        ] as [([QualifiedName], Bool, String, String)])
    func `what the stream does not show is read by the clock, with a warning`(
        _ reads: [QualifiedName], isMaterialized: Bool, author: String, words: String
    ) throws {
        let catalog = Self.catalog(reads: reads, isMaterialized: isMaterialized)
        let warnings = found(Self.file("refresh: 5m", author), catalog, "warning")
        #expect(
            warnings.count == 1 && warnings[0].hasPrefix("m.yaml:14:14: warning: public.pair \(words)"), "\(warnings)")
        let mapping = try parsed(Self.file("refresh: 5m", author)).resolve(against: catalog)
        #expect(mapping.computed.map(\.isByClock) == [true] && mapping.computed[0].intervalText == "5m")
        #expect(found(Self.file("refresh: {every: 5m}", author), catalog, "warning") == [])
    }

    @Test(
        arguments: [
            ("refresh: 10", "m.yaml:14:14: error: refresh is a time from 1s to 24h"),
            ("refresh: 0s", "m.yaml:14:14: error: refresh is a time from 1s to 24h"),
            ("refresh: {every: 25h}", "m.yaml:14:22: error: every is a time from 1s to 24h"),
            ("refresh: 1s\nwhere: papers > 1", "m.yaml:15:12: error: where is not for a view"),
            ("refresh: 1s\nsoftDelete: papers", "m.yaml:15:17: error: softDelete is not for a view"),
            ("refresh: 1s\nkey: {pair: id}", "m.yaml:15:11: error: table public.pair has no column pair"),
        ])
    func `what a view cannot be is an error`(entry: String, message: String) {
        #expect(found(Self.file(entry), Self.catalog()) == [message])
    }

    @Test func `tables and nodes are not read again and again`() {
        let table = Self.file("refresh: 1s").replacing("references: public.person", with: "references: public.pair")
        #expect(found(table, Self.catalog()).count == 2)
        let asTable = head + "  public.person: {label: Person, key: {id: id}, refresh: 1s}\n"
        #expect(
            (try? parsed(asTable)) == nil)
    }

    @Test func `a file can do without a view that its database does not have`() throws {
        let file = try parsed(Self.file("refresh: 1s"))
        var catalog = Self.catalog()
        catalog.views = []
        #expect(file.examine(against: catalog).mapping == nil)
        let pair = QualifiedName(schema: "public", name: "pair")
        let without = try file.leavingOut(views: [pair]).resolve(against: catalog)
        #expect(without.computed.isEmpty && without.nodes.count == 2)
    }

    @Test func `a proposal names the views that there are`() throws {
        let settings = Proposal.Settings(
            pipeline: "p", source: ConnectionURL("postgresql://h/d"), graph: ConnectionURL("bolt://h"))
        let text = Proposal(for: Self.catalog()).render(settings)
        #expect(text.hasSuffix("refresh: 10s.\n  # Views: public.pair\n"))
        #expect(try parsed(text).mappedViews.isEmpty)
        var catalog = Self.catalog()
        catalog.views = []
        #expect(!Proposal(for: catalog).render(settings).contains("refresh"))
    }
}
