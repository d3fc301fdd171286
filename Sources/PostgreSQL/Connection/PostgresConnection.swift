// Part of Lockstep. See LICENSE.

internal import CLibPQ
public import Threading

/// One connection to PostgreSQL, by libpq.
///
/// Synchronous: a call blocks its thread, in `poll`, until the server has answered or the ``StopSignal`` is given. Used
/// by one thread at a time. After an error of kind `.closed`, `.stopped`, `.timeout` or `.protocolViolation` the
/// connection is closed; after another one it can be used on.
///
/// The session prints values in one known way, whatever the database's defaults are: UTF-8, ISO dates, UTC, ISO 8601
/// intervals, shortest exact floats, hexadecimal bytea.
public final class PostgresConnection {
    /// `host:port/database` of the server that answered.
    public private(set) var server: String
    /// `server_version_num`, for instance 150018.
    public var serverVersion: Int { unsafe Int(PQserverVersion(handle.pointer)) }
    /// The server process, as `pg_stat_activity` shows it.
    public var backendPID: Int32 { unsafe PQbackendPID(handle.pointer) }
    public var isClosed: Bool { handle.isClosed }

    /// The role that is logged in.
    public let user: String
    var handle: ConnectionHandle
    private let stop: StopSignal?
    private let stopWakeup: Wakeup?

    /// Connects, and sets the session up.
    ///
    /// - Parameters:
    ///   - replication: A walsender of that database: takes replication commands and simple queries.
    ///   - stop: Ends every wait of this connection with an error of kind `.stopped`.
    /// - Throws: After 10 s for each host, or what the string's `connect_timeout` says, with kind `.timeout`.
    public init(
        _ configuration: PostgresConfiguration, replication: Bool = false, stop: StopSignal? = nil
    ) throws(PostgresError) {
        server = configuration.server
        user = configuration.user
        self.stop = stop
        stopWakeup = stop.map { _ in Wakeup() }
        handle = ConnectionHandle(configuration.connectionOptions(replication: replication))
        if let stop, let stopWakeup { stop.add(stopWakeup) }
        try connect(deadline: configuration.connectTimeout.map { .after($0) })
        server = handle.server ?? server
        try execute(Self.sessionSettings)
        if replication { try execute(Self.replicationSettings(serverVersion)) }
    }

    deinit {
        if let stop, let stopWakeup { stop.remove(stopWakeup) }
    }

    private static let sessionSettings = """
        SET DateStyle = ISO; SET TimeZone = 'UTC'; SET IntervalStyle = postgres; SET extra_float_digits = 3;
        SET bytea_output = hex; SET standard_conforming_strings = on;
        """

    /// A walsender that waits for its turn is not idle; and names that values print (`regclass`) do not depend on a path.
    private static func replicationSettings(_ serverVersion: Int) -> String {
        """
        SET search_path = pg_catalog; SET statement_timeout = 0; SET lock_timeout = 0;
        SET idle_in_transaction_session_timeout = 0; \(serverVersion >= 140_000 ? "SET idle_session_timeout = 0" : "")
        """
    }

    /// Says goodbye. Every later call fails with kind `.closed`.
    public func close() { handle.close() }

    // MARK: Statements

    /// Runs one statement and returns its rows; values and parameters are in text format, nil is NULL.
    ///
    /// - Throws: What the server reported. A connection that is in a transaction stays in it.
    public func query(_ sql: String, _ parameters: [String?] = []) throws(PostgresError) -> [PostgresRow] {
        try send(sql, parameters)
        var rows: [PostgresRow] = []
        try finish { (result) throws(PostgresError) in
            if result.status == PGRES_TUPLES_OK { rows = Self.rows(of: result) }
        }
        return rows
    }

    /// Runs one or several statements, in one transaction where they do not say otherwise.
    public func execute(_ sql: String) throws(PostgresError) {
        try send(sql, [])
        try finish { (_) throws(PostgresError) in }
    }

    /// In a transaction, whole or failed.
    public var isInTransaction: Bool {
        let status = unsafe PQtransactionStatus(handle.pointer)
        return status != PQTRANS_IDLE && status != PQTRANS_UNKNOWN
    }

    private static func rows(of result: borrowing ResultHandle) -> [PostgresRow] {
        let columns = result.columnNames
        var rows: [PostgresRow] = []
        rows.reserveCapacity(Int(result.rowCount))
        for row in 0..<result.rowCount {
            var values: [String?] = []
            values.reserveCapacity(columns.count)
            for column in 0..<Int32(columns.count) { values.append(result.text(row: row, column: column)) }
            rows.append(PostgresRow(columns: columns, values: values))
        }
        return rows
    }
}

// MARK: - Sending and receiving without blocking in libpq

extension PostgresConnection {
    /// Sends a statement whole. Without parameters by the simple protocol: a walsender knows no other.
    func send(_ sql: String, _ parameters: [String?]) throws(PostgresError) {
        try checkStop()
        let sent: Int32
        if parameters.isEmpty {
            sent = unsafe PQsendQuery(handle.pointer, sql)
        } else {
            let values = CStrings(parameters)
            sent = unsafe PQsendQueryParams(
                handle.pointer, sql, Int32(parameters.count), nil, values.start, nil, nil, 0)
        }
        try send(whole: sent)
    }

    func checkStop() throws(PostgresError) {
        if stop?.isStopped == true { throw fail(.stopped, "stopped") }
    }

    /// Sees that what libpq has taken to send is sent.
    ///
    /// - Parameter sent: What libpq's function said: 1 where it has taken it.
    func send(whole sent: Int32) throws(PostgresError) {
        guard sent == 1 else { throw broken() }
        while try !flush() {
            let ready = try wait(for: [.readable, .writable])
            // The server may be unable to take more before we take what it says.
            if ready.contains(.readable) { try consume() }
        }
    }

    /// Takes every result of the statement in hand, and throws the first error after the last of them.
    func finish(_ take: (borrowing ResultHandle) throws(PostgresError) -> Void) throws(PostgresError) {
        var failure: PostgresError?
        while let result = try nextResult() {
            switch result.status {
            case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR:
                failure = failure ?? result.error(server: server)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                throw fail(.protocolViolation, "a COPY was not expected here")
            default:
                try take(result)
            }
        }
        if let failure { throw closingWhereBroken(failure) }
    }

    /// The next result of the statement in hand; nil when there is none left.
    func nextResult() throws(PostgresError) -> ResultHandle? {
        while unsafe PQisBusy(handle.pointer) != 0 {
            _ = try wait(for: .readable)
            try consume()
        }
        guard let result = unsafe PQgetResult(handle.pointer) else { return nil }
        return unsafe ResultHandle(result)
    }

    /// Reads what has arrived, without waiting.
    func consume() throws(PostgresError) {
        guard unsafe PQconsumeInput(handle.pointer) == 1 else { throw broken() }
    }

    /// Writes what the socket takes, without waiting.
    ///
    /// - Returns: False while something is left to write.
    package func flush() throws(PostgresError) -> Bool {
        switch unsafe PQflush(handle.pointer) {
        case 0: return true
        case 1: return false
        default: throw broken()
        }
    }

    /// Waits for the socket.
    ///
    /// - Throws: `.stopped` when the stop signal is given, `.timeout` at the deadline; both close the connection.
    @discardableResult
    package func wait(for events: PollEvents, deadline: MonotonicTime? = nil) throws(PostgresError) -> PollEvents {
        let seen = try look(for: events, deadline: deadline)
        if seen.isEmpty { throw fail(.timeout, "no answer in time") }
        return seen
    }

    /// The same, but at the deadline the connection is left as it is, and nothing was seen.
    func look(for events: PollEvents, deadline: MonotonicTime?) throws(PostgresError) -> PollEvents {
        let seen = poll(for: events, deadline: deadline)
        if stop?.isStopped == true { throw fail(.stopped, "stopped while waiting for the server") }
        return seen
    }

    /// Waits for the socket, a wake-up, the stop signal or the deadline, and only tells which it was.
    ///
    /// The stop signal wakes one call: one that comes after it waits for the others, so that an orderly end can wait too.
    package func poll(
        for events: PollEvents, wakeups: [Wakeup] = [], deadline: MonotonicTime? = nil
    ) -> PollEvents {
        // Nothing wanted of the socket: left out whole, since `poll` always tells of a hang-up.
        let socket = events.isEmpty ? -1 : handle.socket
        if socket < 0, !events.isEmpty { return events }
        let all = stopWakeup.map { wakeups + [$0] } ?? wakeups
        let seen = Poll.wait(descriptor: socket, for: events, wakeups: all, deadline: deadline)
        if stop?.isStopped == true { stopWakeup?.drain() }
        return seen
    }

    private func connect(deadline: MonotonicTime?) throws(PostgresError) {
        var step = PGRES_POLLING_WRITING
        guard unsafe PQstatus(handle.pointer) != CONNECTION_BAD else { throw notConnected() }
        while step != PGRES_POLLING_OK {
            switch step {
            case PGRES_POLLING_READING: try waitToConnect(for: .readable, deadline: deadline)
            case PGRES_POLLING_WRITING: try waitToConnect(for: .writable, deadline: deadline)
            default: throw notConnected()
            }
            step = unsafe PQconnectPoll(handle.pointer)
        }
        unsafe PQsetnonblocking(handle.pointer, 1)
    }

    private func waitToConnect(for events: PollEvents, deadline: MonotonicTime?) throws(PostgresError) {
        let seen = poll(for: events, deadline: deadline)
        if stop?.isStopped == true { throw fail(.stopped, "stopped while connecting") }
        if seen.isEmpty { throw fail(.timeout, "no connection in time (connect_timeout)") }
    }
}

// MARK: - Errors

extension PostgresConnection {
    /// Closes the connection and gives the error to throw for it.
    package func fail(_ kind: PostgresError.Kind, _ message: String) -> PostgresError {
        handle.close()
        return PostgresError(kind, message, server: server)
    }

    /// The error for a libpq call that failed on an established connection.
    func broken() -> PostgresError {
        if handle.isClosed { return PostgresError(.closed, "the connection is closed", server: server) }
        let text = handle.errorText
        if let (sqlState, message) = ServerText.sqlState(in: text) {
            let error = PostgresError(sqlState: sqlState, message: message, detail: nil, hint: nil, server: server)
            return closingWhereBroken(error)
        }
        if handle.isGood { return fail(.protocolViolation, ServerText.oneLine(text)) }
        return fail(.closed, ServerText.oneLine(text))
    }

    /// Closes the connection where the server has gone with the error.
    func closingWhereBroken(_ error: PostgresError) -> PostgresError {
        if !handle.isGood { handle.close() }
        return error
    }

    private func notConnected() -> PostgresError {
        let text = handle.errorText
        let needsPassword = unsafe PQconnectionNeedsPassword(handle.pointer) != 0
        handle.close()
        if let (sqlState, message) = ServerText.sqlState(in: text) {
            return PostgresError(
                sqlState: sqlState, message: "\(message) (user \(user))", detail: nil, hint: nil, server: server)
        }
        let message = ServerText.oneLine(text)
        if needsPassword { return PostgresError(.authentication, message, server: server) }
        // libpq gives words only: an option's value is judged when the connection starts.
        if ["invalid ", "could not match ", "definition of service "].contains(where: { message.hasPrefix($0) }) {
            return PostgresError(.configuration, message, server: server)
        }
        let isTLS = ["SSL", "certificate", "TLS"].contains { message.contains($0) }
        return PostgresError(isTLS ? .tls : .connect, message, server: server)
    }
}
