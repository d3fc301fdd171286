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
        return Publication(
            name: name, isForAllTables: row["puballtables"] == "t", isViaPartitionRoot: row["pubviaroot"] == "t",
            publishesInserts: row["pubinsert"] == "t", publishesUpdates: row["pubupdate"] == "t",
            publishesDeletes: row["pubdelete"] == "t", publishesTruncates: row["pubtruncate"] == "t",
            tables: Set(tables.map { QualifiedName(schema: $0["schemaname"] ?? "", name: $0["tablename"] ?? "") }))
    }
}
