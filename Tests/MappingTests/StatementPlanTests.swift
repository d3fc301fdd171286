// Part of Lockstep. See LICENSE.

import Bolt
import PostgreSQL
import TestServers
import TestSupport
import Testing

@testable import Mapping

/// How Neo4j goes about the statements that get rows.
@Suite(.serialized) struct `A statement for rows` {
    private static let mapping: GraphMapping = {
        let catalog = Catalog.of(
            .of(
                "public.person", "id int4!, code text!, name text", key: ["id"],
                unique: [Catalog.UniqueKey(indexName: "c", columns: ["code"])]),
            .of("public.place", "a int4!, b int4!", key: ["a", "b"]),
            .of("public.status", "id int4!, name text", key: ["id"]),
            .of(
                "public.visit", "id int4!, person int4, code text, a int4, b int4, status int4", key: ["id"],
                references: [
                    .of(["person"], "public.person", ["id"]), .of(["code"], "public.person", ["code"]),
                    .of(["status"], "public.status", ["id"]),
                ]),
            .of(
                "public.likes", "person int4!, a int4!, b int4!, much int4", key: ["person", "a", "b"],
                references: [.of(["person"], "public.person", ["id"])]),
            .of(
                "public.knows", "one int4!, other int4!, since int4", key: ["one", "other"],
                references: [.of(["one"], "public.person", ["id"]), .of(["other"], "public.person", ["id"], name: "o")]),
            .of(
                "public.paid", "id int4!, person int4!, visit int4!, much int4", key: ["id"],
                references: [.of(["person"], "public.person", ["id"]), .of(["visit"], "public.visit", ["id"])]))
        let tables = """
              public.person: {label: Person, key: {id: id}, properties: {code: code, name: name}}
              public.place: {label: Place, key: {a: a, b: b}}
              public.status: {label: Status, key: {id: id}, properties: {name: name}}
              public.visit:
                label: Visit
                key: {id: id}
                relationships:
                  - {type: PERSON, columns: [person], references: public.person}
                  - {type: CODE, columns: [code], references: public.person}
                  - {type: PLACE, columns: [a, b], references: public.place, enforced: false}
                  - {type: AGAIN, columns: [person], references: public.person, enforced: false, reversed: true}
                lookups: [{columns: [status], references: public.status, properties: {name: status}}]
              public.likes:
                relationship: LIKES
                from: {columns: [person], references: public.person}
                to: {columns: [a, b], references: public.place, enforced: false}
                properties: {much: much}
              public.knows:
                relationship: KNOWS
                from: {columns: [one], references: public.person}
                to: {columns: [other], references: public.person}
                properties: {since: since}
              public.paid:
                relationship: PAID
                key: {id: id}
                from: {columns: [person], references: public.person}
                to: {columns: [visit], references: public.visit}
                properties: {much: much}

            """
        let file = try! parsed(head + tables)
        return try! file.resolve(against: catalog)
    }()

    /// All that is sent with rows.
    private static let statements: [String] = {
        let plan = Plan(mapping: mapping, file: try! parsed(head + "  a.b: {skip: true}\n"), catalog: .of())
        let lookups = mapping.nodes.flatMap { mapping.lookups(of: $0.table) }.flatMap { holder, lookup in
            [holder.lookUpStatement(lookup), holder.refreshStatement(lookup)]
        }
        let uses = mapping.nodes.flatMap(mapping.uses).flatMap { use in
            [use.countQuery(limit: 10), use.pagesQuery, use.pageStatement].compactMap(\.self)
        }
        return plan.statements.map(\.cypher).filter { $0.contains("$rows") } + lookups + uses
    }()

    private static func operators(_ plan: BoltValue?) -> [String] {
        guard let plan, let kind = plan["operatorType"]?.stringValue else { return [] }
        let details = plan["args"]?["Details"]?.stringValue ?? ""
        return ["\(kind) \(details)"] + (plan["children"]?.listValue ?? []).flatMap { operators($0) }
    }

    /// The server looks at an index's statistics now and then only. Until then it takes a new one for empty, so that every way
    /// of finding a node seems to cost nothing: a scan for each row is among them, which is a minute for a table of 10,000 rows.
    @Test(arguments: GraphServer.kinds.filter(\.isNeo4j))
    func `finds them by an index, also where the server knows nothing of that yet`(kind: GraphServer.Kind) async throws
    {
        try await GraphServer.shared(kind) { server in
            func run(_ cypher: String) async throws { _ = try await server.query(cypher) }
            try await run("UNWIND range(1, 20000) AS i CREATE (:Other {id: i})-[:TO]->(:End)")
            for constraint in Self.mapping.constraints { try await run(constraint.statement) }
            try await run("CALL db.awaitIndexes(60)")
            for node in Self.mapping.nodes {
                let names = Set(
                    node.key.map(\.property) + node.references.flatMap(\.kept) + node.lookups.flatMap(\.kept))
                let values = names.sorted().map { "\(Cypher.quoted($0)): i" }.joined(separator: ", ")
                try await run("UNWIND range(1, 3000) AS i CREATE (:\(Cypher.quoted(node.label)) {\(values)})")
            }
            for statement in Self.statements {
                let summary = try await server.query("EXPLAIN " + statement, ["rows": .list([]), "limit": 5]).summary
                let operators = Self.operators(summary["plan"])
                #expect(!operators.isEmpty, "\(summary)")
                #expect(!operators.contains { $0.contains("Scan") }, "\(statement)\n\(operators)")
            }
        }
    }
}
