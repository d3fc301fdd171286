// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Why capture cannot go on: what happened, where, and what to do about it.
public struct CaptureError: Error, Sendable {
    public enum Kind: Sendable, Equatable {
        /// PostgreSQL's own error, in ``CaptureError/postgres``.
        case postgres
        /// A message that the protocol does not have; ``CaptureError/decoding`` where it was a pgoutput message.
        case protocolViolation
        /// The ``Threading/StopSignal`` was given.
        case stopped
        /// The server ended the stream, as it does when it shuts down.
        case streamEnded
        case slotMissing
        case slotExists
        /// Another session reads from the slot, with this process id on the server where it is known.
        case slotActive(pid: Int32?)
        /// The slot is of another plugin or another database.
        case slotForeign
        /// PostgreSQL has removed WAL that the slot needs: the graph has to be loaded again.
        case slotLost
        /// `max_replication_slots` are in use.
        case noFreeSlot
        case publicationMissing
        /// `wal_level` is not `logical`.
        case walLevel
        /// The exported snapshot has ended with the connection that held it.
        case snapshotGone
        case tableMissing
        /// A transaction could not be kept on disk until its end.
        case spool
    }

    public var kind: Kind
    public var message: String
    /// Where in the stream, as far as it is known.
    public var lsn: LSN?
    public var relation: QualifiedName?
    public var postgres: PostgresError?
    public var decoding: PgOutputError?

    public init(
        _ kind: Kind, _ message: String, lsn: LSN? = nil, relation: QualifiedName? = nil,
        postgres: PostgresError? = nil, decoding: PgOutputError? = nil
    ) {
        self.kind = kind
        self.message = message
        self.lsn = lsn
        self.relation = relation
        self.postgres = postgres
        self.decoding = decoding
    }

    /// The same attempt may succeed later without anybody changing anything.
    ///
    /// An active slot counts: the session of a process that was killed lives on for a moment.
    public var isTransient: Bool {
        switch kind {
        case .postgres: postgres?.isTransient ?? false
        case .streamEnded, .slotActive: true
        case .protocolViolation, .stopped, .slotMissing, .slotExists, .slotForeign, .slotLost, .noFreeSlot,
            .publicationMissing, .walLevel, .snapshotGone, .tableMissing, .spool:
            false
        }
    }
}

extension CaptureError: CustomStringConvertible {
    public var description: String {
        var text = message
        if let relation { text += ", table \(relation)" }
        if let lsn, lsn != .zero { text += ", at LSN \(lsn)" }
        if let decoding { text += ": \(decoding)" }
        return text
    }
}

extension CaptureError {
    /// PostgreSQL's error as it is.
    init(_ error: PostgresError, lsn: LSN? = nil, relation: QualifiedName? = nil) {
        self.init(
            error.kind == .stopped ? .stopped : .postgres, error.description, lsn: lsn, relation: relation,
            postgres: error)
    }

    /// PostgreSQL's error on a slot, told apart by SQLSTATE; the message's words only where two errors share one.
    init(_ error: PostgresError, slot: String, publication: String? = nil, lsn: LSN? = nil) {
        self.init(error, lsn: lsn)
        let said = error.message
        switch error.sqlState {
        case "42704" where said.contains("replication slot"): self = .slotMissing(slot, error)
        case "42704" where said.contains("publication"): self = .publicationMissing(publication ?? "?", error)
        case "42710": self = .slotExists(slot, error)
        case "55006": self = .slotActive(slot, pid: Self.pid(in: said), error)
        case "55000" where said.contains("wal_level"): self = .walLevel(error)
        case "55000" where said.contains("slot"), "58P01" where said.contains("WAL"): self = .slotLost(slot, error)
        case "53400": self = .noFreeSlot(slot, error)
        default: break
        }
    }

    /// `replication slot "x" is active for PID 4711`: the last number, whatever the language.
    private static func pid(in message: String) -> Int32? {
        message.split(whereSeparator: { !$0.isASCII || !$0.isNumber }).last.flatMap { Int32($0) }
    }
}

// MARK: - The errors with a remedy

extension CaptureError {
    static func slotMissing(_ slot: String, _ error: PostgresError) -> Self {
        Self(
            .slotMissing,
            """
            PostgreSQL at \(error.server): replication slot "\(slot)" does not exist. Changes since it was dropped \
            are not known: set up again and load the graph anew
            """, postgres: error)
    }

    static func slotExists(_ slot: String, _ error: PostgresError) -> Self {
        Self(
            .slotExists,
            """
            PostgreSQL at \(error.server): replication slot "\(slot)" exists already. If nothing uses it: \
            SELECT pg_drop_replication_slot(\(QualifiedName.literal(slot)))
            """, postgres: error)
    }

    static func slotActive(_ slot: String, pid: Int32?, _ error: PostgresError) -> Self {
        let holder = pid.map { "process \($0)" } ?? "another session"
        return Self(
            .slotActive(pid: pid),
            """
            PostgreSQL at \(error.server): replication slot "\(slot)" is in use by \(holder). Only one reader can \
            have it: stop the other one (pg_stat_activity shows where it runs)
            """, postgres: error)
    }

    static func slotForeign(_ slot: ReplicationSlot, server: String) -> Self {
        Self(
            .slotForeign,
            """
            PostgreSQL at \(server): replication slot "\(slot.name)" is not one of this pipeline: plugin \
            \(slot.plugin ?? "none"), database \(slot.database ?? "none"). Choose another slot name
            """)
    }

    static func slotLost(_ slot: String, _ error: PostgresError) -> Self {
        Self(
            .slotLost,
            """
            PostgreSQL at \(error.server): replication slot "\(slot)" is lost, the WAL it needs was removed \
            (max_slot_wal_keep_size, idle_replication_slot_timeout): \(error.message). Drop it, set up again and \
            load the graph anew
            """, postgres: error)
    }

    static func noFreeSlot(_ slot: String, _ error: PostgresError) -> Self {
        Self(
            .noFreeSlot,
            """
            PostgreSQL at \(error.server): no free replication slot for "\(slot)". Drop one that is not used, or \
            raise max_replication_slots and restart the server
            """, postgres: error)
    }

    static func publicationMissing(_ publication: String, _ error: PostgresError) -> Self {
        Self(
            .publicationMissing,
            """
            PostgreSQL at \(error.server): publication "\(publication)" does not exist. Set it up again; changes \
            made while it was missing are not in the stream, so the graph has to be loaded anew
            """, postgres: error)
    }

    static func walLevel(_ error: PostgresError) -> Self {
        Self(
            .walLevel,
            """
            PostgreSQL at \(error.server): wal_level is not logical. ALTER SYSTEM SET wal_level = logical, then \
            restart the server
            """, postgres: error)
    }

    static func snapshotGone(_ snapshot: String, _ error: PostgresError) -> Self {
        Self(
            .snapshotGone,
            """
            PostgreSQL at \(error.server): snapshot \(snapshot) is gone: the connection that exported it has \
            ended. Start the load again
            """, postgres: error)
    }
}

extension CaptureError {
    static func spool(_ failure: SpoolFile.Failure, folder: String, xid: UInt32, lsn: LSN?) -> Self {
        Self(
            .spool, "spool folder \(folder): cannot \(failure.operation) for transaction \(xid): \(failure.reason)",
            lsn: lsn)
    }
}

/// Runs `body` and turns PostgreSQL's error into capture's.
func capturing<Result: ~Copyable>(
    _ convert: (PostgresError) -> CaptureError = { CaptureError($0) }, _ body: () throws(PostgresError) -> Result
) throws(CaptureError) -> Result {
    do throws(PostgresError) {
        return try body()
    } catch {
        throw convert(error)
    }
}
