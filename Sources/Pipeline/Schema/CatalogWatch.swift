// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL
internal import Threading

/// A look at the catalog now and then, for what the stream does not say, or says only with the next row: a table dropped or
/// renamed, a column added, a table made that somebody may want. It ends the attempt when such a thing has happened, and the
/// next one follows.
struct CatalogWatch {
    /// How often.
    static let interval: Duration = .seconds(3)

    let settings: PipelineSettings
    let file: MappingFile
    let partitions: PartitionWatch
    /// Tables beside the mapping that are not new.
    private let others: Set<OID>?
    /// Views and queries of the file, whether the mapping fits to them or not.
    private let views: [(name: QualifiedName, definition: String?)]
    private let report: @Sendable (PipelineEvent) -> Void

    /// - Parameters:
    ///   - plan: What the attempt goes by.
    ///   - others: Tables beside the mapping that are not new; nil where new ones can wait.
    init(
        settings: PipelineSettings, file: MappingFile, plan: Plan, besides others: Set<OID>?,
        report: @escaping @Sendable (PipelineEvent) -> Void
    ) {
        self.settings = settings
        self.file = file
        partitions = PartitionWatch(settings: settings, plan: plan)
        self.others = others
        views = file.mappedViews.map { ($0, plan.catalog.view($0)?.definition) }
        self.report = report
    }

    /// Numbers that differ when a table, a column, a constraint, an index, a view or a function has: every change writes
    /// another row version.
    private static let signatureSQL =
        "SELECT "
        + [
            ("pg_class", "relkind IN ('r', 'p')"), ("pg_attribute", "attnum > 0"), ("pg_constraint", "true"),
            ("pg_index", "true"), ("pg_rewrite", "true"), ("pg_proc", "true"),
        ].map { table, condition in
            "(SELECT count(*) || ' ' || coalesce(sum(xmin::text::int8), 0) FROM pg_catalog.\(table) WHERE \(condition))"
        }.joined(separator: " || ' ' || ")

    func run(until stop: StopSignal) throws(PipelineError) {
        var seen: String?
        var connection: PostgresConnection?
        var complained: String?
        while stop.sleep(for: Self.interval) {
            var verdict: PipelineError?
            do throws(PipelineError) {
                if connection == nil { connection = try connect(stop) }
                guard let source = connection else { continue }
                let signature = try postgres { () throws(PostgresError) in try source.query(Self.signatureSQL).first?[0]
                }
                guard signature != seen else { continue }
                let catalog = try postgres { () throws(PostgresError) in
                    try CatalogReader.read(source, queries: file.queries)
                }
                if hasChanged(catalog) {
                    verdict = PipelineError("a table has changed", disposition: .schemaChanged)
                } else if let changes = try partitions.look(source, stop: stop) {
                    // What keeps a query from being read may go without a word in these tables: a lock, a right.
                    seen = catalog.refusals.isEmpty ? signature : nil
                    verdict = judge(changes)
                }
            } catch {
                // Whether a server is away is for the stream to say.
                connection = nil
                seen = nil
                if error.disposition == .stop, !stop.isStopped, complained != error.description {
                    complained = error.description
                    report(.warning("the catalog could not be looked at: \(error)"))
                }
            }
            if let verdict { throw verdict }
        }
    }

    /// Policies that hide rows are to be errors, not fewer rows.
    private func connect(_ stop: StopSignal) throws(PipelineError) -> PostgresConnection {
        try postgres { () throws(PostgresError) in
            let connection = try PostgresConnection(settings.source, stop: stop)
            try connection.execute("SET row_security = off; SET statement_timeout = 0")
            return connection
        }
    }

    /// What has become of partitions without the stream: reported, and the end where the graph is not to stay wrong.
    private func judge(_ changes: [SchemaChange]) -> PipelineError? {
        for change in changes where !change.needsReading { report(.schema(change.description)) }
        let reading = changes.filter(\.needsReading)
        guard !reading.isEmpty else { return nil }
        return PipelineError(
            "partitions have changed without a word in the stream",
            reading.map { "\n  \($0.table): \($0.what): \($0.action)" }.joined(),
            remedy: "`lockstep run --resnapshot` reads everything again and makes the graph right. With schemaChanges: "
                + "{partitionsChanged: apply} in the mapping the tables alone are read again while the pipeline runs, with "
                + "ignore the rows stay in the graph as they are.")
    }

    private func hasChanged(_ catalog: Catalog) -> Bool {
        let memory: [TableMemory]
        do throws(PipelineError) {
            memory = try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                try SchemaMemory.read(graph, pipeline: settings.name)
            }
        } catch {
            return false
        }
        let evolution = SchemaEvolution(file, memory: memory, catalog: catalog, besides: others)
        // One that the mapping does not fit to any more cannot be read, and its reader says so.
        let isRedefined = views.contains { catalog.view($0.name)?.definition != $0.definition }
        if isRedefined, evolution.file.examine(against: catalog).mapping != nil { return true }
        // A key that is none any more, or that the stream does not carry, of the table or of a partition, or a foreign key that
        // leads elsewhere: what it is the next attempt says.
        let tables = evolution.file.leavingOut(views: Set(views.map(\.name)))
        return !evolution.changes.isEmpty
            || tables.examine(against: catalog).faults.contains {
                ($0.kind == .key || $0.kind == .reference) && $0.severity == .error
            }
    }
}
