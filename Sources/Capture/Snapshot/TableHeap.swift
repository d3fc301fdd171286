// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Where rows of a table are: the table itself, or one of its partitions.
public struct TableHeap: Sendable, Equatable {
    public var name: QualifiedName
    public var oid: OID
    /// Another one when the table was rewritten or truncated.
    public var fileNode: String
    /// Its size now. One that cannot be read by blocks has a single one.
    public var blocks: UInt32
    /// As far as statistics tell.
    var rowsPerBlock: Double
    /// Read as a whole: it has no blocks that a query may name, or has to come in one piece.
    public var isWhole: Bool

    /// So many blocks hold about `rows` rows.
    public func blocks(holding rows: Int) -> UInt32 {
        guard !isWhole else { return 1 }
        return UInt32(min(8192, max(1, Double(rows) / max(0.01, rowsPerBlock))))
    }

    /// The rows that stand in `range`, as a condition in SQL; nil for all. The last range has no end: what was added since
    /// is in it.
    public func condition(_ range: Range<UInt32>) -> String? {
        guard !isWhole else { return nil }
        let end = range.upperBound >= blocks ? "" : " AND ctid < '(\(range.upperBound),0)'::pg_catalog.tid"
        return "ctid >= '(\(range.lowerBound),0)'::pg_catalog.tid\(end)"
    }

    /// Rows in a block where nothing is known of the table.
    private static let usualRowsPerBlock = 60.0

    /// The heaps of a table as they are now.
    ///
    /// One alone, read as a whole, where ranges of blocks cannot be read apart: before PostgreSQL 14, where the rows are in
    /// something else than heaps, and where the role may read them by their root only.
    ///
    /// - Throws: `.tableMissing`.
    public static func all(
        of table: QualifiedName, inOnePiece: Bool, _ connection: PostgresConnection
    ) throws(CaptureError) -> [Self] {
        let rows = try capturing({ CaptureError($0, relation: table) }) { () throws(PostgresError) in
            try connection.query(
                """
                WITH root AS (
                    SELECT c.oid, c.relkind FROM pg_catalog.pg_class c
                    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = $1 AND c.relname = $2)
                SELECT c.oid, n.nspname, c.relname, c.relkind,
                    coalesce(nullif(c.relfilenode, 0), pg_catalog.pg_relation_filenode(c.oid), 0)::text AS file,
                    CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid)
                        / pg_catalog.current_setting('block_size')::pg_catalog.int8 END AS blocks,
                    c.reltuples, c.relpages,
                    c.relkind = 'r' AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
                        AND coalesce((SELECT amname = 'heap' FROM pg_catalog.pg_am a WHERE a.oid = c.relam), false)
                        AS readable
                FROM root
                JOIN pg_catalog.pg_class c ON c.oid = root.oid OR root.relkind = 'p' AND c.oid IN (
                    SELECT relid FROM pg_catalog.pg_partition_tree(root.oid) WHERE isleaf)
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                ORDER BY c.oid = root.oid DESC, c.oid
                """, [table.schema, table.name])
        }
        guard let root = rows.first else {
            throw CaptureError(
                .tableMissing, "PostgreSQL at \(connection.server): the table is not there", relation: table)
        }
        let leaves = root["relkind"] == "p" ? rows.dropFirst() : rows[...]
        let isReadable = connection.serverVersion >= 140_000 && leaves.allSatisfy { $0["readable"] == "t" }
        guard isReadable, !inOnePiece else { return [Self(root, isWhole: true)] }
        return leaves.map { Self($0, isWhole: false) }
    }

    private init(_ row: PostgresRow, isWhole: Bool) {
        name = QualifiedName(schema: row["nspname"] ?? "", name: row["relname"] ?? "")
        oid = OID(rawValue: row["oid"].flatMap { UInt32($0) } ?? 0)
        fileNode = row["file"] ?? "0"
        self.isWhole = isWhole
        let size = row["blocks"].flatMap { UInt32($0) } ?? 0
        // An empty one is read too: it may not be empty any more.
        blocks = isWhole ? 1 : max(1, size)
        let tuples = row["reltuples"].flatMap { Double($0) } ?? -1
        let pages = row["relpages"].flatMap { Double($0) } ?? 0
        rowsPerBlock = tuples > 0 && pages > 0 ? tuples / pages : Self.usualRowsPerBlock
    }
}
