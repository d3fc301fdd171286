// Part of Lockstep. See LICENSE.

public import Apply
public import Bolt
public import Capture
public import Mapping
public import PostgreSQL

/// Why a pipeline, or a command on it, cannot go on: what happened, where, and what to do.
public struct PipelineError: Error, Sendable, CustomStringConvertible {
    /// What the supervisor does about it.
    public enum Disposition: Sendable, Equatable {
        /// Start again from the checkpoint after a pause.
        case retry
        /// The same: somebody has locked a table. What is done beside the stream waits for that.
        case retryUnlocked
        /// The same, but without longer and longer pauses: somebody else's transaction was in the way.
        case retrySoon
        /// The same for a few seconds: a server that has just started may not know its databases yet.
        case retryBriefly
        /// Start again with smaller batches: the graph could not hold the transaction.
        case retrySmaller
        /// Start again with each of so many PostgreSQL transactions in a graph transaction of its own, to find the one
        /// that fails.
        case isolate(transactions: Int)
        /// Start again at once: the mapping is held against the database anew.
        case schemaChanged
        /// Nothing that we can do makes it better. The checkpoint has not moved.
        case stop
    }

    public var disposition: Disposition
    /// A short fixed phrase, the same for the same cause.
    public var what: String
    /// Server, table, LSN, column: as far as known.
    public var detail: String
    /// What the operator can do about it.
    public var remedy: String?
    public var lsn: LSN?
    /// The mapping file has to be changed: exit code 2.
    public var isConfiguration = false

    public init(
        _ what: String, _ detail: String = "", remedy: String? = nil, disposition: Disposition = .stop, lsn: LSN? = nil,
        isConfiguration: Bool = false
    ) {
        self.what = what
        self.detail = detail
        self.remedy = remedy
        self.disposition = disposition
        self.lsn = lsn
        self.isConfiguration = isConfiguration
    }

    public var description: String {
        var text = what
        if !detail.isEmpty { text += ": " + detail }
        if let remedy { text += "\n  -> " + remedy }
        return text
    }
}

extension PipelineError {
    public init(_ error: PostgresError) {
        let (what, remedy): (String, String?) =
            switch error.kind {
            case .configuration: ("source.url cannot be used", nil)
            case .connect, .unavailable, .timeout: ("PostgreSQL is not available", nil)
            case .authentication:
                (
                    "PostgreSQL refused the login",
                    "Give the password by PGPASSWORD or ~/.pgpass, and see that pg_hba.conf lets the role in, for "
                        + "replication too."
                )
            case .missingDatabase: ("the PostgreSQL database does not exist", "Correct source.url.")
            case .tls: ("TLS with PostgreSQL failed", "See sslmode and sslrootcert in source.url.")
            case .stopped: ("stopped", nil)
            case .privilege:
                ("PostgreSQL refused for lack of a right", "`lockstep setup --print-sql` shows what the role needs.")
            default: ("PostgreSQL failed", nil)
            }
        self.init(what, error.description, remedy: remedy, disposition: error.isTransient ? .retry : .stop)
    }

    public init(_ error: CaptureError) {
        let again = "`lockstep run --resnapshot` reads everything again and makes the graph right."
        let disposition: Disposition = error.isTransient ? .retry : .stop
        switch error.kind {
        case .postgres:
            guard let cause = error.postgres else { fallthrough }
            self.init(cause)
            // A table or a column that is read has got another name since the catalog was read.
            if ["42P01", "42703"].contains(cause.sqlState) { self.disposition = .schemaChanged }
            if error.isOfLock { self.init("a table is locked", error.description, disposition: .retryUnlocked) }
        case .protocolViolation, .streamEnded, .tableMissing:
            self.init("PostgreSQL failed", error.description, disposition: disposition)
        case .stopped: self.init("stopped", error.description)
        case .slotMissing: self.init("the replication slot is gone", error.description, remedy: again)
        case .slotLost: self.init("the replication slot was invalidated", error.description, remedy: again)
        case .slotExists, .slotForeign:
            self.init(
                "the replication slot is another's", error.description,
                remedy: "Name another one in the mapping (source.slot), or drop it if nobody needs it.")
        case .slotActive(let pid):
            self.init(
                "the replication slot is in use", error.description,
                remedy: "Another Lockstep runs this pipeline, or one that was killed is not forgotten yet."
                    + (pid.map { " SELECT pg_terminate_backend(\($0)); ends it." } ?? ""),
                disposition: .retry)
        case .noFreeSlot:
            self.init(
                "no replication slot is free", error.description,
                remedy: "Drop one that nobody needs (pg_replication_slots), or raise max_replication_slots and restart."
            )
        case .publicationMissing:
            self.init("the publication is gone", error.description, remedy: "`lockstep setup` makes it. " + again)
        case .walLevel:
            self.init(
                "wal_level is not logical", error.description,
                remedy: "ALTER SYSTEM SET wal_level = 'logical'; and restart PostgreSQL.")
        case .spool:
            self.init(
                "a transaction cannot be kept until its end", error.description,
                remedy: "See that the folder is there, can be written, and has room for the largest transaction "
                    + "(source.spool in the mapping names it), and start again. Nothing was lost.")
        case .snapshotGone:
            self.init("the snapshot has ended", error.description, disposition: .retry)
        }
        lsn = error.lsn
    }

    public init(_ error: MappingError) {
        self.init("the mapping cannot be used", "\n" + error.description, isConfiguration: true)
    }

    public init(_ error: BoltError) {
        let isPassing = error.isTransient || error.isConnectionLoss
        switch error.kind {
        case .configuration:
            self.init("graph.url cannot be used", error.description, isConfiguration: true)
        case .authentication:
            self.init(
                "the graph refused the login", error.description,
                remedy: "Name the user in graph.url and give the password by LOCKSTEP_GRAPH_PASSWORD.")
        case .tls:
            self.init(
                "TLS with the graph failed", error.description, remedy: "See the scheme of graph.url, and graph.tls.")
        case .woken: self.init("stopped", error.description)
        case .server where error.isOvertaken:
            self.init("another transaction was in the way", error.description, disposition: .retrySoon)
        default:
            let isMissing = error.code?.hasSuffix(".DatabaseNotFound") == true
            self.init(
                isMissing ? "the graph database does not exist" : "the graph is not available", error.description,
                remedy: isMissing ? "Correct the database in graph.url, or create it." : nil,
                disposition: isPassing ? .retry : isMissing ? .retryBriefly : .stop)
        }
    }

    public init(_ error: ApplyError) {
        let goOn =
            error.isInPart
            ? "Nothing was lost: the graph holds a part of the transaction, and the checkpoint says how much. "
            : "Nothing was lost and nothing of the transaction was written: the checkpoint has not moved. "
        switch error.kind {
        case .graphUnavailable
        where error.code?.hasSuffix(".DeadlockDetected") == true || error.code?.hasSuffix(".EntityNotFound") == true:
            self.init("another transaction was in the way", error.description, disposition: .retrySoon)
        case .graphUnavailable, .commitUnknown:
            self.init("the graph is not available", error.description, disposition: .retry)
        case .tooLarge:
            self.init(
                "the graph cannot hold the transaction", error.description,
                remedy: "raise dbms.memory.transaction.total.max or the heap of the graph server, or lower batch.rows",
                disposition: .retrySmaller)
        case .refused:
            self.init(
                "the graph refused a change", error.description,
                remedy: goOn
                    + "Correct the data in PostgreSQL, or the mapping, or what stands in its way in the graph, "
                    + "and start again.",
                disposition: error.transactionCount > 1 ? .isolate(transactions: error.transactionCount) : .stop)
        case .value:
            self.init("a value has no place in the graph", error.description, remedy: goOn)
        case .schemaChanged:
            self.init("a table has changed", error.description, remedy: goOn)
        case .newerRelation:
            self.init("a table has changed", error.description, disposition: .schemaChanged)
        case .fenced:
            self.init("the pipeline has another owner", error.description)
        case .protocolViolation:
            self.init("the stream cannot be followed", error.description, remedy: goOn)
        case .stopped:
            self.init("stopped", error.description)
        }
        lsn = error.lsn
    }
}
