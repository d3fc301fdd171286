// Part of Lockstep. See LICENSE.

public import PostgreSQL
public import Threading

/// Creates a slot and exports the snapshot that it begins with; the snapshot lives as long as this object.
///
/// What the snapshot shows and what the slot then streams make up everything, with nothing twice: a transaction is in
/// the one exactly if it ended before ``consistentPoint``.
public final class SnapshotSource {
    /// Where the slot's stream begins.
    public let consistentPoint: LSN
    /// For `SET TRANSACTION SNAPSHOT`.
    public let snapshotName: String
    // Held: the next command on it, or its end, ends the snapshot.
    private let connection: PostgresConnection

    /// Creates the slot. Waits for the transactions that run at that moment, which can be as long as they are.
    ///
    /// - Throws: `.slotExists`, `.noFreeSlot`, `.walLevel`; `.stopped` when the stop signal comes first.
    public init(_ configuration: PostgresConfiguration, slot: String, stop: StopSignal) throws(CaptureError) {
        let (connection, row) = try capturing({ CaptureError($0, slot: slot) }) { () throws(PostgresError) in
            let connection = try PostgresConnection(configuration, replication: true, stop: stop)
            let export = connection.serverVersion >= 150_000 ? "(SNAPSHOT 'export')" : "EXPORT_SNAPSHOT"
            let rows = try connection.query(
                "CREATE_REPLICATION_SLOT \(QualifiedName.quoted(slot)) LOGICAL pgoutput \(export)")
            return (connection, rows.first)
        }
        guard let row, let point = row["consistent_point"].flatMap({ LSN($0) }), let name = row["snapshot_name"] else {
            throw CaptureError(
                .protocolViolation,
                "PostgreSQL at \(connection.server): unexpected answer to CREATE_REPLICATION_SLOT")
        }
        self.connection = connection
        consistentPoint = point
        snapshotName = name
    }

    /// Ends the snapshot; transactions that have taken it keep it.
    public func close() { connection.close() }
}
