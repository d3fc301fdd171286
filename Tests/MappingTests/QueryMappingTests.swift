// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Queries whose rows become relationships, in the file and in `check`.
@Suite struct `Queries in the mapping` {
    private static let name = QualifiedName(schema: "", name: "co_author")
    private static let text = "SELECT one, other, papers\nFROM public.author -- and so on"

    private static func catalog(
        _ query: String? = text, reads: [String] = ["author"], refusal: Catalog.Refusal? = nil
    ) -> Catalog {
        var catalog = Catalog.of(
            .of("public.person", "id int4", key: ["id"]),
            .of("public.author", "paper int4, person int4", key: ["paper", "person"]),
            .of("public.secret", "id int4", key: ["id"]))
        if let query {
            var table = Catalog.Table.of("public.x", "one int4, other int4, papers int8", key: nil)
            table.name = name
            let tables = reads.map { QualifiedName(schema: "public", name: $0) }
            catalog.views = [Catalog.View(table: table, query: query, reads: tables, version: "1")]
        }
        catalog.refusals[name] = refusal
        return catalog
    }

    private static func file(
        _ more: String = "", name: String = "co_author", from: String = "one", refresh: String = "refresh: 10s"
    ) -> String {
        head + """
              public.person: {label: Person, key: {id: id}}
              public.author: {label: Author, key: {paper: paper, person: person}}
              public.secret: {skip: true}
            queries:
              \(name):
                \(refresh)
                query: |
                  SELECT one, other, papers
                  FROM public.author -- and so on

                relationship: CO_AUTHOR
                from: {columns: [\(from)], references: public.person}
                to: {columns: [other], references: public.person}
                properties: {papers: papers}
            \(more)
            """
    }

    @Test func `a query is a view that stands in the file`() throws {
        let file = try parsed(Self.file())
        #expect(file.queries == [Self.name: Self.text])
        #expect(file.mappedTables.map(\.name.name) == ["person", "author"] && file.mappedViews == [Self.name])
        #expect(
            faults(Self.file(), against: Self.catalog()).allSatisfy { !$0.contains("error") && !$0.contains("warn") })
        let plan = Plan(mapping: try file.resolve(against: Self.catalog()), file: file, catalog: Self.catalog())
        let query = try #require(plan.mapping.computed.first)
        #expect(query.join.waits && !query.isByClock && query.intervalText == "10s" && query.kind == "query")
        #expect(query.reads.map(\.name) == ["author"] && query.types == ["one": 23, "other": 23, "papers": 20])
        #expect(query.rowsSQL == "(\n\(Self.text)\n)")
        #expect(!plan.publicationStatement.contains("co_author") && plan.mapping.tables.count == 2)
        #expect(
            plan.json.contains(
                #""select": "SELECT s.* FROM (\nSELECT one, other, papers\nFROM public.author -- and so on\n) AS s""#))
        #expect(plan.text.contains("\nco_author -> (:Person)-[:CO_AUTHOR]->(:Person)\n"))
        #expect(
            plan.text.contains(
                "read when public.author change, at most every 10s\n  query:\n    SELECT one, other, papers\n    FROM"))
        #expect(plan.statements.contains { $0.table == Self.name && $0.purpose == "keep waiting row" })
    }

    @Test func `its definition is another one when its text is`() throws {
        let definitions = [Self.text, Self.text + " "].map { Self.catalog($0).views[0].definition }
        #expect(definitions[0] != definitions[1])
        var view = Self.catalog().views[0]
        view.version = "2"
        #expect(view.definition != definitions[0])
        view.query = nil
        #expect(view.definition == "2")
    }

    @Test func `one that PostgreSQL does not take is a fault of the file, and the file can do without`() throws {
        let refused = Self.catalog(nil, refusal: Catalog.Refusal("column x does not exist"))
        #expect(
            faults(Self.file(), against: refused) == [
                "m.yaml:12:12: error: PostgreSQL does not take the query co_author: column x does not exist"
            ])
        let without = try parsed(Self.file()).leavingOut(views: [Self.name])
        #expect(try without.resolve(against: refused).computed.isEmpty && without.queries.isEmpty)
    }

    @Test func `what the stream does not show is read by the clock, with a warning`() throws {
        let catalog = Self.catalog(reads: ["author", "secret"])
        #expect(
            faults(Self.file(), against: catalog).contains(
                "m.yaml:11:14: warning: co_author reads public.secret, whose changes are not all followed: it is read "
                    + "every 10s, whether anything has changed or not"))
        let file = try parsed(Self.file(refresh: "refresh: {every: 10s}"))
        #expect(try file.resolve(against: catalog).computed.map(\.isByClock) == [true])
        #expect(file.examine(against: catalog).faults.allSatisfy { $0.severity == .note })
    }

    @Test(
        arguments: [
            (Self.file("    where: papers > 1"), "m.yaml:20:12: error: where is not for a query"),
            (Self.file("    exclude: [paper]"), "m.yaml:20:15: warning: query co_author has no column paper"),
            (Self.file(from: "first"), "m.yaml:17:22: error: query co_author has no column first"),
            (Self.file("    skip: true"), "m.yaml:20:5: error: co_author knows no key \"skip\""),
            (Self.file("    label: Pair"), "m.yaml:20:5: error: co_author knows no key \"label\""),
            (Self.file("  Co_Author: {}"), "m.yaml:20:14: error: co_author has no query"),
            (Self.file(name: "public.pair"), "m.yaml:10:3: error: public.pair is no name of a query"),
            (Self.file(name: "author"), "m.yaml:10:3: error: author is called as public.author is"),
            (Self.file(refresh: ""), "m.yaml:12:5: error: co_author has no refresh"),
        ])
    func `what a query cannot be is told`(text: String, message: String) {
        let found = faults(text, against: Self.catalog())
        #expect(found.contains { $0.hasPrefix(message) }, "\(found)")
    }

    @Test func `two of one name, and relationships to one, are errors`() {
        let twice = Self.file(
            String(Self.file().split(separator: "queries:\n")[1]).replacing("CO_AUTHOR", with: "OTHER"))
        #expect(faults(twice).contains { $0.contains("co_author stands here twice") }, "\(faults(twice))")
        let to = Self.file().replacing("references: public.person", with: "references: co_author")
        #expect(faults(to).contains { $0.contains("co_author has no schema") })
    }
}
