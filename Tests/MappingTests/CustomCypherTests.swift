// Part of Lockstep. See LICENSE.

import PostgreSQL
import Testing

@testable import Mapping

/// Cypher of somebody's own for a table: what the file says, held against the catalog.
struct `Cypher in a mapping file` {
    private static let catalog = Catalog.of(
        .of("public.notes", "id int4, title text, tags text, secret text", key: ["id"]),
        .of(
            "public.marks", "id int4, note int4", key: ["id"],
            references: [.of(["note"], "public.notes", ["id"])]))

    private static func file(_ notes: String, marks: String = "{skip: true}") -> String {
        head + "  public.notes:\n    key: {id: noteId}\n    properties: {title: title, tags: labels}\n"
            + "    exclude: [secret]\n    constants: {source: crm}\n    derived: {tag: \"#${id}\"}\n    \(notes)\n"
            + "  public.marks: \(marks)\n"
    }

    private static let cypher =
        "cypher: {upsert: 'MERGE (:T {id: row.noteId})', delete: 'MATCH (t:T {id: row.noteId}) DELETE t'}"

    private func plan(_ notes: String) throws -> Plan {
        let file = try parsed(Self.file(notes))
        return Plan(mapping: try file.resolve(against: Self.catalog), file: file, catalog: Self.catalog)
    }

    @Test func `in place of a label leaves the rows to Lockstep, and the plan to compare nothing of them`() throws {
        let plan = try plan(Self.cypher)
        let node = plan.mapping.nodes[0]
        #expect(node.isOwn && node.labels == ["LockstepRow__public__notes"])
        #expect(node.rowProperties == ["noteId", "title", "labels", "tag", "source"])
        #expect(plan.mapping.constraints.contains { $0.label == "LockstepRow__public__notes" && $0.isUnique })
        #expect(plan.json.contains(#""nodes": []"#))
        #expect(
            plan.json.contains(#""label": null"#) && plan.json.contains(#""upsert": "MERGE (:T {id: row.noteId})""#))
        #expect(plan.text.contains("what its cypher makes is not verified"))
        #expect(try parsed(Self.file(Self.cypher)).tablesWithCypher.map(\.name) == ["notes"])
    }

    @Test func `beside a label is run for the nodes that the plan shows`() throws {
        let plan = try plan("label: Note\n    " + Self.cypher)
        #expect(!plan.mapping.nodes[0].isOwn && plan.json.contains(#""labels": ["Note"]"#))
        #expect(plan.json.contains(#""label": "Note""#))
        let purposes = plan.statements.map(\.purpose)
        #expect(purposes.contains("cypher.upsert") && purposes.contains("truncate: cypher.delete"))
    }

    @Test func `is run by one text for all rows, each by itself`() throws {
        let node = try plan("label: Note\n    " + Self.cypher).mapping.nodes[0]
        let own = try #require(node.custom)
        let row =
            "WITH {`noteId`: n.`noteId`, `title`: n.`title`, `labels`: n.`labels`, `tag`: n.`tag`, `source`: n.`source`}"
        #expect(
            node.customStatement(.upsert, of: own)
                == "UNWIND $rows AS r MATCH (n:`Note` {`noteId`: r[0]}) \(row) AS row CALL (row) {\n\(own.upsert)\n}")
        #expect(
            node.customStatement(.delete, of: own, skipsGone: true).contains(
                "WHERE n.`_lockstepGone` IS NULL WITH {"))
        let sweep = try #require(node.customSweepStatement)
        #expect(
            sweep.hasPrefix(
                "MATCH (n:`Note`) WHERE n.`_lockstepGone` IS NULL WITH n LIMIT $limit SET n.`_lockstepGone` = true WITH {"
            )
                && sweep.hasSuffix("\n\(own.delete)\n} RETURN count(*) AS deleted"))
    }

    @Test(arguments: [
        (
            "label: N\n    relationship: X\n    cypher: {upsert: a, delete: b}",
            "cypher and relationship stand side by side"
        ),
        ("cypher: {upsert: a}", "cypher has no delete"),
        ("cypher: {upsert: a, delete: b, truncate: c}", "cypher knows no key \"truncate\""),
        ("lookups: []\n    cypher: {upsert: a, delete: b}", "lookups without a label"),
        ("relationships: []\n    cypher: {upsert: a, delete: b}", "relationships without a label"),
        (
            "softDelete: {column: title, as: label, label: Gone}\n    cypher: {upsert: a, delete: b}",
            "as: label needs a label"
        ),
        ("cypher: {upsert: '', delete: b}", "the statement cypher.upsert of public.notes has no statement"),
        ("cypher: {upsert: a, delete: 'CREATE (a); CREATE (b)'}", "cypher.delete of public.notes has the sign ;"),
        ("labels: [LockstepRow__x]\n    cypher: {upsert: a, delete: b}", "is Lockstep's own"),
    ])
    func `that cannot be kept is refused`(rule: String, message: String) {
        let found = faults(Self.file(rule), against: Self.catalog).filter { $0.contains(": error: ") }
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test func `stands for one row, which equal ones are not`() {
        let text = head + "  public.notes:\n    label: N\n    distinct: {digest: d, count: c}\n    \(Self.cypher)\n"
        #expect(faults(text, against: Self.catalog).contains { $0.contains("cypher and distinct stand side by side") })
    }

    @Test func `leaves nothing that could be referred to`() throws {
        let marks =
            "{label: Mark, key: {id: id}, relationships: [{type: ON, columns: [note], references: public.notes}]}"
        let found = faults(Self.file(Self.cypher, marks: marks), against: Self.catalog)
        #expect(found.contains { $0.contains("public.notes has no label") }, "\(found)")
        #expect(throws: Never.self) {
            try parsed(Self.file("label: Note\n    " + Self.cypher, marks: marks)).resolve(against: Self.catalog)
        }
        // Nor does `init` propose that.
        let alone = Self.file(Self.cypher).replacing("  public.marks: {skip: true}\n", with: "")
        let merged = try MappingFile.merging(Array(alone.utf8), file: "m.yaml", with: Self.catalog).text
        #expect(merged.contains("label: Mark") && merged.contains("public.notes has no label"), "\(merged)")
    }

    @Test func `may ask the row for what it does not have, and is told so`() {
        let found = faults(
            Self.file(
                "cypher: {upsert: 'MERGE (:T {id: row.id, a: row.`title`, b: x.row.nothing})', delete: 'FINISH'}"),
            against: Self.catalog
        ).filter { $0.contains(": warning: ") }
        #expect(found.count == 1 && found[0].contains("uses row.id, and rows have no such property"), "\(found)")
    }

    @Test func `makes something else of a table where upsert changes`() throws {
        let table = QualifiedName(schema: "public", name: "notes")
        let usual = try plan(Self.cypher).content(of: table)?.fingerprint
        #expect(
            try plan(Self.cypher.replacing("MERGE (:T", with: "MERGE (:U")).content(of: table)?.fingerprint != usual)
        #expect(
            try plan(Self.cypher.replacing("DELETE t", with: "DETACH DELETE t")).content(of: table)?.fingerprint
                == usual)
    }
}

struct `A Cypher statement` {
    @Test(arguments: [
        "MERGE (a:A {id: row.id}) // the last; one",
        "MATCH (a:`odd;} name`) WHERE a.return = ';$}' SET a.x = \"it\\\"s }\" /* ; $x */",
        "MATCH (a) WHERE EXISTS { MATCH (a)-->(b) RETURN b } DELETE a",
        "UNWIND row.list AS x MERGE (t:T {name: x}) WITH t WHERE t.x IN transactions SET t.y = {return: 1}",
        "CREATE (a:Index)", "CREATE p = (a)-[:X]->(b)", "CALL (row) { CREATE (:A) } FINISH",
    ])
    func `is taken as it is`(text: String) {
        #expect(CypherText(text).fault == nil, "\(CypherText(text).fault?.what ?? "")")
    }

    @Test(arguments: [
        ("", "no statement"), ("  // nothing", "no statement"), ("CREATE (a);", "the sign ;"),
        ("CREATE (a {x: $rows})", "a parameter"), ("CREATE (a {x: 'b})", "a quote that is not closed"),
        ("CREATE (a:`b)", "a name that is not closed"), ("CREATE (a) /* b", "a comment that is not closed"),
        ("CREATE (a) } CREATE (b) {", "the bracket } alone"), ("CREATE (a {x: [1)}]", "the bracket ) alone"),
        ("CREATE (a", "a bracket that is not closed"), ("MATCH (a) RETURN a", "a result"),
        ("UNWIND [1] AS x CALL (x) { CREATE (:A) } IN TRANSACTIONS", "transactions of its own"),
        ("CALL { CREATE (:A) } in 3 concurrent transactions OF 10 ROWS", "transactions of its own"),
        ("CREATE INDEX x FOR (n:A) ON (n.b)", "a command on the schema"),
        ("create or replace database x", "a command on the schema"), ("DROP CONSTRAINT x", "a command on the schema"),
    ])
    func `is refused for`(text: String, what: String) {
        #expect(CypherText(text).fault?.what.hasPrefix(what) == true, "\(CypherText(text).fault?.what ?? "taken")")
    }
}
