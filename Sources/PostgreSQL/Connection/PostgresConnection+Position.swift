// Part of Lockstep. See LICENSE.

/// How a server's WAL is cut into pages and segments (PostgreSQL documentation, "WAL Internals").
public struct WALLayout: Equatable, Sendable {
    /// Bytes; 8192 unless the server was built otherwise.
    public var pageSize: UInt64
    /// Bytes; 16 MiB unless `initdb` was told otherwise.
    public var segmentSize: UInt64

    public init(pageSize: UInt64 = 8192, segmentSize: UInt64 = 16 << 20) {
        self.pageSize = pageSize
        self.segmentSize = segmentSize
    }

    /// The end of the last record that ends at or before `lsn`, as far as the position alone tells.
    ///
    /// `pg_current_wal_insert_lsn()` is where the next record will begin. Right after a record that filled its page, that
    /// is behind the next page's header, where no stream of records has come until another record is written: who waited
    /// for it would wait for the next writer.
    public func recordEnd(_ lsn: LSN) -> LSN {
        // XLogPageHeaderData, XLogLongPageHeaderData at the start of a segment (access/xlog_internal.h).
        let header: UInt64 = lsn.rawValue % segmentSize < pageSize ? 40 : 24
        let offset = lsn.rawValue % pageSize
        return offset <= header ? LSN(rawValue: lsn.rawValue - offset) : lsn
    }
}

extension PostgresConnection {
    public func walLayout() throws(PostgresError) -> WALLayout {
        let row = try query(
            """
            SELECT current_setting('wal_block_size'), setting FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size'
            """
        ).first
        guard let page = row?[0].flatMap({ UInt64($0) }), let segment = row?[1].flatMap({ UInt64($0) }), page > 0,
            segment > 0
        else { return WALLayout() }
        return WALLayout(pageSize: page, segmentSize: segment)
    }

    /// The end of all records that are written now, committed ones that are not flushed yet included.
    public func currentLSN() throws(PostgresError) -> LSN {
        let row = try query(
            """
            SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                ELSE pg_catalog.pg_current_wal_insert_lsn() END
            """
        ).first
        return try walLayout().recordEnd(row?[0].flatMap(LSN.init) ?? .zero)
    }

    /// Sees that the WAL is written out to a position, as a commit does: what reading alone writes to it (pages that are cleaned
    /// up) may stay in memory for seconds, and the stream with it. Not within a transaction.
    public func flushLog(to lsn: LSN) throws(PostgresError) {
        try execute(
            """
            SET synchronous_commit = local;
            SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN
                CASE WHEN pg_catalog.pg_current_wal_flush_lsn() < '\(lsn)' THEN
                    pg_catalog.pg_logical_emit_message(true, 'lockstep', '') END END
            """)
    }
}
