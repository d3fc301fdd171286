// Part of Lockstep. See LICENSE.

internal import Capture
internal import Mapping
internal import PostgreSQL

/// What PostgreSQL needs: the publication and the slot.
struct SourceSetup {
    let settings: PipelineSettings
    let plan: Plan

    /// Sees that the publication is there with every mapped table.
    ///
    /// - Parameter mayAlter: Tables that it lacks are added: right only where everything is going to be read.
    func ensurePublication(
        _ source: PostgresConnection, mayAlter: Bool, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        let name = settings.publication
        guard let publication = try postgres({ () throws(PostgresError) in try Publications.find(name, source) }) else {
            try alter(plan.publicationStatement, source)
            return report(.created("publication \(name)"))
        }
        if let fault = PublicationFindings.options(publication) {
            throw PipelineError("the publication leaves changes out", fault, at: settings.source.description)
        }
        let missing = PublicationFindings.missing(publication, plan)
        guard !missing.isEmpty else { return }
        guard mayAlter else {
            throw PipelineError(
                "the publication lacks tables of the mapping", PublicationFindings.lacksTables(name, missing),
                at: settings.source.description)
        }
        try alter(PublicationFindings.addTablesSQL(name, missing), source)
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
