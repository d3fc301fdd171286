// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A publication and what it publishes.
public struct Publication: Sendable {
    public var name: String
    /// `FOR ALL TABLES`.
    public var isForAllTables: Bool
    /// Changes of partitions come under the name of their root.
    public var isViaPartitionRoot: Bool
    public var publishesInserts: Bool
    public var publishesUpdates: Bool
    public var publishesDeletes: Bool
    public var publishesTruncates: Bool
    /// As the stream will name them.
    public var tables: Set<QualifiedName>
    /// The columns of each table that are published; nil before PostgreSQL 15, which publishes whole tables only.
    public var columns: [QualifiedName: Set<String>]?
    /// The row filters, as PostgreSQL prints them.
    public var filters: [QualifiedName: String] = [:]
}

/// Looks for publications, over any connection.
public enum Publications {
    /// - Returns: nil where there is no publication of that name.
    public static func find(
        _ name: String, _ connection: PostgresConnection
    ) throws(PostgresError) -> Publication? {
        let literal = QualifiedName.literal(name)
        let rows = try connection.query(
            """
            SELECT puballtables, pubviaroot, pubinsert, pubupdate, pubdelete, pubtruncate
            FROM pg_catalog.pg_publication WHERE pubname = \(literal)
            """)
        guard let row = rows.first else { return nil }
        let tables = try connection.query(
            "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = \(literal)")
        var publication = Publication(
            name: name, isForAllTables: row["puballtables"] == "t", isViaPartitionRoot: row["pubviaroot"] == "t",
            publishesInserts: row["pubinsert"] == "t", publishesUpdates: row["pubupdate"] == "t",
            publishesDeletes: row["pubdelete"] == "t", publishesTruncates: row["pubtruncate"] == "t",
            tables: Set(tables.map(table)))
        if connection.serverVersion >= 150_000 { try readDetails(literal, connection, into: &publication) }
        return publication
    }

    private static func readDetails(
        _ literal: String, _ connection: PostgresConnection, into publication: inout Publication
    ) throws(PostgresError) {
        let rows = try connection.query(
            """
            SELECT p.schemaname, p.tablename, a.name, p.rowfilter
            FROM pg_catalog.pg_publication_tables p CROSS JOIN LATERAL pg_catalog.unnest(p.attnames) AS a (name)
            WHERE p.pubname = \(literal)
            """)
        var columns: [QualifiedName: Set<String>] = [:]
        for row in rows {
            columns[table(row), default: []].insert(row["name"] ?? "")
            publication.filters[table(row)] = row["rowfilter"]
        }
        publication.columns = columns
    }

    private static func table(_ row: PostgresRow) -> QualifiedName {
        QualifiedName(schema: row["schemaname"] ?? "", name: row["tablename"] ?? "")
    }
}
