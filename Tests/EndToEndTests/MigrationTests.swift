// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// Tables that change while they are followed, as Flyway and Liquibase change them.
@Suite(.oneAtATime, .postgres())
struct `Migrations` {
    /// `churn` writes to every table that has a comment, whatever it and its columns are called by then.
    private static let schema = """
        CREATE TABLE customer (id int PRIMARY KEY, name text, note text, email text);
        CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customer, note text, total int);
        CREATE TABLE tag (id int PRIMARY KEY, label text);
        CREATE TABLE order_tag (
            orders int REFERENCES orders, tag int REFERENCES tag, weight text, PRIMARY KEY (orders, tag));
        CREATE TABLE audit (id int PRIMARY KEY, what text);
        COMMENT ON TABLE customer IS 'rows'; COMMENT ON TABLE orders IS 'rows'; COMMENT ON TABLE tag IS 'rows';
        COMMENT ON TABLE order_tag IS 'pairs'; COMMENT ON TABLE audit IS 'rows';
        INSERT INTO customer SELECT i, 'c' || i, 'n', 'e' || i FROM generate_series(1, 20) i;
        INSERT INTO orders SELECT i, i % 20 + 1, repeat('long', i * 40), i FROM generate_series(1, 100) i;
        INSERT INTO tag SELECT i, 't' || i FROM generate_series(1, 10) i;
        INSERT INTO order_tag SELECT i, i % 10 + 1, 'w' FROM generate_series(1, 100) i;
        INSERT INTO audit SELECT i, 'w' FROM generate_series(1, 10) i;
        CREATE FUNCTION churn(n int) RETURNS void LANGUAGE plpgsql AS $$
        DECLARE t record; c record; key text;
        BEGIN
            FOR t IN SELECT r.oid, r.oid::regclass AS name, obj_description(r.oid) AS kind FROM pg_class r
                WHERE r.relkind = 'r' AND obj_description(r.oid) IN ('rows', 'pairs') LOOP
                SELECT a.attname INTO key FROM pg_attribute a
                    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum LIMIT 1;
                IF t.kind = 'rows' THEN
                    EXECUTE format('INSERT INTO %s (%I) VALUES (%s)', t.name, key, 1000 + n);
                    EXECUTE format('DELETE FROM %s WHERE %I = %s', t.name, key, 998 + n);
                END IF;
                FOR c IN SELECT a.attname, a.atttypid FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 2
                    AND NOT a.attisdropped LOOP
                    EXECUTE format('UPDATE %s SET %I = %L WHERE mod(%I + %s, 7) = 0', t.name, c.attname,
                        CASE WHEN c.atttypid IN (20, 23) THEN n::text WHEN c.atttypid = 1184 THEN now()::text
                            ELSE 'v' || n END, key, n);
                END LOOP;
                FOR c IN SELECT a.attname FROM pg_constraint f JOIN pg_attribute a
                    ON a.attrelid = t.oid AND a.attnum = f.conkey[1] WHERE f.conrelid = t.oid AND f.contype = 'f'
                    AND t.kind = 'rows' LOOP
                    EXECUTE format('UPDATE %s SET %I = %s WHERE mod(%I + %s, 5) = 0', t.name, c.attname, n % 20 + 1, key, n);
                END LOOP;
            END LOOP;
        END $$;
        """

    private static let migrations = [
        "CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, script text)",
        "ALTER TABLE customer ADD COLUMN phone text",
        "ALTER TABLE orders RENAME COLUMN note TO remark",
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
        "CREATE INDEX ON orders (total); INSERT INTO flyway_schema_history VALUES (1, 'V1')",
        "ALTER TABLE customer DROP COLUMN email",
        "ALTER TABLE tag RENAME TO keyword",
        "ALTER TABLE keyword RENAME COLUMN label TO title",
        "ALTER TABLE orders ADD COLUMN placed timestamptz",
        """
        BEGIN; ALTER TABLE orders RENAME COLUMN remark TO between_two; SELECT churn(500);
        ALTER TABLE orders RENAME COLUMN between_two TO comment; SELECT churn(501); COMMIT
        """,
        "BEGIN; ALTER TABLE customer DROP COLUMN note; ROLLBACK",
        "ALTER TABLE customer ALTER COLUMN name SET DEFAULT 'x'",
        "ALTER TABLE customer ALTER COLUMN name DROP DEFAULT",
        "ALTER TABLE order_tag RENAME COLUMN weight TO rank",
        "ALTER TABLE order_tag ADD COLUMN by text",
        "ALTER TABLE orders RENAME COLUMN customer TO customer_id",
        "ALTER TABLE orders RENAME TO purchase",
        "ALTER TABLE purchase DROP CONSTRAINT orders_customer_fkey",
        "ALTER TABLE customer RENAME COLUMN id TO customer_no",
        "ALTER TABLE purchase REPLICA IDENTITY FULL",
        "ALTER TABLE purchase DROP COLUMN placed",
        "ALTER TABLE customer ADD COLUMN address varchar(20)",
        "ALTER TABLE customer ALTER COLUMN address TYPE text",
        "CREATE TABLE copied AS SELECT * FROM purchase",
        "DROP TABLE copied",
        "ALTER TABLE purchase REPLICA IDENTITY DEFAULT",
        """
        DO $$ BEGIN ALTER TABLE keyword DROP COLUMN title; PERFORM churn(600); RAISE EXCEPTION 'no';
        EXCEPTION WHEN raise_exception THEN NULL; END $$
        """,
        "CREATE SCHEMA words; ALTER TABLE keyword SET SCHEMA words",
        "ALTER TABLE purchase ADD FOREIGN KEY (customer_id) REFERENCES customer",
        "ALTER TABLE order_tag DROP COLUMN by",
        "ALTER TABLE purchase RENAME COLUMN comment TO a; ALTER TABLE purchase RENAME COLUMN a TO final",
        "DROP TABLE audit",
    ]

    private static let policies = """
        schemaChanges: {columnAdded: apply, columnDropped: apply, tableDropped: apply}

        """

    private func prepare(_ project: Project) async throws {
        try await project.propose()
        try project.edit { $0.replace("tables:", with: Self.policies + "tables:") }
    }

    private func expectFollowed(_ project: Project, _ running: RunningLockstep) async throws {
        try await running.says("public.audit: the table is gone")
        try await project.settle()
        try await project.expectEqual()
        // Property names stay the mapping's; what is gone is gone.
        #expect(try await project.cypher("MATCH (n:Customer) WHERE n.email IS NOT NULL RETURN count(n)") == "0")
        #expect(try await project.cypher("MATCH (n:Customer) WHERE n.phone IS NOT NULL RETURN count(n) > 0") == "true")
        #expect(try await project.cypher("MATCH (n:Audit) RETURN count(n)") == "0")
        #expect(try await project.cypher("MATCH (n:Order) WHERE n.note IS NOT NULL RETURN count(n) > 0") == "true")
        let status = try await project.succeed("status", "--json")
        #expect(status.contains("take public.audit out of the mapping"), "\(status)")
        let history = "public.flyway_schema_history -> (:FlywaySchemaHistory)"
        #expect(status.contains(history) && running.log.contains(history), "\(status)")
    }

    @Test func `are followed while the pipeline runs`() async throws {
        try await Project.on(try #require(GraphServer.newest.first), "migrating", schema: Self.schema) { project in
            try await prepare(project)
            try await project.whileRunning { running in
                try await project.settle()
                for (number, migration) in Self.migrations.enumerated() {
                    try await project.sql(migration)
                    try await project.sql("SELECT churn(\(number)); SELECT churn(\(number + 100))")
                    if number % 6 == 5 { try await project.settle() }
                }
                try await expectFollowed(project, running)
            }
        }
    }

    @Test func `are followed afterwards, when the stream holds every version that there was`() async throws {
        try await Project.on(try #require(GraphServer.newest.first), "migrated", schema: Self.schema) { project in
            try await prepare(project)
            try await project.whileRunning { _ in try await project.settle() }
            for (number, migration) in Self.migrations.enumerated() {
                try await project.sql(migration)
                try await project.sql("SELECT churn(\(number)); SELECT churn(\(number + 100))")
            }
            try await project.whileRunning { try await expectFollowed(project, $0) }
        }
    }

    @Test func `wait for somebody where the mapping says so`() async throws {
        try await Project.on(try #require(GraphServer.newest.first), "pausing", schema: Self.schema) { project in
            try await project.propose()
            try await project.whileRunning { _ in try await project.settle() }
            try await project.sql("ALTER TABLE customer DROP COLUMN email; SELECT churn(1)")
            let outcome = try await project.lockstep("run")
            #expect(outcome.exit == .code(3), "\(outcome)")
            #expect(outcome.errors.contains("take email out of public.customer"), "\(outcome)")
            #expect(try await project.cypher("MATCH (n:Customer) WHERE n.email IS NOT NULL RETURN count(n)") == "20")
            // Ignored, it stays as it is.
            try project.edit { $0.replace("tables:", with: "schemaChanges: {columnDropped: ignore}\ntables:") }
            try await project.whileRunning { _ in
                try await project.settle()
                try await project.expectEqual(allowingMore: true)
            }
            #expect(try await project.cypher("MATCH (n:Customer) WHERE n.email IS NOT NULL RETURN count(n)") == "20")
        }
    }
}
