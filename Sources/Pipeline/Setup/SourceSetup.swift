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
    /// - Parameters:
    ///   - mayAlter: Tables that it lacks are added, filters and column lists changed: right only where everything is going to
    ///     be read.
    ///   - altered: With these that is done in any case.
    func ensurePublication(
        _ source: PostgresConnection, mayAlter: Bool, altering altered: [QualifiedName] = [],
        _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        let name = settings.publication
        let filters = try postgres { () throws(PostgresError) in
            try FilterProbe.run(plan.mapping, trying: false, source)
        }
        if let (table, words) = filters.refused.min(by: { $0.key < $1.key }) {
            throw refused(PublicationFindings.refusal(table, words, plan))
        }
        guard let publication = try postgres({ () throws(PostgresError) in try Publications.find(name, source) }) else {
            try alter(plan.publicationStatement, source)
            return report(.created("publication \(name)"))
        }
        if let fault = PublicationFindings.options(publication) {
            throw PipelineError("the publication leaves changes out", fault, at: settings.source.description)
        }
        let missing = PublicationFindings.missing(publication, plan)
        let differing = PublicationFindings.differing(publication, plan, filters)
        guard !(missing + differing).isEmpty else { return }
        guard mayAlter || (differing + missing).allSatisfy(altered.contains) else {
            // Renamed or dropped since the catalog was read.
            for table in missing {
                let found = try postgres { () throws(PostgresError) in
                    try source.query("SELECT pg_catalog.to_regclass(\(QualifiedName.literal(table.sql)))").first?[0]
                }
                guard found != nil else { throw PipelineError("a table has changed", disposition: .schemaChanged) }
            }
            let finding =
                missing.isEmpty
                ? PublicationFindings.publishesOtherwise(name, differing)
                : PublicationFindings.lacksTables(name, missing, plan)
            let what =
                missing.isEmpty
                ? "the publication is not as the mapping says" : "the publication lacks tables of the mapping"
            throw PipelineError(what, finding, at: settings.source.description)
        }
        let tables = missing + differing
        try alter(plan.alterStatement(tables, present: Set(differing)), source)
        report(.created("in publication \(name): \(tables.map(\.description).joined(separator: ", "))"))
    }

    private func refused(_ finding: PreflightFinding) -> PipelineError {
        let place = finding.position.map { "\($0): " } ?? ""
        return PipelineError(
            "the mapping cannot be followed", place + finding.what, remedy: finding.fix, isConfiguration: true)
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
            // Only the server knows which expressions it takes.
            if error.message.contains("publication WHERE expression") {
                let words = [error.message, error.detail].compactMap(\.self).joined(separator: ": ")
                let filtered = plan.mapping.conditions.filter { $0.value.filter != nil }.keys.sorted()
                if filtered.count == 1 { throw refused(PublicationFindings.refusal(filtered[0], words, plan)) }
            }
            if error.sqlState == "42501" {
                failure.remedy = "As the owner of the tables (or a superuser) run: \(sql);"
            }
            throw failure
        }
    }
}
