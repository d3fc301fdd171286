// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
public import Mapping
internal import PostgreSQL
internal import Threading

/// Makes, prints and removes what a pipeline needs on both sides.
public struct PipelineSetup: Sendable {
    private let settings: PipelineSettings
    private let file: MappingFile

    public init(settings: PipelineSettings, file: MappingFile) {
        self.settings = settings
        self.file = file
    }

    /// The SQL that prepares PostgreSQL, for somebody with the rights to read and run: publication, a role that can do
    /// just what is needed, the schema `lockstep`.
    public func sql() async throws(PipelineError) -> String {
        try await DedicatedThread.run(name: "setup") { () throws(PipelineError) in
            let source = try connectSource()
            let plan = try plan(source)
            let protected = try postgres { () throws(PostgresError) in try tablesWithPolicies(source) }
            return script(plan, protected: plan.mapping.tables.filter(protected.contains))
        }
    }

    /// Makes what is missing: publication, slot and schema in PostgreSQL, constraints in the graph; and, where the first
    /// read is done, what the mapping file's `schema` asks for. Before that `run` makes it, behind the first read.
    ///
    /// - Parameters:
    ///   - limit: How long indexes may take to be built.
    ///   - report: Told of what becomes of the `schema`, and of what the graph refused of it.
    /// - Returns: What was made, in words; empty where everything was there.
    public func apply(
        indexesWithin limit: Duration, report: @escaping @Sendable (PipelineEvent) -> Void
    ) async throws(PipelineError) -> [String] {
        try await DedicatedThread.run(name: "setup") { () throws(PipelineError) in
            var made: [String] = []
            let note: (PipelineEvent) -> Void = { if case .created(let what) = $0 { made.append(what) } }
            let source = try connectSource()
            let plan = try plan(source)
            try SourceSetup(settings: settings, plan: plan).ensurePublication(source, mayAlter: true, note)
            made += try makeSchema(source)
            made += try makeSlot(source)
            let checkpoint = try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                try GraphSetup(mapping: plan.mapping).createConstraints(graph)
                return try Pipeline.apply { () throws(ApplyError) in
                    try GraphWriter.readCheckpoint(graph, pipeline: settings.name)
                }
            }
            let keeper = SchemaKeeper(
                settings: settings, work: SchemaWork(mapping: plan.mapping), report: report, abandon: nil)
            if checkpoint?.phase == .streaming {
                try keeper.bringAbout()
                try keeper.awaitOnline(within: limit)
            } else if !plan.mapping.schema.isEmpty {
                report(
                    .schema("\(plan.mapping.schema.count) entries are made by `lockstep run`, behind the first read"))
            }
            return made
        }
    }

    /// Removes slot, publication and the checkpoint; with `data`, what the mapping made in the graph too. The user's
    /// tables are not touched.
    ///
    /// - Returns: What was removed, in words.
    public func remove(data: Bool) async throws(PipelineError) -> [String] {
        try await DedicatedThread.run(name: "teardown") { () throws(PipelineError) in
            var removed: [String] = []
            let source = try connectSource()
            let plan = try plan(source)
            let isThere =
                try postgres { () throws(PostgresError) in
                    try ReplicationSlots.find(settings.slot, source)
                } != nil
            try SourceSetup(settings: settings, plan: plan).dropSlot(source) { _ in }
            if isThere { removed.append("slot \(settings.slot)") }
            let refusal = try dropPublication(source)
            if refusal == nil { removed.append("publication \(settings.publication)") }
            try postgres { () throws(PostgresError) in
                if try hasSchema(source) {
                    _ = try source.query("DELETE FROM lockstep.pipeline WHERE name = $1", [settings.name])
                }
            }
            try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                let writer = GraphWriter(channel: graph, pipeline: settings.name, owner: "teardown")
                if data {
                    removed += try removeSchema(graph, plan.mapping)
                    try GraphSetup(mapping: plan.mapping).wipe(writer, expecting: nil)
                    removed.append("nodes and relationships of the mapping")
                }
                try Pipeline.apply { () throws(ApplyError) in try writer.deleteCheckpoint() }
            }
            removed.append("checkpoint of \(settings.name)")
            if var refusal {
                refusal.detail += "\nremoved was: " + removed.joined(separator: "; ")
                throw refusal
            }
            return removed
        }
    }

    // MARK: Steps

    /// What was made because the mapping file asked for it: without it deletes are faster, too.
    private func removeSchema(_ graph: BoltChannel, _ mapping: GraphMapping) throws(PipelineError) -> [String] {
        do throws(BoltError) {
            return try SchemaWork(mapping: mapping).removeAll(graph)
        } catch {
            throw PipelineError(error)
        }
    }

    private func connectSource() throws(PipelineError) -> PostgresConnection {
        try postgres { () throws(PostgresError) in try PostgresConnection(settings.source) }
    }

    private func plan(_ source: PostgresConnection) throws(PipelineError) -> Plan {
        try PipelinePlan.make(file, source, memory: PipelinePlan.memory(settings))
    }

    /// - Returns: Why it may not be dropped: its owner is another, who has to do it. The rest goes on.
    private func dropPublication(_ source: PostgresConnection) throws(PipelineError) -> PipelineError? {
        let sql = "DROP PUBLICATION IF EXISTS \(QualifiedName.quoted(settings.publication))"
        do throws(PostgresError) {
            try source.execute(sql)
            return nil
        } catch {
            var failure = PipelineError(error)
            guard error.kind == .privilege else { throw failure }
            failure.what = "the publication could not be dropped"
            failure.remedy = "As its owner or a superuser: \(sql);"
            return failure
        }
    }

    private func hasSchema(_ source: PostgresConnection) throws(PostgresError) -> Bool {
        try source.query("SELECT to_regclass('lockstep.pipeline') IS NOT NULL").first?[0] == "t"
    }

    private static let schemaSQL = """
        CREATE SCHEMA IF NOT EXISTS lockstep;
        CREATE TABLE IF NOT EXISTS lockstep.pipeline (
            name text PRIMARY KEY,
            slot text NOT NULL,
            publication text NOT NULL,
            set_up_at timestamptz NOT NULL DEFAULT now());
        COMMENT ON SCHEMA lockstep IS 'Kept by Lockstep, which derives a graph from this database. Never replicated.';
        """

    private func makeSchema(_ source: PostgresConnection) throws(PipelineError) -> [String] {
        try postgres { () throws(PostgresError) in
            let isThere = try hasSchema(source)
            if !isThere { try source.execute(Self.schemaSQL) }
            _ = try source.query(
                "INSERT INTO lockstep.pipeline (name, slot, publication) VALUES ($1, $2, $3) "
                    + "ON CONFLICT (name) DO UPDATE SET slot = excluded.slot, publication = excluded.publication",
                [settings.name, settings.slot, settings.publication])
            return isThere ? [] : ["schema lockstep"]
        }
    }

    /// Reserves the slot. The first `run` makes it anew: only then does its snapshot exist.
    private func makeSlot(_ source: PostgresConnection) throws(PipelineError) -> [String] {
        let found = try postgres { () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) }
        if found != nil { return [] }
        _ = try postgres { () throws(PostgresError) in
            try source.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [settings.slot])
        }
        return ["slot \(settings.slot)"]
    }

    /// Tables that show a role only the rows that a policy lets through.
    private func tablesWithPolicies(_ source: PostgresConnection) throws(PostgresError) -> Set<QualifiedName> {
        let rows = try source.query(
            """
            SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relrowsecurity
            """)
        return Set(rows.map { QualifiedName(schema: $0["nspname"] ?? "", name: $0["relname"] ?? "") })
    }

    private func script(_ plan: Plan, protected: [QualifiedName]) -> String {
        let role = "lockstep"
        let views = plan.mapping.computed.filter { $0.query == nil }.map(\.table)
        let named = plan.mapping.computed.compactMap { $0.query == nil ? nil : plan.catalog.view($0.table) }
            .flatMap { $0.reads + $0.through }
        let mapped = plan.mapping.tables + views
        let further = Set(named).subtracting(mapped).sorted()
        let readable = mapped + further
        let schemas = Set(readable.map(\.schema)).sorted()
        var lines = [
            "-- What the pipeline \"\(settings.name)\" needs in PostgreSQL. Run as the owner of the tables or a superuser.",
            "-- wal_level has to be logical (ALTER SYSTEM SET wal_level = 'logical'; then restart).",
            "",
            "-- A role that can read the mapped tables and follow the stream, and nothing else.",
            "CREATE ROLE \(role) LOGIN REPLICATION;  -- then: \\password \(role)",
            "GRANT CONNECT ON DATABASE \(QualifiedName.quoted(plan.catalog.database)) TO \(role);",
        ]
        if !further.isEmpty {
            lines.append("-- Queries of the mapping read \(further.map(\.description).joined(separator: ", ")).")
        }
        for schema in schemas { lines.append("GRANT USAGE ON SCHEMA \(QualifiedName.quoted(schema)) TO \(role);") }
        lines.append("GRANT SELECT ON \(readable.map(\.sql).joined(separator: ", ")) TO \(role);")
        if !protected.isEmpty {
            lines += [
                "-- Row security would hide rows of \(protected.map(\.description).joined(separator: ", ")) from it.",
                "ALTER ROLE \(role) BYPASSRLS;",
            ]
        }
        lines += ["", "-- The changes to follow.", plan.publicationStatement + ";"]
        lines += [
            "", "-- What Lockstep keeps in PostgreSQL.", Self.schemaSQL,
            "GRANT USAGE ON SCHEMA lockstep TO \(role);",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA lockstep TO \(role);",
            "", "-- The slot \"\(settings.slot)\" is made by `lockstep run`, with the snapshot that it starts from.",
        ]
        return lines.joined(separator: "\n")
    }
}
