// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// Lets PostgreSQL say what it makes of the mapping's row filters. Nothing of it stays.
enum FilterProbe {
    struct Outcome: Sendable {
        /// The filters as PostgreSQL prints them, and would print them in a publication; without those that it could not
        /// be asked about, as on a standby.
        var printed: [QualifiedName: String] = [:]
        /// Its words about those that it does not take.
        var refused: [QualifiedName: String] = [:]
    }

    /// - Parameter trying: Also whether a publication takes them, where the role may make one.
    static func run(
        _ mapping: GraphMapping, trying: Bool, _ connection: PostgresConnection
    ) throws(PostgresError) -> Outcome {
        var outcome = Outcome()
        for (table, condition) in mapping.conditions.sorted(by: { $0.key < $1.key }) {
            guard let filter = condition.filter, !connection.isClosed else { continue }
            do throws(PostgresError) {
                // A check constraint is printed as a filter is, needs no right to the table but SELECT, and no lock.
                let rows = try undone(
                    connection,
                    """
                    CREATE TEMPORARY TABLE lockstep_probe (LIKE \(table.sql), CONSTRAINT lockstep_probe CHECK (\(filter)))
                    """,
                    """
                    SELECT pg_catalog.pg_get_expr(conbin, conrelid) FROM pg_catalog.pg_constraint
                    WHERE conrelid = 'pg_temp.lockstep_probe'::pg_catalog.regclass AND conname = 'lockstep_probe'
                    """)
                if let printed = rows.first?[0] { outcome.printed[table] = printed }
                if trying {
                    _ = try undone(
                        connection, "CREATE PUBLICATION lockstep_probe FOR TABLE ONLY \(table.sql) WHERE (\(filter))",
                        "SELECT 1")
                }
            } catch {
                if error.isTransient || error.kind == .stopped { throw error }
                if !Self.saysNothing(error) {
                    outcome.refused[table] = [error.message, error.detail].compactMap(\.self).joined(separator: ": ")
                }
            }
        }
        return outcome
    }

    /// A role that may not make the thing, or a server that takes no changes, says nothing about the filter.
    private static func saysNothing(_ error: PostgresError) -> Bool {
        error.kind == .privilege || error.sqlState == "25006" || error.sqlState == "55P03"
    }

    private static func undone(
        _ connection: PostgresConnection, _ statement: String, _ query: String
    ) throws(PostgresError) -> [PostgresRow] {
        try connection.execute("BEGIN; SET LOCAL lock_timeout = '3s'")
        do throws(PostgresError) {
            try connection.execute(statement)
            let rows = try connection.query(query)
            try connection.execute("ROLLBACK")
            return rows
        } catch {
            if !connection.isClosed { try connection.execute("ROLLBACK") }
            throw error
        }
    }
}
