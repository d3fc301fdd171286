// Part of Lockstep. See LICENSE.

internal import Mapping
public import PostgreSQL
public import Threading

/// The changes of a publication, as a slot gives them: a replication connection and a decoder.
///
/// The owner's loop: ``receive(into:)`` until it says `.nothing` or the buffer is full, hand over, ``confirm(written:flushed:)``
/// at least every 10 s, ``wait(wakeups:deadline:)``. Nothing but the last blocks. Used by one thread at a time.
///
/// CopyData payloads from the server, big endian:
///
/// | type | fields |
/// |---|---|
/// | `w` | WAL data: start LSN u64, end LSN u64, server time i64 (µs since 2000), a pgoutput message |
/// | `k` | keepalive: end LSN u64, server time i64, reply wanted u8 |
public final class ReplicationStream {
    /// What one look at the stream gave.
    public enum Received: Sendable, Equatable {
        /// Nothing whole has arrived: time to ``ReplicationStream/wait(wakeups:deadline:)``.
        case nothing
        /// A transaction has begun, or a message that carries no change was taken.
        case other
        /// One or more changes were appended to the buffer.
        case change
        /// A commit was appended to the buffer's transactions.
        case transaction
        /// Index into the buffer's relations: new, changed, or announced again.
        case relation(Int)
        /// What it said is in ``ReplicationStream/logicalMessage``.
        case message
        /// The server has sent everything that committed before `walEnd`.
        case keepalive(walEnd: LSN)
        /// A transaction that was streamed while it ran has committed, or a large one has come whole; it is in
        /// ``ReplicationStream/spooled``.
        case spooled
    }

    /// The newest position that the server has named. Outside a transaction, everything that committed before it has
    /// been received.
    public internal(set) var lastServerPosition: LSN
    /// When the server sent the newest message, by its clock, in microseconds since 2000-01-01 UTC.
    public internal(set) var lastServerTime: Int64 = 0
    /// What the slot was last told to keep nothing before.
    public var confirmed: LSN { status.flushed }
    /// The last transaction that was kept in a file and has committed, until its owner lets go of it.
    public var spooled: SpooledTransaction?
    /// A transaction, or a piece of a streamed one, has been received in part.
    public var isInTransaction: Bool { decoder.isInTransaction }
    public var logicalMessage: LogicalMessage? { decoder.logicalMessage }

    let connection: PostgresConnection
    let slot: String
    let publication: String
    var decoder = PgOutputDecoder()
    let streamed: StreamedTransactions
    let prepared: PreparedTransactions
    /// Transactions whose commit record begins before it are known already: the server is asked for more than is new where
    /// a prepared transaction may lie further back.
    let knownBefore: LSN
    /// What becomes of a transaction that comes whole.
    enum Course {
        case decoded
        case passedOver
        /// Kept in a file, as it may be large.
        case spooled(xid: UInt32)
    }

    /// Of the one that is being received.
    var course = Course.decoded
    var isTwoPhase = false
    var status = StandbyStatus()
    var hasUnsentOutput = false
    var pace = StreamPace()
    /// Where transactions that are larger than this in the server's memory wait for their end: it streams them then.
    static let serverMemoryKilobytes = 16 << 10

    /// Connects and starts to stream.
    ///
    /// - Parameters:
    ///   - start: Transactions that ended before it are not sent; where the slot has confirmed more, that counts.
    ///   - binary: Values of types that have one come in their binary form (PostgreSQL 14 and later).
    ///   - messages: What `pg_logical_emit_message` writes comes too (PostgreSQL 14 and later).
    ///   - twoPhase: Prepared transactions come when they are prepared (PostgreSQL 15 and later), and wait here for what
    ///     becomes of them. A slot that was once read so stays so.
    ///   - spool: A folder for transactions that are streamed while they run (PostgreSQL 14 and later), until they end.
    ///   - stop: Ends the connecting, and wakes a wait.
    /// - Throws: The kinds about slots, publications and `wal_level`, each with its remedy.
    public init(
        _ configuration: PostgresConfiguration, slot: String, publication: String, from start: LSN, binary: Bool,
        messages: Bool = true, twoPhase: Bool = false, spool: String, stop: StopSignal
    ) throws(CaptureError) {
        knownBefore = start
        prepared = PreparedTransactions(folder: spool)
        self.slot = slot
        self.publication = publication
        streamed = StreamedTransactions(folder: spool)
        lastServerPosition = start
        connection = try capturing { () throws(PostgresError) in
            try PostgresConnection(configuration, replication: true, stop: stop)
        }
        let found = try check()
        isTwoPhase = found.isTwoPhase || twoPhase
        if isTwoPhase { lastServerPosition = found.confirmedFlushLSN ?? .zero }
        // From where the slot is confirmed, which is before whatever is prepared and was not committed then.
        let command = Self.command(
            slot: slot, publication: publication, start: isTwoPhase ? .zero : start, binary: binary, messages: messages,
            twoPhase: isTwoPhase, serverVersion: connection.serverVersion)
        try capturing({ CaptureError($0, slot: slot, publication: publication, lsn: start) }) {
            () throws(PostgresError) in
            try boundServerMemory()
            try connection.startCopy(command)
        }
    }

    /// What a transaction may hold in the server's memory before it is streamed; what is set lower there stays.
    private func boundServerMemory() throws(PostgresError) {
        guard connection.serverVersion >= 140_000 else { return }
        try connection.execute(
            """
            SELECT pg_catalog.set_config(name, least(setting::pg_catalog.int8, \(Self.serverMemoryKilobytes))::text, false)
            FROM pg_catalog.pg_settings WHERE name = 'logical_decoding_work_mem'
            """)
    }

    static func command(
        slot: String, publication: String, start: LSN, binary: Bool, messages: Bool,
        twoPhase: Bool = false, serverVersion: Int
    ) -> String {
        let version = serverVersion >= 160_000 ? 4 : serverVersion >= 140_000 ? (twoPhase ? 3 : 2) : 1
        var options = [
            "\"proto_version\" '\(version)'",
            "\"publication_names\" \(QualifiedName.literal(QualifiedName.quoted(publication)))",
        ]
        if serverVersion >= 140_000 {
            options.append("\"streaming\" '\(serverVersion >= 160_000 ? "parallel" : "on")'")
            options.append("\"binary\" '\(binary)'")
            options.append("\"messages\" '\(messages)'")
        }
        if serverVersion >= 160_000 { options.append("\"origin\" 'any'") }
        if twoPhase { options.append("\"two_phase\" 'on'") }
        let name = QualifiedName.quoted(slot)
        return "START_REPLICATION SLOT \(name) LOGICAL \(start) (\(options.joined(separator: ", ")))"
    }

    /// Looks at slot and publication before the stream starts: it would begin without a publication, and on PostgreSQL
    /// 18 go on, leaving out every change.
    private func check() throws(CaptureError) -> ReplicationSlot {
        let server = connection.server
        let convert = { (error: PostgresError) in CaptureError(error, slot: self.slot) }
        let found = try capturing(convert) { () throws(PostgresError) in
            try ReplicationSlots.find(slot, connection)
        }
        guard let found else {
            throw .slotMissing(slot, PostgresError(.missingObject, "no such slot", server: server))
        }
        let rest = try capturing(convert) { () throws(PostgresError) in
            try connection.query(
                """
                SELECT pg_catalog.current_database() AS database, EXISTS (
                    SELECT FROM pg_catalog.pg_publication
                    WHERE pubname = \(QualifiedName.literal(publication))) AS published
                """)
        }
        guard found.plugin == "pgoutput", let row = rest.first, found.database == row["database"] else {
            throw .slotForeign(found, server: server)
        }
        if found.isLost {
            throw .slotLost(slot, PostgresError(.state, "wal_status is lost", server: server))
        }
        if let pid = found.activePID {
            throw .slotActive(slot, pid: pid, PostgresError(.objectInUse, "slot is active", server: server))
        }
        guard row["published"] == "t" else {
            throw .publicationMissing(publication, PostgresError(.missingObject, "no publication", server: server))
        }
        return found
    }
}
