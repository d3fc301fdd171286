// Part of Lockstep. See LICENSE.

internal import Mapping
public import PostgreSQL

// Snapshots of its own, and what they show.
extension SnapshotCopy {
    /// Begins a transaction with a snapshot of this moment.
    public func begin() throws(CaptureError) -> SnapshotPosition {
        try capturing { () throws(PostgresError) in
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        }
        return try position()
    }

    /// What the snapshot of the transaction in hand shows.
    ///
    /// Asked right after that was taken: the position is that of now.
    public func position() throws(CaptureError) -> SnapshotPosition {
        let (row, lsn) = try capturing { () throws(PostgresError) in
            let row = try connection.query(
                "SELECT pg_catalog.pg_current_snapshot()::text, pg_catalog.pg_is_in_recovery()"
            ).first
            return (row, try connection.currentLSN())
        }
        guard let position = SnapshotPosition(row?[0] ?? "", lsn: lsn, isOfStandby: row?[1] == "t") else {
            throw CaptureError(
                .protocolViolation, "PostgreSQL at \(connection.server): unexpected answer of pg_current_snapshot()")
        }
        return position
    }

    /// Lets others take the snapshot of the transaction in hand, for as long as that lasts.
    public func export() throws(CaptureError) -> String {
        try capturing { () throws(PostgresError) in
            try connection.query("SELECT pg_catalog.pg_export_snapshot()").first?[0] ?? ""
        }
    }

    /// Ends the transaction, and keeps the connection.
    public func end() throws(CaptureError) {
        try capturing { () throws(PostgresError) in try connection.execute("ROLLBACK") }
    }

    /// Notes which tables are locked now, for ``letGo()``.
    public func mark() throws(CaptureError) {
        try capturing { () throws(PostgresError) in try connection.execute("SAVEPOINT lockstep") }
    }

    /// Lets go of the tables that were read since ``mark()``: somebody may want to alter them. The snapshot stays.
    public func letGo() throws(CaptureError) {
        try capturing { () throws(PostgresError) in
            try connection.execute("ROLLBACK TO SAVEPOINT lockstep; RELEASE SAVEPOINT lockstep")
        }
    }

    /// The types of columns of a view or a query, those below domains. What it is made of stays as it is until the
    /// transaction in hand ends.
    ///
    /// - Parameters:
    ///   - rows: What stands behind FROM.
    ///   - name: For errors.
    public func types(
        of columns: [String], in rows: String, called name: QualifiedName
    ) throws(CaptureError) -> [OID] {
        try capturing({ CaptureError($0, relation: name) }) { () throws(PostgresError) in
            try connection.describe("SELECT \(columns.sqlList) FROM \(rows) AS t").map(\.type)
        }
    }

    /// The heaps of a table as they are now; see ``TableHeap``.
    ///
    /// Partitions are locked by the look at them. Kept, the locks would hold up a TRUNCATE, and that the reader of the
    /// next range, behind whom the holder of this snapshot waits: a deadlock that no server sees.
    ///
    /// - Parameter inOnePiece: The table has to be read by one query.
    public func heaps(of table: QualifiedName, inOnePiece: Bool) throws(CaptureError) -> [TableHeap] {
        let isHolding = connection.isInTransaction
        if isHolding { try mark() }
        let heaps = try TableHeap.all(of: table, inOnePiece: inOnePiece, connection)
        if isHolding { try letGo() }
        return heaps
    }

    /// Whether a heap is still the one that was planned for. Where it was read in this transaction before that is asked,
    /// nobody could rewrite it in between.
    public func isUnchanged(_ heap: TableHeap) throws(CaptureError) -> Bool {
        try capturing({ CaptureError($0, relation: heap.name) }) { () throws(PostgresError) in
            let file = try connection.query(
                "SELECT coalesce(pg_catalog.pg_relation_filenode(\(heap.oid)), 0)::text"
            ).first?[0]
            return file == heap.fileNode
        }
    }

    /// Sees that the stream can come to a position. Ends the transaction in hand.
    public func flushLog(to lsn: LSN) throws(CaptureError) {
        try capturing { () throws(PostgresError) in
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            try connection.flushLog(to: lsn)
        }
    }

    /// Whether commits wait for a standby before others see them.
    public func waitsForStandbys() throws(CaptureError) -> Bool {
        try capturing { () throws(PostgresError) in
            try connection.query("SHOW synchronous_standby_names").first?[0] != ""
        }
    }
}
