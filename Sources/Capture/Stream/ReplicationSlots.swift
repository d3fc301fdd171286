// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// One row of `pg_replication_slots`.
public struct ReplicationSlot: Sendable {
    public var name: String
    /// nil for a physical slot.
    public var plugin: String?
    public var database: String?
    /// The server process that reads from it now.
    public var activePID: Int32?
    /// The oldest WAL that the slot keeps.
    public var restartLSN: LSN?
    /// Up to where its reader has confirmed.
    public var confirmedFlushLSN: LSN?
    /// `reserved`, `extended`, `unreserved` or `lost`.
    public var walStatus: String?
    /// Bytes that may still be written before the slot may be lost; nil where nothing bounds it.
    public var safeWALSize: Int64?
    /// Bytes of WAL between ``restartLSN`` and the server's position.
    public var retainedBytes: Int64?
    /// Prepared transactions are decoded when they are prepared.
    public var isTwoPhase = false
    /// Why the slot can never be read again, where it is so.
    public var isLost: Bool { walStatus == "lost" }
}

/// Looks for slots and drops them, over an ordinary connection.
public enum ReplicationSlots {
    /// - Returns: nil where there is no slot of that name.
    public static func find(
        _ name: String, _ connection: PostgresConnection
    ) throws(PostgresError) -> ReplicationSlot? {
        // A literal and not a parameter: a walsender takes simple queries only.
        let rows = try connection.query(
            """
            SELECT slot_name, plugin, database, active_pid, restart_lsn, confirmed_flush_lsn, wal_status,
                safe_wal_size, two_phase, pg_catalog.pg_wal_lsn_diff(
                    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                        ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn)::pg_catalog.int8 AS retained
            FROM pg_catalog.pg_replication_slots WHERE slot_name = \(QualifiedName.literal(name))
            """)
        guard let row = rows.first else { return nil }
        return ReplicationSlot(
            name: name, plugin: row["plugin"], database: row["database"],
            activePID: row["active_pid"].flatMap { Int32($0) }, restartLSN: row["restart_lsn"].flatMap { LSN($0) },
            confirmedFlushLSN: row["confirmed_flush_lsn"].flatMap { LSN($0) }, walStatus: row["wal_status"],
            safeWALSize: row["safe_wal_size"].flatMap { Int64($0) },
            retainedBytes: row["retained"].flatMap { Int64($0) }, isTwoPhase: row["two_phase"] == "t")
    }

    /// Drops a slot.
    ///
    /// - Returns: False where there was none of that name.
    /// - Throws: `.slotActive` while somebody reads from it.
    @discardableResult
    public static func drop(_ name: String, _ connection: PostgresConnection) throws(CaptureError) -> Bool {
        try capturing({ CaptureError($0, slot: name) }) { () throws(PostgresError) in
            let rows = try connection.query(
                """
                SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots
                WHERE slot_name = \(QualifiedName.literal(name))
                """)
            return !rows.isEmpty
        }
    }
}
