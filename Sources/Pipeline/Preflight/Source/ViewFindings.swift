// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// What is to be said of views and queries that become relationships.
enum ViewFindings {
    /// Whether they can be read, asked of the server as the reader is going to ask it: the columns are there, the role has
    /// the rights, and nothing is written.
    static func findings(
        _ mapping: GraphMapping, _ connection: PostgresConnection
    ) throws(PostgresError) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        for view in mapping.computed {
            let columns = Set(view.join.relationshipColumns.map(\.column)).sorted().sqlList
            try connection.execute("BEGIN READ ONLY; SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off")
            do throws(PostgresError) {
                _ = try connection.query("SELECT \(columns) FROM \(view.rowsSQL) AS t LIMIT 0")
            } catch {
                guard !connection.isClosed else { throw error }
                let object = view.query == nil ? view.table.sql : "what it names"
                findings.append(
                    PreflightFinding(
                        .error, .source, "\(view.table) cannot be read: \(error.message)",
                        fix: error.kind == .privilege ? "GRANT SELECT ON \(object) TO the role" : nil))
            }
            try connection.execute("ROLLBACK")
        }
        return findings
    }

    /// What the running pipeline has met with.
    static func failures(_ views: [ViewState], _ mapping: GraphMapping) -> [PreflightFinding] {
        let mapped = Set(mapping.computed.map(\.table))
        return views.compactMap { view in
            guard mapped.contains(view.table), let failure = view.failure else { return nil }
            let shown = view.table.isOfQuery ? "the query" : "TABLE \(view.table.sql);"
            return PreflightFinding(
                .error, .graph, "the relationships of \(view.table) are those of an earlier time: \(failure)",
                fix: "\(shown) in psql shows it too; the pipeline goes on, and tries it again")
        }
    }
}
