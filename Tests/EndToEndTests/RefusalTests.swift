// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Relations that no stream carries, and rows that the role may not see.
@Suite(.oneAtATime, .postgres())
struct `What cannot be followed` {
    private static let schema = """
        CREATE TABLE shop (id int PRIMARY KEY, name text);
        CREATE UNLOGGED TABLE cache (id int PRIMARY KEY);
        CREATE VIEW shop_view AS SELECT * FROM shop;
        CREATE MATERIALIZED VIEW shop_sums AS SELECT count(*) FROM shop;
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw;
        CREATE FOREIGN TABLE far (id int) SERVER elsewhere;
        CREATE SEQUENCE numbers;
        CREATE TABLE silent (id int PRIMARY KEY); ALTER TABLE silent REPLICA IDENTITY NOTHING;
        CREATE TABLE secret (id int PRIMARY KEY, owner text);
        ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
        CREATE POLICY own ON secret USING (owner = current_user);
        INSERT INTO secret VALUES (1, 'reader'), (2, 'somebody');
        """

    private static let refusals = [
        "public.cache is unlogged or temporary: its changes are not in the WAL",
        "public.shop_view is a view: it has no changes of its own",
        "public.shop_sums is a view: it has no changes of its own",
        "public.far is a foreign table: its changes are in another server's WAL",
        "public.numbers is no table",
        "pg_catalog.pg_class is a table of the system: no publication takes it",
        "updates and deletes of public.silent do not say which row they mean: its replica identity carries nothing",
    ]

    @Test(arguments: GraphServer.newest)
    func `is refused with its name and the reason, and nothing is begun`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "refused", schema: Self.schema) { project in
            try await project.propose()
            let names = [
                "public.cache", "public.shop_view", "public.shop_sums", "public.far", "public.numbers",
                "pg_catalog.pg_class", "public.silent",
            ]
            let whole = try String(contentsOf: project.mapping, encoding: .utf8)
            let head = whole.prefix(upTo: whole.range(of: "tables:")!.lowerBound)
            try project.edit { text in
                text = head + "tables:\n"
                for (number, name) in names.enumerated() {
                    text += "  \(name): {label: L\(number), key: {id: id}}\n"
                }
            }
            let checked = try await project.lockstep("check")
            for text in Self.refusals { #expect(checked.output.contains(text), "\(text)\n\(checked)") }
            let run = try await project.lockstep("run")
            #expect(run.exit == .code(2))
            for name in names { #expect(run.errors.contains(name), "\(name)\n\(run)") }
            #expect(try await project.sql("SELECT count(*) FROM pg_replication_slots") == "0")

            // A policy that hides rows from the role would make a graph of the rest of them.
            try await project.sql(
                """
                CREATE ROLE reader LOGIN REPLICATION; GRANT SELECT ON secret TO reader;
                CREATE PUBLICATION \(project.slot) FOR TABLE secret WITH (publish_via_partition_root = true)
                """)
            try project.edit { text in
                text =
                    head.replacing("postgres@", with: "reader@")
                    + "tables:\n  public.secret: {label: Secret, key: {id: id}, properties: {owner: owner}}\n"
            }
            let hidden = try await project.lockstep("check")
            #expect(hidden.output.contains("row security may hide rows of public.secret from role reader"), "\(hidden)")
            let refused = try await project.lockstep("run")
            #expect(refused.exit == .code(3) && refused.errors.contains("row-level security"), "\(refused)")
            try await project.sql("ALTER ROLE reader BYPASSRLS")
            try await project.whileRunning { _ in
                try await project.settle()
                #expect(try await project.cypher("MATCH (n:Secret) RETURN count(n)") == "2")
                // A policy is nothing to the stream.
                try await project.sql("INSERT INTO secret VALUES (3, 'somebody')")
                try await project.settle()
                #expect(try await project.cypher("MATCH (n:Secret) RETURN count(n)") == "3")
            }
            try await project.sql("ALTER ROLE reader NOBYPASSRLS")
            let blind = try await project.lockstep("verify", "--full")
            #expect(blind.exit != .code(0) && blind.errors.contains("row-level security"), "\(blind)")
            try await project.sql("DROP OWNED BY reader; DROP ROLE reader")
        }
    }
}
