// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Which rows count, labels by columns, constants and derived properties: what the file says, held against the catalog.
struct RowRuleTests {
    private static func shop(
        _ identity: Catalog.ReplicaIdentity = .default, version: Int = 150_000, toasted: Set<String> = []
    ) -> Catalog {
        var people = Catalog.Table.of(
            "public.people", "id int4, tenant int4, name text, gone timestamptz, vip bool", key: ["id"],
            identity: identity)
        for index in people.columns.indices where toasted.contains(people.columns[index].name) {
            people.columns[index].mayBeToasted = true
        }
        return Catalog.of(
            [
                people,
                .of(
                    "public.orders", "id int4, person int4", key: ["id"],
                    references: [.of(["person"], "public.people", ["id"])]),
                .of(
                    "public.likes", "a int4, b int4", key: ["a", "b"],
                    references: [.of(["a"], "public.people", ["id"]), .of(["b"], "public.orders", ["id"])]),
            ], version: version)
    }

    private static func people(_ rules: String) -> String {
        head + "  public.people:\n    key: {id: id}\n    properties: {name: name}\n    \(rules)\n"
            + "  public.likes: {skip: true}\n"
            + "  public.orders: {label: Order, key: {id: id}, relationships: [{type: BY, columns: [person], references: public.people}]}\n"
    }

    private func errors(_ rules: String, _ catalog: Catalog = shop()) -> [String] {
        faults(Self.people(rules), against: catalog).filter { $0.contains(": error: ") }
    }

    @Test func `a table of which not all rows count is waited for`() throws {
        let mapping = try parsed(Self.people("label: P\n    where: id > 3\n    softDelete: gone")).resolve(
            against: Self.shop())
        #expect(mapping.nodes[0].rows.sql == #"(id > 3) AND ("gone" IS NOT NULL) IS NOT TRUE"#)
        #expect(mapping.nodes[1].references[0].kept == ["_lockstep_person"])
        let all = try parsed(Self.people("label: P")).resolve(against: Self.shop())
        #expect(all.nodes[1].references[0].kept.isEmpty)
    }

    @Test(arguments: [
        ("where: tenant = 7", "which the replica identity of public.people does not carry"),
        ("where: 'id = 7; DROP TABLE people'", "where holds the sign ;"),
        ("where: 'id = 7) OR (true'", "where holds a parenthesis that stands alone"),
        ("where: 'id = 7 -- '", "where holds a comment"),
        ("where: ident = 7", "where names no column of public.people"),
        ("softDelete: nowhere", "has no column nowhere"),
        ("softDelete: {column: gone, equals: x}", "values of timestamp with time zone are not compared"),
        ("softDelete: {column: vip, equals: maybe}", "this is no value of vip"),
        ("softDelete: {column: gone, as: label}", "as: label needs a label"),
        ("softDelete: {column: gone, as: flag}", "softDelete knows no as: flag"),
        ("constants: {name: x}", "property name is filled from name and constants"),
        ("derived: {name: \"${tenant}\"}", "property name is filled from name and derived"),
        ("derived: {full: \"${nowhere}\"}", "has no column nowhere"),
        ("derived: {full: \"${name\"}", "the template of full cannot be read"),
        ("derived: {full: words}", "names no column"),
    ])
    func `a rule that cannot be kept is refused at its line`(rule: String, message: String) {
        let found = errors("label: P\n    " + rule)
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
        #expect(found.first?.hasPrefix("m.yaml:10:") == true)
    }

    @Test(arguments: [
        (#"day > 3 AND "day"=4 or Day<>5"#, #""a ""b" > 3 AND "a ""b"=4 or "a ""b"<>5"#),
        ("day > day '2020-01-01' AND day(x) = x::day", #""a ""b" > day '2020-01-01' AND day(x) = x::day"#),
        ("'day' = cast(day AS day) OR day.x = x.day", #"'day' = cast("a ""b" AS day) OR day.x = x.day"#),
        (#"f (day) = "Day""#, #"f ("a ""b") = "Day""#),
    ])
    func `a filter's column is told from types, functions and words`(filter: String, renamed: String) {
        #expect(SQLCondition(filter).renaming(["day": #"a "b"#]) == renamed)
    }

    @Test func `PostgreSQL before 15 has no row filters`() {
        #expect(errors("label: P\n    where: id = 7", Self.shop(version: 140_000))[0].contains("has no row filters"))
    }

    @Test func `a filter may ask for any column where the identity is full`() {
        #expect(errors("label: P\n    where: tenant = 7 AND \"name\" <> 'it''s'", Self.shop(.full)).isEmpty)
    }

    @Test func `a row that comes by an update has to come whole`() {
        let long = Self.shop(toasted: ["name"])
        for rule in ["where: id = 7", "softDelete: gone"] {
            #expect(errors("label: P\n    " + rule, long)[0].contains("the stream leaves out long values"))
            #expect(errors("label: P\n    " + rule, Self.shop(.full, toasted: ["name"])).isEmpty)
        }
        let template = "label: P\n    derived: {full: \"${name} ${tenant}\"}"
        #expect(errors(template, long)[0].contains("the stream leaves out a long value of name"))
        #expect(errors("label: P\n    derived: {full: \"<${name}>\"}", long).isEmpty)
    }

    @Test func `rows of relationships wait for what does not always count`() throws {
        let text = Self.people("label: P\n    softDelete: gone").replacing(
            "{skip: true}",
            with: "{relationship: L, from: {columns: [a], references: public.people}, "
                + "to: {columns: [b], references: public.orders}}")
        let mapping = try parsed(text).resolve(against: Self.shop())
        #expect(mapping.joins.map(\.waits) == [true])
        #expect(mapping.awaitedEnds(of: mapping.nodes[0]).map(\.side) == [.from])
        #expect(mapping.constraints.contains { $0.label == "Lockstep__P__L__Order" && $0.isUnique })
    }

    @Test(arguments: [
        ("labels: [P, {column: vip, label: Order}]", "label Order belongs to"),
        ("labels: [P, {column: vip, label: P}]", "label P belongs to"),
        ("labels: [P, {column: vip, label: LockstepX}]", "is Lockstep's own"),
        ("labels: [P, {column: tenant}]", "tenant is no enum"),
        ("labels: [P, {column: tenant, values: {one: A}}]", "this is no value of tenant"),
        ("labels: [{column: vip, label: Vip}]", "labels is empty"),
        ("labels: [P, {column: vip, label: Vip, values: {true: Vip}}]", "label and values stand side by side"),
        ("labels: [P, {column: vip, label: A}, {column: tenant, label: A}]", "label A stands for two columns"),
    ])
    func `a label that cannot be kept is refused`(labels: String, message: String) {
        let found = errors(labels)
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test func `labels, constants and derived properties are in the statement and in the plan`() throws {
        let file = try parsed(
            Self.people(
                """
                labels: [P, Q, {column: tenant, values: {1: One, 2: Other, 3: Other}}, {column: vip, label: Vip}]
                    constants: {source: 'it''s', n: 3}
                    derived: {full: "${name} (${tenant:-no})"}
                """))
        let catalog = Self.shop()
        let mapping = try file.resolve(against: catalog)
        let node = mapping.nodes[0]
        #expect(
            node.conditionalLabels.map(\.test.sql) == [
                #""tenant" IN ('1')"#, #""tenant" IN ('2', '3')"#, #""vip" IN ('t')"#,
            ])
        #expect(
            node.upsertStatement(properties: [0, 1], holding: 0b101)
                == "UNWIND $rows AS r MERGE (n:`P` {`id`: r[0]}) REMOVE n:`Other` SET n:`Q`:`One`:`Vip` "
                + #"SET n.`name` = r[1], n.`full` = r[2], n.`source` = 'it\'s', n.`n` = 3"#)
        let json = Plan(mapping: mapping, file: file, catalog: catalog).json
        #expect(json.contains(#""where": "(\"tenant\" IN ('2', '3'))""#))
        #expect(json.contains(#"(t.\"name\")::text || ' (' || coalesce((t.\"tenant\")::text, 'no') || ')'"#))
    }

    @Test func `a publication has filters and lists where the file asks for them`() throws {
        let text = Self.people("label: P\n    where: id > 3").replacing("@h/d\"}", with: "@h/d\", columnLists: true}")
        let file = try parsed(text)
        let catalog = Self.shop()
        let plan = Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
        #expect(
            plan.publicationStatement.contains(
                """
                FOR TABLE
                  ONLY "public"."people" ("id", "name") WHERE (id > 3),
                  ONLY "public"."orders" ("id", "person")
                """))
        let name = QualifiedName(schema: "public", name: "people")
        #expect(
            plan.alterStatement([name], present: [name])
                == #"ALTER PUBLICATION "lockstep_p" DROP TABLE ONLY "public"."people"; "#
                + #"ALTER PUBLICATION "lockstep_p" ADD TABLE ONLY "public"."people" ("id", "name") WHERE (id > 3)"#)
    }

    @Test func `init names what marks rows as deleted`() {
        let catalog = Catalog.of(
            .of("public.notes", "id int4, deleted_at timestamptz, is_deleted bool, removed_at date!", key: ["id"]))
        let text = Proposal(for: catalog).render(settings)
        #expect(text.contains("softDelete: deleted_at leaves out rows where it is set"))
        #expect(text.contains("softDelete: {column: is_deleted, equals: true} leaves out such rows"))
        #expect(!text.contains("softDelete: removed_at"))
    }
}
