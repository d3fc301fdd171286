// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// What keeps new tables from becoming a part of the mapping by policy: rights that the pipeline's role lacks. Whoever makes
/// a table is not to stop a pipeline with it.
enum AdoptionObstacles {
    /// - Parameter tables: At least one.
    /// - Returns: Why, for those that cannot be read or published.
    static func find(
        _ tables: [Catalog.Table], publication: String, _ source: PostgresConnection
    ) throws(PipelineError) -> [OID: String] {
        let rows = try postgres { () throws(PostgresError) in try source.query(sql(tables, publication)) }
        var found: [OID: String] = [:]
        for row in rows {
            guard let table = tables.first(where: { row[0] == String($0.oid.rawValue) }) else { continue }
            if row[1] != "t" {
                found[table.oid] = "the role may not read it (GRANT SELECT ON \(table.name.sql) TO …)"
            } else if row[2] == "t" {
                found[table.oid] = "row security hides rows of it from the role"
            } else if row[3] != "t" {
                found[table.oid] =
                    "only its owner can publish it (ALTER PUBLICATION \(QualifiedName.quoted(publication)) ADD TABLE "
                    + "\(table.name.sql))"
            }
        }
        return found
    }

    private static func sql(_ tables: [Catalog.Table], _ publication: String) -> String {
        let name = QualifiedName.literal(publication)
        return """
            SELECT c.oid, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), \
            row_security_active(c.oid), \
            EXISTS (SELECT FROM pg_publication_tables t \
            WHERE t.pubname = \(name) AND t.schemaname = n.nspname AND t.tablename = c.relname) \
            OR (pg_has_role(c.relowner, 'USAGE') AND coalesce( \
            (SELECT pg_has_role(pubowner, 'USAGE') FROM pg_publication WHERE pubname = \(name)), true)) \
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE c.oid IN (\(tables.map { String($0.oid.rawValue) }.joined(separator: ", ")))
            """
    }
}
