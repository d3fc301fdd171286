// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import PostgreSQL

/// Whether the slot goes on exactly where the graph stands: what `run` refuses and `check` reports.
enum ContinuityFindings {
    static let again = "`lockstep run --resnapshot` reads everything again and makes the graph right"

    /// - Parameters:
    ///   - checkpoint: Of a graph that follows the stream.
    ///   - systemIdentifier: Of the cluster that `slot` was looked for in; nil where it could not be read.
    static func findings(
        _ checkpoint: Checkpoint, slot: ReplicationSlot?, named name: String, systemIdentifier: String?
    ) -> [PreflightFinding] {
        if let systemIdentifier, checkpoint.systemIdentifier != systemIdentifier {
            return [
                PreflightFinding(
                    .error, .source,
                    "this is another PostgreSQL cluster: the graph was made from the one with the system identifier "
                        + "\(checkpoint.systemIdentifier), this one has \(systemIdentifier)",
                    fix: "correct source.url, or: " + again)
            ]
        }
        guard let slot else {
            return [
                PreflightFinding(
                    .error, .source,
                    "the replication slot \"\(name)\" is gone: the graph stands at \(checkpoint.lsn), and what came after "
                        + "cannot be read from the WAL any more", fix: again)
            ]
        }
        if slot.isLost {
            return [
                PreflightFinding(
                    .error, .source,
                    "the replication slot \"\(name)\" was invalidated: PostgreSQL has removed WAL that it needed "
                        + "(max_slot_wal_keep_size)", fix: again)
            ]
        }
        if let confirmed = slot.confirmedFlushLSN, confirmed > checkpoint.lsn {
            return [
                PreflightFinding(
                    .error, .source,
                    "the replication slot \"\(name)\" has moved past the graph: it was confirmed up to \(confirmed), the "
                        + "graph stands at \(checkpoint.lsn); it was made anew or advanced by somebody else, and what "
                        + "lies between is not in the graph", fix: again)
            ]
        }
        return []
    }
}
