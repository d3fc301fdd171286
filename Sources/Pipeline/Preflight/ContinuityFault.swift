// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import PostgreSQL

/// Why the slot does not go on where the graph stands: `run` refuses it, `check` reports it.
struct ContinuityFault: Equatable {
    /// The same for the same cause.
    var what: String
    var detail: String
    var fix: String

    private static let again = "`lockstep run --resnapshot` reads everything again and makes the graph right"

    private init(_ what: String, _ detail: String, fix: String = again) {
        self.what = what
        self.detail = detail
        self.fix = fix
    }

    /// - Parameters:
    ///   - checkpoint: Of a graph that follows the stream.
    ///   - name: The slot's.
    ///   - systemIdentifier: Of the cluster where `slot` was looked for; nil where it could not be read.
    init?(_ checkpoint: Checkpoint, slot: ReplicationSlot?, named name: String, systemIdentifier: String?) {
        if let systemIdentifier, checkpoint.systemIdentifier != systemIdentifier {
            self.init(
                "this is another PostgreSQL cluster",
                "the graph was made from the one with the system identifier \(checkpoint.systemIdentifier), this one "
                    + "has "
                    + systemIdentifier, fix: "correct source.url, or: " + Self.again)
            return
        }
        guard let slot else {
            self.init(
                "the replication slot is gone",
                "\"\(name)\" does not exist; the graph stands at \(checkpoint.lsn), and what came after cannot be "
                    + "read from the WAL any more")
            return
        }
        if slot.isLost {
            self.init(
                "the replication slot was invalidated",
                "PostgreSQL has removed WAL that \"\(name)\" needed (max_slot_wal_keep_size)")
            return
        }
        guard let confirmed = slot.confirmedFlushLSN, confirmed > checkpoint.lsn else { return nil }
        self.init(
            "the replication slot has moved past the graph",
            "\"\(name)\" was confirmed up to \(confirmed), the graph stands at \(checkpoint.lsn): the slot was made "
                + "anew or advanced by somebody else, and what lies between is not in the graph")
    }
}

extension PreflightFinding {
    init(_ fault: ContinuityFault) {
        self.init(.error, .source, "\(fault.what): \(fault.detail)", fix: fault.fix)
    }
}
