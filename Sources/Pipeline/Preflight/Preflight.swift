// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Capture
public import Mapping
internal import PostgreSQL
internal import Threading

/// Looks at both servers and the mapping before anything starts, and reports all that is wrong at once.
///
/// What fails in one place keeps nothing from being looked at in another. Nothing is changed on either side.
public struct Preflight {
    private let reading: MappingReading
    private var report: PreflightReport
    /// Of what holds in the mapping.
    private var plan: Plan?
    private var isMappingWhole = false
    /// Tables whose publication `run` alters, as they are in the mapping since lately, or have an edited entry.
    private var altered: [QualifiedName] = []
    /// Constraints in the graph that `run` replaces.
    private var formerConstraints: Set<String> = []
    private var sourceFacts: SourceFacts?
    /// Why a walsender was refused.
    private var replicationFailure: PostgresError?
    private var graphFacts: GraphFacts?

    /// - Parameters:
    ///   - reading: The mapping file, as far as it could be read.
    ///   - file: Its name.
    public static func run(_ reading: MappingReading, file: String) async -> PreflightReport {
        await DedicatedThread.run(name: "check") {
            var preflight = Preflight(reading, file)
            preflight.inspectSource()
            preflight.inspectGraph()
            preflight.judge()
            return preflight.report
        }
    }

    private init(_ reading: MappingReading, _ file: String) {
        self.reading = reading
        report = PreflightReport(
            file: file, isMappingUnreadable: reading.file == nil, findings: reading.faults.map { PreflightFinding($0) })
    }

    private mutating func note(_ findings: [PreflightFinding]) { report.findings += findings }

    // MARK: Reading

    private mutating func inspectSource() {
        guard let settings = reading.source else { return }
        do throws(PostgresError) {
            let configuration = try PostgresConfiguration(settings.url.revealed)
            report.source = configuration.description
            note(TransportFindings.source(configuration, isEncrypted: try inspect(configuration, settings)))
        } catch {
            note([PreflightFinding(.source, PipelineError(error))])
        }
    }

    /// - Returns: Whether the connection is encrypted; nil where there is none.
    private mutating func inspect(
        _ configuration: PostgresConfiguration, _ settings: SourceSettings
    ) throws(PostgresError) -> Bool? {
        let connection: PostgresConnection
        do throws(PostgresError) {
            connection = try PostgresConnection(configuration)
        } catch {
            note([PreflightFinding(.source, PipelineError(error))])
            return nil
        }
        let (facts, findings) = SourceInspection(
            connection: connection, slot: settings.slot, publication: settings.publication,
            tables: reading.file?.mappedTables.map(\.name) ?? []
        ).read()
        report.source? += ", PostgreSQL \(facts.versionText)"
        note(findings)
        sourceFacts = facts
        try examine(connection, facts)
        replicationFailure = Self.tryReplication(configuration)
        return facts.isEncrypted
    }

    /// Holds the mapping against the catalog.
    private mutating func examine(_ connection: PostgresConnection, _ facts: SourceFacts) throws(PostgresError) {
        guard let file = reading.file, !connection.isClosed else { return }
        let catalog = try CatalogReader.read(connection, queries: file.queries)
        let memory = (try? PipelineSettings(file)).map { PipelinePlan.memory($0) } ?? []
        let evolution = SchemaEvolution(file, memory: memory, catalog: catalog)
        let examination = evolution.file.examine(against: catalog)
        note(Self.findings(evolution))
        altered = evolution.added
        let unpublishable = TableFindings.unpublishable(facts, file.mappedTables)
        let explained = Set(unpublishable.compactMap(\.position))
        note(unpublishable)
        // To the mapping such a table is not there at all.
        note(
            examination.faults.filter { fault in
                fault.kind != .unknownName || fault.position.map { !explained.contains($0) } ?? true
            }.map { PreflightFinding($0) })
        note(try ViewFindings.findings(examination.sound, connection))
        sourceFacts?.filters = try FilterProbe.run(examination.sound, trying: true, connection)
        let plan = Plan(mapping: examination.sound, file: evolution.file, catalog: catalog)
        self.plan = plan
        isMappingWhole = examination.mapping != nil
        if isMappingWhole, let settings = try? PipelineSettings(file) { noteEdits(evolution, plan, settings) }
    }

    /// What `run` makes of entries that somebody has edited.
    private mutating func noteEdits(_ evolution: SchemaEvolution, _ plan: Plan, _ settings: PipelineSettings) {
        let before = try? GraphConnection.use(settings.graph) { graph throws(PipelineError) in
            try RememberedTables.read(pipeline: settings.name, graph)
        }
        guard let before else { return }
        let edits = MappingEdit.all(from: before, to: RememberedTables(plan), evolution, plan)
        altered += edits.filter { $0.change.policy == .apply }.map(\.table)
        formerConstraints = Set(edits.compactMap(\.formerConstraint))
        note(
            edits.map { edit in
                let severity: PreflightFinding.Severity =
                    switch edit.change.policy {
                    case .pause: .error
                    case .apply where edit.sweeps.isEmpty: .note
                    case .apply, .ignore: .warning
                    }
                return PreflightFinding(
                    severity, .mapping, "\(edit.table): \(edit.change.what): \(edit.change.action)",
                    fix: edit.change.advice)
            })
    }

    /// What has happened to tables and to the file since the pipeline last looked.
    private static func findings(_ evolution: SchemaEvolution) -> [PreflightFinding] {
        evolution.oldNames.map { name in
            PreflightFinding(
                .note, .mapping, "\(name.kind) \(name.name) is called \(name.now) now, and means the same",
                fix: name.advice, position: name.positions.first)
        }
            + evolution.changes.map { change in
                PreflightFinding(
                    change.policy == .pause ? .error : .warning, .mapping,
                    "\(change.table): \(change.what): \(change.action)", fix: change.advice)
            }
            + evolution.removed.map { table in
                PreflightFinding(
                    .warning, .mapping,
                    "\(table.name) is not in the mapping any more: `lockstep run` deletes what it has made in the graph",
                    fix: "put it back into the mapping if that is not meant")
            }
    }

    /// Opens a walsender as `run` does, and closes it again.
    private static func tryReplication(_ configuration: PostgresConfiguration) -> PostgresError? {
        do throws(PostgresError) {
            let connection = try PostgresConnection(configuration, replication: true)
            _ = try connection.query("IDENTIFY_SYSTEM")
            connection.close()
            return nil
        } catch {
            return error
        }
    }

    private mutating func inspectGraph() {
        guard let settings = reading.graph else { return }
        do throws(PipelineError) {
            let configuration = PipelineSettings.graph(settings)
            report.graph = configuration.description
            note(TransportFindings.graph(configuration))
            let (mapping, pipeline) = (plan?.mapping, reading.pipeline)
            let (facts, findings, server) = try GraphConnection.use(configuration) { channel throws(PipelineError) in
                // A database that is not there is told of by the first query, not by the login.
                do throws(BoltError) { _ = try channel.query("RETURN 1") } catch { throw PipelineError(error) }
                let (facts, findings) = GraphInspection(channel: channel, pipeline: pipeline, mapping: mapping).read()
                return (facts, findings, "\(channel.server.agent), Bolt \(channel.server.version)")
            }
            report.graph? += ", " + server
            note(findings)
            graphFacts = facts
        } catch {
            note([PreflightFinding(.graph, error)])
        }
    }

    // MARK: Judging

    private mutating func judge() {
        if let plan { note(TableFindings.textOnly(plan.mapping) + TableFindings.partitioned(plan)) }
        if let facts = sourceFacts, let settings = reading.source {
            let state = graphFacts?.state ?? .unknown
            note(ServerFindings.findings(facts, slot: settings.slot))
            note(RightsFindings.findings(facts, columns: plan?.mapping.columnNames))
            note(Self.replication(replicationFailure, facts))
            note(SlotFindings.findings(facts, named: settings.slot, graph: state))
            note(
                [ServerFindings.twoPhase(settings.twoPhase == .prepare, facts.version)].compactMap(\.self)
                    + SlotFindings.twoPhase(facts.slot, wanted: settings.twoPhase == .prepare))
            if let plan {
                note(PublicationFindings.refusals(facts, plan))
                note(
                    PublicationFindings.findings(
                        facts, plan: plan, isWhole: isMappingWhole, graph: state, altered: altered))
            }
        }
        if let graphFacts {
            if let plan { note(ViewFindings.failures(graphFacts.views, plan.mapping)) }
            note(
                GraphFindings.findings(
                    graphFacts, mapping: plan?.mapping, pipeline: reading.pipeline, replacing: formerConstraints))
        }
    }

    /// A walsender that is refused for a reason that is not reported already.
    static func replication(_ failure: PostgresError?, _ facts: SourceFacts) -> [PreflightFinding] {
        guard let failure else { return [] }
        if failure.kind == .privilege, !facts.role.mayReplicate { return [] }
        // `too_many_connections`: all senders are taken, perhaps by the running pipeline itself.
        if failure.sqlState == "53300", facts.sendersInUse >= facts.settings.walSendersMax { return [] }
        let isRefused = failure.kind == .authentication
        return [
            PreflightFinding(
                .error, .source, "a replication connection is refused, an ordinary one is not: \(failure)",
                fix: isRefused
                    ? "let the role in by pg_hba.conf: host \(facts.database) \(facts.role.name) … scram-sha-256; "
                        + "then SELECT pg_reload_conf(); a pooler such as PgBouncer cannot stand between"
                    : "connect to PostgreSQL itself: a pooler such as PgBouncer cannot stand between")
        ]
    }
}
