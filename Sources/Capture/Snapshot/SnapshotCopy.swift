// Part of Lockstep. See LICENSE.

public import Mapping
public import PostgreSQL
public import Threading

/// Why the copy of a table ended early.
public enum SnapshotCopyFailure<Consumer: Error>: Error {
    case capture(CaptureError)
    /// `flush` threw; the reader's connection is closed then.
    case consumer(Consumer)
}

/// One reader: a connection with a transaction that sees exactly one snapshot, an exported one or its own.
///
/// Several of them read the same moment side by side. Used by one thread at a time.
public final class SnapshotCopy {
    public struct Column: Sendable, Equatable {
        public var name: String
        /// As the type's output function prints it, as the stream's text tuples have it, instead of in binary.
        public var asText: Bool

        public init(name: String, asText: Bool) {
            self.name = name
            self.asText = asText
        }
    }

    let connection: PostgresConnection

    /// Connects, for snapshots of its own; see ``begin()``.
    ///
    /// Row-level security is off: a table whose policy hides rows from this role is refused, not copied in part. Names
    /// in a row filter need their schema.
    ///
    /// - Parameter lockWaits: Milliseconds for a table that somebody has locked; 0 waits as long as that takes.
    public init(
        _ configuration: PostgresConfiguration, lockWaits: Int = 0, stop: StopSignal
    ) throws(CaptureError) {
        connection = try capturing { () throws(PostgresError) in
            let connection = try PostgresConnection(configuration, stop: stop)
            try connection.execute(
                """
                SET statement_timeout = 0; SET lock_timeout = \(lockWaits); SET idle_in_transaction_session_timeout = 0;
                SET search_path = pg_catalog; SET row_security = off
                """)
            return connection
        }
    }

    /// Connects and takes a snapshot that somebody has exported.
    ///
    /// - Throws: `.snapshotGone` when its exporter has ended.
    public convenience init(
        _ configuration: PostgresConfiguration, snapshot: String, stop: StopSignal
    ) throws(CaptureError) {
        try self.init(configuration, stop: stop)
        try capturing({ Self.explain($0, snapshot: snapshot) }) { () throws(PostgresError) in
            try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try connection.execute("SET TRANSACTION SNAPSHOT \(QualifiedName.literal(snapshot))")
        }
    }

    /// Ends the transaction and the connection.
    public func close() { connection.close() }

    private static func explain(_ error: PostgresError, snapshot: String) -> CaptureError {
        // 22023: no such snapshot; 42704 since PostgreSQL 17; 55000: its transaction has ended meanwhile.
        switch error.sqlState {
        case "22023", "42704", "55000": .snapshotGone(snapshot, error)
        default: CaptureError(error)
        }
    }
}

// MARK: - Copying a table

extension SnapshotCopy {
    /// Copies a table's rows as inserts into `buffer`, by binary COPY.
    ///
    /// A table's own rows: those of its inheritance children are theirs; those of partitions are their root's. Nothing
    /// more is read from the server than what `flush` has taken, beyond the sockets' buffers.
    ///
    /// - Parameters:
    ///   - columns: In the order of the fields that a row gets.
    ///   - rows: A query in brackets that stands for the table; it is told whether that is a partitioned one.
    ///   - filter: A condition in SQL for the rows to take; nil for all.
    ///   - relation: Index into the relations of `buffer`, for the changes.
    ///   - maxRows: `flush` is called as soon as the buffer holds so many rows…
    ///   - maxBytes: …or so many bytes, and at the end for the rest.
    ///   - waiting: Called every second in which the server sends nothing, as where it sorts.
    ///   - flush: Takes the rows away and empties the buffer.
    /// - Returns: Rows, and bytes of values and their frames, that were copied.
    public func copy<E: Error>(
        _ table: QualifiedName, rows: ((_ isPartitioned: Bool) -> String)? = nil, columns: [Column],
        where filter: String? = nil, relation: UInt32, into buffer: ChangeBuffer, maxRows: Int, maxBytes: Int,
        waiting: () throws(E) -> Void, flush: () throws(E) -> Void
    ) throws(SnapshotCopyFailure<E>) -> (rows: Int, bytes: Int) {
        do throws(CaptureError) { try ask(table, rows, columns, filter) } catch { throw .capture(error) }
        return try take(table, columns, relation, into: buffer, maxRows, maxBytes, waiting, flush)
    }

    /// The same for the rows of a view or a query.
    ///
    /// - Parameters:
    ///   - rows: What stands behind FROM.
    ///   - name: For errors.
    public func copy<E: Error>(
        computed rows: String, called name: QualifiedName, columns: [Column], relation: UInt32,
        into buffer: ChangeBuffer, maxRows: Int, maxBytes: Int, flush: () throws(E) -> Void
    ) throws(SnapshotCopyFailure<E>) -> (rows: Int, bytes: Int) {
        do throws(CaptureError) { try ask(rows, of: name, columns, nil) } catch { throw .capture(error) }
        return try take(name, columns, relation, into: buffer, maxRows, maxBytes, { () throws(E) in }, flush)
    }

    private func take<E: Error>(
        _ table: QualifiedName, _ columns: [Column], _ relation: UInt32, into buffer: ChangeBuffer, _ maxRows: Int,
        _ maxBytes: Int, _ waiting: () throws(E) -> Void, _ flush: () throws(E) -> Void
    ) throws(SnapshotCopyFailure<E>) -> (rows: Int, bytes: Int) {
        try awaitAnswer(table, waiting)
        var decoder = CopyRowDecoder(columns: columns.map { $0.asText ? .text : .binary }, relation: relation)
        var total = (rows: 0, bytes: 0)
        copying: while true {
            let next: Next
            do throws(CaptureError) {
                next = try self.next(table, &decoder, into: buffer)
            } catch {
                throw .capture(error)
            }
            switch next {
            case .message(let count): total.bytes += count
            case .nothing: try hand(waiting)
            case .end: break copying
            }
            guard buffer.changes.count > 0, buffer.changes.count >= maxRows || buffer.bytes.count >= maxBytes else {
                continue
            }
            total.rows += buffer.changes.count
            try hand(flush)
        }
        total.rows += buffer.changes.count
        if !buffer.changes.isEmpty { try hand(flush) }
        return total
    }

    /// The same for who has nothing to do while the server is silent. (The compiler of Swift 6.3 crashes on a default for
    /// `waiting`.)
    public func copy<E: Error>(
        _ table: QualifiedName, rows: ((_ isPartitioned: Bool) -> String)? = nil, columns: [Column],
        where filter: String? = nil, relation: UInt32, into buffer: ChangeBuffer, maxRows: Int, maxBytes: Int,
        flush: () throws(E) -> Void
    ) throws(SnapshotCopyFailure<E>) -> (rows: Int, bytes: Int) {
        try copy(
            table, rows: rows, columns: columns, where: filter, relation: relation, into: buffer, maxRows: maxRows,
            maxBytes: maxBytes, waiting: { () throws(E) in }, flush: flush)
    }

    private func hand<E: Error>(_ flush: () throws(E) -> Void) throws(SnapshotCopyFailure<E>) {
        do throws(E) {
            try flush()
        } catch {
            connection.close()
            throw .consumer(error)
        }
    }

    private func awaitAnswer<E: Error>(
        _ table: QualifiedName, _ waiting: () throws(E) -> Void
    ) throws(SnapshotCopyFailure<E>) {
        while true {
            do throws(CaptureError) {
                let hasBegun = try capturing({ CaptureError($0, relation: table) }) { () throws(PostgresError) in
                    guard try connection.isAnswered(within: .seconds(1)) else { return false }
                    try connection.beginCopy()
                    return true
                }
                if hasBegun { return }
            } catch {
                throw .capture(error)
            }
            try hand(waiting)
        }
    }

    private func ask(
        _ table: QualifiedName, _ rows: ((Bool) -> String)?, _ columns: [Column], _ filter: String?
    ) throws(CaptureError) {
        let kind = try capturing({ CaptureError($0, relation: table) }) { () throws(PostgresError) in
            try connection.query(
                """
                SELECT c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = $2
                """, [table.schema, table.name]
            ).first?[0]
        }
        guard let kind else {
            throw CaptureError(
                .tableMissing, "PostgreSQL at \(connection.server): the table is not there", relation: table)
        }
        try ask(rows?(kind == "p") ?? (kind == "p" ? "" : "ONLY ") + table.sql, of: table, columns, filter)
    }

    private func ask(
        _ rows: String, of table: QualifiedName, _ columns: [Column], _ filter: String?
    ) throws(CaptureError) {
        try capturing({ CaptureError($0, relation: table) }) { () throws(PostgresError) in
            try connection.sendCopy(Self.statement(rows, columns: columns, where: filter))
        }
    }

    private enum Next {
        /// A row, the header, or the trailer, of so many bytes.
        case message(Int)
        /// The server had nothing to send for a second.
        case nothing
        /// The table's end.
        case end
    }

    private func next(
        _ table: QualifiedName, _ decoder: inout CopyRowDecoder, into buffer: ChangeBuffer
    ) throws(CaptureError) -> Next {
        let step = try capturing({ CaptureError($0, relation: table) }) { () throws(PostgresError) in
            try connection.nextCopyStep(within: .seconds(1))
        }
        switch consume step {
        case .message(let message):
            let bytes = message.bytes
            guard decoder.decode(bytes, into: buffer) else { throw malformed(table) }
            return .message(bytes.byteCount)
        case .wouldBlock: return .nothing
        case .end:
            guard decoder.isComplete else { throw malformed(table) }
            return .end
        }
    }

    private func malformed(_ table: QualifiedName) -> CaptureError {
        connection.close()
        return CaptureError(
            .protocolViolation, "PostgreSQL at \(connection.server): the COPY data cannot be decoded", relation: table)
    }

    static func statement(
        _ rows: String, columns: [Column], where filter: String?
    ) -> String {
        let list = columns.map { column in
            let name = QualifiedName.quoted(column.name)
            // Not a cast to text: that of inet, char(n) and boolean prints otherwise than the output function does.
            return column.asText ? "CASE WHEN \(name) IS DISTINCT FROM NULL THEN pg_catalog.concat(\(name)) END" : name
        }
        let condition = filter.map { " WHERE (\($0))" } ?? ""
        return """
            COPY (SELECT \(list.joined(separator: ", ")) FROM \(rows) AS t\(condition)) \
            TO STDOUT (FORMAT binary)
            """
    }
}
