// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Transactions of the whole server that have written and not ended: a slot is not made before they have.
public enum RunningTransactions {
    /// The oldest in words, and how many there are; nil where all are younger than `age` seconds.
    ///
    /// Prepared transactions wait for somebody to end them, maybe for days.
    public static func described(olderThan age: Int, _ connection: PostgresConnection) throws(PostgresError) -> String?
    {
        let rows = try connection.query(
            """
            SELECT what, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' AS since,
                count(*) OVER () AS number
            FROM (
                SELECT 'the prepared transaction ' || quote_literal(gid) || ' in database ' || database, prepared
                FROM pg_catalog.pg_prepared_xacts
                UNION ALL
                SELECT 'process ' || pid || coalesce(' in database ' || datname, '')
                    || coalesce(' (' || nullif(concat_ws(', ', nullif(application_name, ''), state), '') || ')', ''),
                    coalesce(xact_start, backend_start)
                FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
            ) AS t (what, since)
            WHERE since < pg_catalog.clock_timestamp() - make_interval(secs => \(age)) OR since IS NULL
            ORDER BY t.since LIMIT 1
            """)
        guard let row = rows.first, let what = row["what"] else { return nil }
        let since = row["since"].map { ", which began at \($0)" } ?? ""
        let others = row["number"].flatMap { Int($0) }.map { $0 - 1 } ?? 0
        return what + since + (others > 0 ? ", and \(others) more" : "")
    }
}
