// Part of Lockstep. See LICENSE.

public import Mapping
public import PostgreSQL

/// Looks into the documents of a database, for `lockstep init --sample`. Names of members are read, and no values.
public enum DocumentSampling {
    /// - Parameter rows: How many of each table are looked at: the first ones that PostgreSQL finds.
    public static func read(_ url: String, _ catalog: Catalog, rows: Int) throws(PipelineError) -> [DocumentSample] {
        let connection = try postgres { () throws(PostgresError) in
            try PostgresConnection(try PostgresConfiguration(url))
        }
        var samples: [DocumentSample] = []
        for table in catalog.tables {
            for column in table.columns where ["json", "jsonb"].contains(catalog.underlyingType(of: column.type)?.name)
            {
                samples.append(try read(table, column.name, rows, connection))
            }
        }
        return samples
    }

    private static func read(
        _ table: Catalog.Table, _ column: String, _ rows: Int, _ connection: PostgresConnection
    ) throws(PipelineError) -> DocumentSample {
        let found = try postgres { () throws(PostgresError) in
            try connection.query(sql(table.ownRowsSQL, QualifiedName.quoted(column), rows))
        }
        var sample = DocumentSample(table: table.name, column: column, rows: rows, members: [])
        var path: [String] = []
        var kinds: Set<String> = []
        // A row for each step of a path, the last one with the kinds of what stands there.
        for row in found {
            path.append(row["step"] ?? "")
            guard let list = row["kinds"] else { continue }
            kinds = Set(list.split(separator: ",").map(String.init))
            sample.members.append(DocumentSample.Member(path: path, kinds: kinds))
            path = []
        }
        return sample
    }

    private static func sql(_ table: String, _ column: String, _ rows: Int) -> String {
        """
        WITH RECURSIVE documents AS (SELECT \(column)::pg_catalog.jsonb AS d FROM \(table) WHERE \(column) IS NOT NULL LIMIT \(rows)),
        walk (path, v) AS (
            SELECT '{}'::pg_catalog.text[], d FROM documents
            UNION ALL
            SELECT w.path || m.key, m.value FROM walk w CROSS JOIN LATERAL pg_catalog.jsonb_each(
                CASE WHEN pg_catalog.jsonb_typeof(w.v) = 'object' THEN w.v ELSE '{}' END) m
            WHERE pg_catalog.cardinality(w.path) < \(DocumentSample.depthMax)),
        found AS (
            SELECT path, CASE pg_catalog.jsonb_typeof(v)
                WHEN 'array' THEN (
                    SELECT CASE WHEN count(*) = 0 THEN 'list'
                        WHEN bool_or(k IS NULL OR k = 'json') THEN 'json'
                        WHEN count(DISTINCT k) = 1 THEN 'list<' || min(k) || '>'
                        WHEN bool_and(k IN ('integer', 'float')) THEN 'list<float>' ELSE 'list<string>' END
                    FROM (SELECT \(kind("e")) AS k FROM pg_catalog.jsonb_array_elements(v) AS a (e)) AS s)
                ELSE \(kind("v")) END AS kind
            FROM walk
            WHERE pg_catalog.cardinality(path) > 0 AND (pg_catalog.jsonb_typeof(v) <> 'object' OR v = '{}'
                OR pg_catalog.cardinality(path) = \(DocumentSample.depthMax))),
        members AS (SELECT path, string_agg(DISTINCT kind, ',') AS kinds FROM found GROUP BY path)
        SELECT step, CASE WHEN n = pg_catalog.cardinality(path) THEN coalesce(kinds, '') END AS kinds
        FROM members CROSS JOIN LATERAL unnest(path) WITH ORDINALITY AS u (step, n) ORDER BY path COLLATE "C", n
        """
    }

    /// The kind of a value that is no array; NULL for JSON's null.
    private static func kind(_ value: String) -> String {
        """
        CASE pg_catalog.jsonb_typeof(\(value)) WHEN 'null' THEN NULL WHEN 'string' THEN 'string' WHEN 'boolean' THEN 'boolean'
            WHEN 'number' THEN CASE WHEN (\(value))::pg_catalog.numeric = trunc((\(value))::pg_catalog.numeric)
                AND (\(value))::pg_catalog.numeric BETWEEN \(Int64.min) AND \(Int64.max) THEN 'integer' ELSE 'float' END
            ELSE 'json' END
        """
    }
}
