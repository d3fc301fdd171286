// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// What is to be said of views that become relationships.
enum ViewFindings {
    /// Whether they can be read, asked of the server: the columns are there, and the role has the rights.
    static func findings(
        _ mapping: GraphMapping, _ connection: PostgresConnection
    ) throws(PostgresError) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        for view in mapping.computed {
            let columns = Set(view.join.relationshipColumns.map(\.column)).sorted().sqlList
            do throws(PostgresError) {
                _ = try connection.query("SELECT \(columns) FROM \(view.table.sql) LIMIT 0")
            } catch {
                guard !connection.isClosed else { throw error }
                findings.append(
                    PreflightFinding(
                        .error, .source, "\(view.table) cannot be read: \(error.message)",
                        fix: error.kind == .privilege ? "GRANT SELECT ON \(view.table.sql) TO the role" : nil))
            }
        }
        return findings
    }

    /// What the running pipeline has met with.
    static func failures(_ views: [ViewState], _ mapping: GraphMapping) -> [PreflightFinding] {
        let mapped = Set(mapping.computed.map(\.table))
        return views.compactMap { view in
            guard mapped.contains(view.table), let failure = view.failure else { return nil }
            return PreflightFinding(
                .error, .graph, "the relationships of \(view.table) are those of an earlier time: \(failure)",
                fix: "TABLE \(view.table.sql); in psql shows it too; the pipeline goes on, and tries it again")
        }
    }
}
