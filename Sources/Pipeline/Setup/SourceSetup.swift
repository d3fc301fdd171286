// Part of Lockstep. See LICENSE.

internal import Capture
internal import Mapping
internal import PostgreSQL

/// What PostgreSQL needs: the publication and the slot.
struct SourceSetup {
    let settings: PipelineSettings
    let plan: Plan

    func addTablesSQL(_ tables: [QualifiedName]) -> String {
        "ALTER PUBLICATION \(QualifiedName.quoted(settings.publication)) ADD TABLE "
            + tables.map(\.sql).joined(separator: ", ")
    }

    /// Sees that the publication is there with every mapped table.
    ///
    /// - Parameter mayAlter: Tables that it lacks are added: right only where everything is going to be read.
    func ensurePublication(
        _ source: PostgresConnection, mayAlter: Bool, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        let name = settings.publication
        let publication = try postgres { () throws(PostgresError) in
            try source.query(
                "SELECT pubviaroot, pubinsert AND pubupdate AND pubdelete AND pubtruncate AS all_kinds "
                    + "FROM pg_publication WHERE pubname = $1", [name])
        }.first
        guard let publication else {
            try alter(plan.publicationStatement, source)
            return report(.created("publication \(name)"))
        }
        guard publication["pubviaroot"] == "t", publication["all_kinds"] == "t" else {
            throw PipelineError(
                "the publication leaves changes out", "\(settings.source): publication \"\(name)\"",
                remedy: "ALTER PUBLICATION \(QualifiedName.quoted(name)) SET "
                    + "(publish = 'insert, update, delete, truncate', publish_via_partition_root = true);")
        }
        let present = Set(
            try postgres { () throws(PostgresError) in
                try source.query("SELECT schemaname, tablename FROM pg_publication_tables WHERE pubname = $1", [name])
            }.map { QualifiedName(schema: $0["schemaname"] ?? "", name: $0["tablename"] ?? "") })
        let missing = plan.mapping.tables.filter { !present.contains($0) }
        guard !missing.isEmpty else { return }
        guard mayAlter else {
            throw PipelineError(
                "the publication lacks tables of the mapping",
                "\(settings.source): publication \"\(name)\" has not \(missing.map(\.description).joined(separator: ", "))",
                remedy: "If they were added to the mapping, `lockstep run --resnapshot` adds them and reads everything "
                    + "again. If they fell out of the publication, changes of them may be lost: the same, after "
                    + addTablesSQL(missing) + ";")
        }
        try alter(addTablesSQL(missing), source)
        report(.created("in publication \(name): \(missing.map(\.description).joined(separator: ", "))"))
    }

    /// Drops the slot where it is; a new one is made with the snapshot.
    func dropSlot(_ source: PostgresConnection, _ report: (PipelineEvent) -> Void) throws(PipelineError) {
        guard
            let slot = try postgres({ () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) })
        else { return }
        if let pid = slot.activePID {
            throw PipelineError(
                "the replication slot is in use", "\(settings.source): \"\(settings.slot)\" by process \(pid)",
                remedy: "Another Lockstep runs this pipeline, or one that was killed is not forgotten yet. "
                    + "SELECT pg_terminate_backend(\(pid)); ends it.",
                disposition: .retry)
        }
        _ = try capture { () throws(CaptureError) in try ReplicationSlots.drop(settings.slot, source) }
    }

    private func alter(_ sql: String, _ source: PostgresConnection) throws(PipelineError) {
        do throws(PostgresError) {
            try source.execute(sql)
        } catch {
            var failure = PipelineError(error)
            failure.what = "the publication could not be made"
            if error.sqlState == "42501" {
                failure.remedy = "As the owner of the tables (or a superuser) run: \(sql);"
            }
            throw failure
        }
    }
}
