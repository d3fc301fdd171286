// Part of Lockstep. See LICENSE.

import Bolt
import TestServers
import TestSupport
import Testing

/// Properties and labels of a table's nodes that come from other tables' rows.
@Suite(.oneAtATime, .postgres())
struct `What nodes look up` {
    private static let schema = """
        CREATE TABLE status (
            id int PRIMARY KEY, name text, since timestamptz, kind text, final bool, used int);
        CREATE TABLE region (code text, part int, title text, gone bool, PRIMARY KEY (code, part));
        ALTER TABLE region REPLICA IDENTITY FULL;
        CREATE TABLE orders (
            id int PRIMARY KEY, note text, region text, part int, parent int,
            status_id int REFERENCES status ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO status SELECT
            i, 's' || i, '2024-01-01Z'::timestamptz + i * '1 day'::interval,
            (ARRAY['open', 'waiting', 'done', 'lost'])[i], i > 3
        FROM generate_series(1, 6) i;
        INSERT INTO region SELECT 'r' || i % 5, i / 5, nullif('t' || i, 't3'), i % 7 = 0 FROM generate_series(0, 19) i;
        INSERT INTO orders SELECT i, 'n' || i % 9, 'r' || i % 6, i % 4, nullif(i % 50, 0), nullif(i % 7, 0)
        FROM generate_series(1, 200) i;
        """

    private static let tables = """
        tables:
          public.status:
            label: Status
            key: {id: id}
            properties: {name: name, since: since, kind: kind, final: isFinal}
          public.region:
            label: Region
            key: {code: code, part: part}
            properties: {title: title}
            softDelete: {column: gone, equals: true}
          public.orders:
            label: Order
            key: {id: id}
            properties: {note: note}
            lookups:
              - columns: [status_id]
                references: public.status
                properties: {name: status, since: since}
                labels: [{column: kind, values: {open: Active, waiting: Active, done: Closed}}, {column: final, label: Final}]
              - columns: [region, part]
                references: public.region
                properties: {title: region}
                labels: [{column: title, label: Titled}]
                enforced: false
              - columns: [parent]
                references: public.orders
                properties: {note: parentNote}
                labels: [{column: note, values: {n7: Seventh, again: Repeated}}]
                enforced: false
        """

    private static func project(
        _ kind: GraphServer.Kind, _ body: @escaping @Sendable (Project) async throws -> Void
    ) async throws {
        try await Project.on(kind, "lookup", schema: schema) { project in
            try await project.propose()
            try project.setTables(tables)
            if !kind.isNeo4j {
                let refused = try await project.lockstep("check")
                #expect(refused.output.contains("labels of public.orders depend on a column"), "\(refused)")
                try project.edit { $0.replace(/\n +labels: .*/, with: "") }
            }
            try project.applyInParts(of: 40, above: 70)
            try await body(project)
        }
    }

    /// The orders' properties and labels by PostgreSQL, and by the graph.
    private func expectValues(_ project: Project, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let labels = [
            "Active": "s.kind IN ('open', 'waiting')", "Closed": "s.kind = 'done'", "Final": "s.final",
            "Titled": "r.title IS NOT NULL", "Seventh": "p.note = 'n7'", "Repeated": "p.note = 'again'",
        ].filter { _ in project.graph.kind.isNeo4j }
        let tests = labels.values.map { ", coalesce(\($0), false)::text" }.joined()
        let rows = try await project.sql(
            """
            SELECT o.id, s.name, r.title, p.note\(tests) FROM orders o LEFT JOIN status s ON s.id = o.status_id
            LEFT JOIN region r ON (r.code, r.part) = (o.region, o.part) AND r.gone IS NOT TRUE
            LEFT JOIN orders p ON p.id = o.parent ORDER BY o.id
            """)
        let flags = labels.keys.map { ", o:\($0)" }.joined()
        let nodes = try await project.graph.query(
            "MATCH (o:Order) RETURN o.id, o.status, o.region, o.parentNote\(flags) ORDER BY o.id"
        ).rows
        let shown = nodes.map { $0.map { $0 == .null ? "" : $0.plain }.joined(separator: "|") }
        #expect(
            shown == rows.split(separator: "\n").map(String.init).filter { !$0.isEmpty },
            sourceLocation: sourceLocation)
    }

    @Test(arguments: GraphServer.kinds)
    func `is what the join gives, whatever changes on either side`(kind: GraphServer.Kind) async throws {
        try await Self.project(kind) { project in
            var dice = Dice.thrown
            let seed = dice.seed
            try await project.whileRunning { running in
                try await project.settle()
                try await expectValues(project)
                // One row, and more nodes than fit a graph transaction are something else, at once or in parts.
                try await project.sql(
                    "UPDATE status SET name = 'tiny', kind = 'open' WHERE id = 6; UPDATE orders SET status_id = 2")
                try await project.settle()
                #expect(running.log.contains("applied in parts"))
                try await project.sql("UPDATE status SET name = 'renamed', kind = 'done', final = true WHERE id = 2")
                try await project.settle()
                try await expectValues(project)
                try await project.expectNoTraceOfParts()
                // Another row at the place of one that is named all the time.
                try await project.sql(
                    "BEGIN; DELETE FROM status WHERE id = 3; INSERT INTO status VALUES (3, 'other'); COMMIT")
                try await project.sql("UPDATE status SET id = 20 WHERE id = 2; UPDATE status SET used = 1")
                try await project.sql("TRUNCATE region")
                try await project.settle()
                try await expectValues(project)
                try await project.sql(
                    """
                    INSERT INTO region SELECT 'r' || i % 5, i / 5, 'again' || i FROM generate_series(0, 19) i;
                    UPDATE orders SET status_id = id % 6 + 1 WHERE id % 6 <> 1;
                    DELETE FROM status WHERE id = 1
                    """)
                try await project.sql((0..<25).map { _ in Self.transaction(&dice) }.joined(separator: ";\n"))
                try await project.settle()
                try await expectValues(project)
                try await project.expectEqual("LOCKSTEP_SEED=\(seed)")
            }
            // The same changes in a few large batches.
            try project.edit { $0 = $0.replacing("rows: 40, wholeRows: 70", with: "rows: 2000, wholeRows: 5000") }
            let transactions = (0..<70).map { $0 == 35 ? "TRUNCATE region" : Self.transaction(&dice) }
            try await project.sql(transactions.joined(separator: ";\n"))
            try await project.whileRunning { _ in
                try await project.settle()
                try await expectValues(project)
                try await expectRepaired(project, "LOCKSTEP_SEED=\(seed), as a backlog")
            }
        }
    }

    /// Damage is seen by verify, and a load of the table that is looked up makes it right.
    private func expectRepaired(_ project: Project, _ note: String) async throws {
        func resync(_ arguments: String...) async throws {
            let load = try project.start(["resync"] + arguments)
            #expect(try await load.process.waitForExit(within: .seconds(60)) == .code(0), "\(load.log)")
            try await project.settleLoads()
        }
        try await project.sql("INSERT INTO orders SELECT i, 'n', 'zz', 9, NULL, 20 FROM generate_series(901, 930) i")
        try await project.settle()
        let labels = project.graph.kind.isNeo4j ? "o:Active:Closed:Seventh, " : ""
        _ = try await project.cypher("MATCH (o:Order) WHERE o.id > 900 SET \(labels)o.status = 'wrong'")
        let found = try await project.lockstep("verify", "--full")
        #expect(found.exit != .code(0) && found.output.contains("status"), "\(note)\n\(found)")
        #expect(found.output.contains("labels") == project.graph.kind.isNeo4j, "\(note)\n\(found)")
        _ = try await project.cypher("MATCH (s:Status) SET s.name = 'wrong', s.kind = 'open'")
        try await resync("public.status")
        try await expectValues(project)
        // A node that no row has made, and what was looked up there.
        _ = try await project.cypher("CREATE (:Region {code: 'zz', part: 9, title: 'left over'})")
        let titled = project.graph.kind.isNeo4j ? ", o:Titled" : ""
        _ = try await project.cypher("MATCH (o:Order) WHERE o.id > 900 SET o.region = 'left over'\(titled)")
        try await resync("public.region", "--where", "code = 'zz'")
        try await expectValues(project)
        try await project.expectEqual(note)
    }

    /// One to five changes of any table; keys are few, so that they meet.
    private static func transaction(_ dice: inout Dice) -> String {
        let changes = (0...dice.pick(5)).map { _ in
            let (status, other, order) = (dice.pick(9), dice.pick(9), dice.pick(230))
            let region = "'r\(dice.pick(6))', \(dice.pick(5))"
            let kind = "(ARRAY['open', 'waiting', 'done', 'lost'])[\(other)]"
            switch dice.pick(12) {
            case 0:
                return "INSERT INTO status VALUES (\(status), 'n\(other)', now(), \(kind)) ON CONFLICT DO NOTHING"
            case 1: return "UPDATE status SET name = name || 'x', since = since + '1 s'::interval WHERE id = \(status)"
            case 2:
                return "UPDATE status SET id = \(other) WHERE id = \(status) "
                    + "AND NOT EXISTS (SELECT FROM status WHERE id = \(other))"
            case 3: return "DELETE FROM status WHERE id = \(status) AND id > 5"
            case 4: return "INSERT INTO region VALUES (\(region), 'new') ON CONFLICT DO NOTHING"
            case 5: return "UPDATE region SET title = title || 'y' WHERE (code, part) = (\(region))"
            case 6: return "UPDATE region SET gone = gone IS NOT TRUE WHERE (code, part) = (\(region))"
            case 7: return "DELETE FROM region WHERE (code, part) = (\(region))"
            case 8:
                return "UPDATE orders SET (region, part) = (\(region)), note = note || 'z', "
                    + "status_id = (SELECT max(id) FROM status WHERE id <= \(status)) WHERE id % 40 = \(order % 40)"
            case 9: return "DELETE FROM orders WHERE id = \(order)"
            case 10: return "UPDATE status SET kind = \(kind), final = final IS NOT TRUE WHERE id = \(status)"
            default:
                return "DELETE FROM orders WHERE id = \(order); "
                    + "INSERT INTO orders VALUES (\(order), 'again', \(region), \(order % 50), NULL)"
            }
        }
        return "BEGIN; \(changes.joined(separator: "; ")); COMMIT"
    }
}
