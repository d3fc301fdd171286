// Part of Lockstep. See LICENSE.

internal import PostgreSQL
internal import Threading

/// PostgreSQL's side: one connection, used for one thing at a time.
final class SourceReader {
    /// Tables whose rows are in their partitions; all others are read without their inheritance children.
    let partitioned: Set<QualifiedName>
    private let connection: PostgresConnection

    init(_ configuration: PostgresConfiguration, stop: StopSignal) throws(VerifyError) {
        do throws(PostgresError) {
            connection = try PostgresConnection(configuration, stop: stop)
            // A table whose policy hides rows from this role is refused, not compared in part.
            try connection.execute(
                """
                SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;
                SET search_path = pg_catalog; SET row_security = off
                """)
            let rows = try connection.query(
                """
                SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'
                """)
            partitioned = Set(rows.map { QualifiedName(schema: $0[0] ?? "", name: $0[1] ?? "") })
        } catch {
            throw VerifyError(error, table: nil)
        }
    }

    func close() { connection.close() }

    /// The end of what is committed now.
    func currentLSN() throws(VerifyError) -> LSN {
        do throws(PostgresError) {
            return try connection.currentLSN()
        } catch {
            throw VerifyError(error, table: nil)
        }
    }

    /// Runs a binary COPY and hands over its rows; a row's bytes end with the call.
    func copy(
        _ statement: String, of table: QualifiedName, _ body: (inout CopyRow) throws(VerifyError) -> Void
    ) throws(VerifyError) {
        var isFirst = true
        do throws(CopyFailure<VerifyError>) {
            try connection.copyOut(statement) { message throws(VerifyError) in
                defer { isFirst = false }
                guard var row = try CopyRow(message, isFirst: isFirst) else { return }
                try body(&row)
                try row.expectEnd()
            }
        } catch {
            switch error {
            case .postgres(let error): throw VerifyError(error, table: table)
            case .consumer(let error): throw error
            }
        }
    }
}
