// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL
internal import Threading
internal import Verify

/// Looks after partitions: that one of them was emptied, attached or detached is nowhere in the stream of their root.
///
/// What such a thing means for the graph no catalog tells: a partition may have been empty, or its rows may have been deleted
/// first, or its file may be another one because VACUUM FULL wrote it anew or because the whole table was truncated, which the
/// stream does say. So where it is not plainly harmless both sides of that table are compared, and the graph is judged by
/// that.
struct PartitionWatch {
    let settings: PipelineSettings
    let mapping: GraphMapping
    let policy: SchemaChangePolicy
    /// The mapped tables that are partitioned.
    let roots: [OID: QualifiedName]

    init(settings: PipelineSettings, plan: Plan) {
        self.settings = settings
        mapping = plan.mapping
        policy = plan.file.schemaChanges[.partitionsChanged]
        let mapped = Set(plan.mapping.tables)
        let tables = plan.catalog.tables.filter { $0.isPartitioned && mapped.contains($0.name) }
        roots = Dictionary(tables.map { ($0.oid, $0.name) }, uniquingKeysWith: { first, _ in first })
    }

    /// How long the graph may take to come to where the source is, before another look is taken later.
    private static let patience: Duration = .seconds(20)

    /// What is remembered is from now on what is there now: of tables of which nothing is remembered, or of all.
    ///
    /// Before anything is read: whatever happens behind it will be seen.
    func begin(_ source: PostgresConnection, _ graph: BoltChannel, all: Bool) throws(PipelineError) {
        guard !roots.isEmpty else { return }
        let now = try postgres { () throws(PostgresError) in try PartitionMemory.read(Array(roots.keys), source) }
        do throws(BoltError) {
            let known = all ? [] : try PartitionMemory.remembered(graph, pipeline: settings.name).map(\.root)
            try PartitionMemory.remember(
                now.filter { !known.contains($0.root) }, graph, pipeline: settings.name)
        } catch {
            throw PipelineError(error)
        }
    }

    /// What has become of partitions since they were remembered, and is not in the graph.
    ///
    /// - Returns: nil where it cannot be told yet, as the graph is behind.
    func look(_ source: PostgresConnection, stop: StopSignal) throws(PipelineError) -> [SchemaChange]? {
        guard !roots.isEmpty else { return [] }
        let remembered = try onGraph { graph throws(BoltError) in
            try PartitionMemory.remembered(graph, pipeline: settings.name)
        }
        let now = try postgres { () throws(PostgresError) in try PartitionMemory.read(Array(roots.keys), source) }
        var found: [SchemaChange] = []
        var requests: [LoadRequest] = []
        var settled: [PartitionMemory] = []
        for after in now {
            guard let before = remembered.first(where: { $0.root == after.root }), let name = roots[after.root] else {
                continue
            }
            guard before.leaves != after.leaves else {
                // The age of a transaction can be told for two thousand millions of them.
                if after.isMuchLater(than: before) { settled.append(after) }
                continue
            }
            let suspicious = try postgres { () throws(PostgresError) in
                try Self.suspicious(from: before, to: after, source)
            }
            guard !suspicious.isEmpty else {
                settled.append(after)
                continue
            }
            if policy == .ignore {
                found.append(change(name, suspicious, "rows in the graph stay as they are"))
                settled.append(after)
            } else {
                guard let difference = try compare(name, stop) else { return nil }
                guard difference > 0 else {
                    settled.append(after)
                    continue
                }
                let rows = "\(difference) difference\(difference == 1 ? "" : "s") between the table and the graph"
                if policy == .apply {
                    found.append(change(name, suspicious, "it is read again: \(rows)"))
                    requests.append(LoadRequest(name, reason: .schemaChanged))
                    settled.append(after)
                } else {
                    found.append(change(name, suspicious, "it has to be read again: \(rows)", needsReading: true))
                }
            }
        }
        try note(found, requests, settled)
        if !requests.isEmpty { try PipelineResync.wake(settings.name, source) }
        return found
    }

    /// What is to be read again is on record before its reason is forgotten.
    private func note(
        _ found: [SchemaChange], _ requests: [LoadRequest], _ settled: [PartitionMemory]
    ) throws(PipelineError) {
        try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
            if !requests.isEmpty {
                try apply { () throws(ApplyError) in try LoadStore.add(requests, pipeline: settings.name, graph) }
            }
            do throws(BoltError) {
                if !found.isEmpty { try SchemaHistory.note(found, graph, pipeline: settings.name) }
                try PartitionMemory.remember(settled, graph, pipeline: settings.name)
            } catch {
                throw PipelineError(error)
            }
        }
    }

    private func change(
        _ table: QualifiedName, _ what: [String], _ action: String, needsReading: Bool = false
    ) -> SchemaChange {
        SchemaChange(
            kind: .partitionsChanged, policy: policy, table: table, what: what.listed, action: action,
            needsReading: needsReading)
    }

    // MARK: Judging

    /// What may have changed rows without a word in the stream.
    private static func suspicious(
        from before: PartitionMemory, to after: PartitionMemory, _ source: PostgresConnection
    ) throws(PostgresError) -> [String] {
        var words: [String] = []
        for leaf in after.leaves {
            guard let known = before.leaves.first(where: { $0.oid == leaf.oid }) else {
                if try holdsRows(leaf, attachedSQL, source) {
                    words.append("partition \(leaf.name) was attached with rows")
                }
                continue
            }
            // One that was emptied has no row from before that.
            if known.file != leaf.file,
                try !holdsRows(leaf, "pg_catalog.age(t.xmin) > pg_catalog.age(\(xid(before.seen)))", source)
            {
                words.append("partition \(leaf.name) was emptied, or written anew")
            }
        }
        for leaf in before.leaves where !after.leaves.contains(where: { $0.oid == leaf.oid }) {
            words.append("partition \(leaf.name) was detached or dropped")
        }
        return words
    }

    /// Rows that are no younger than the newest link between the leaf and its root.
    private static let attachedSQL = """
        pg_catalog.age(t.xmin) >= (
            SELECT min(pg_catalog.age(i.xmin)) FROM pg_catalog.pg_inherits i
            JOIN pg_catalog.pg_partition_ancestors(t.tableoid) a ON a.relid = i.inhrelid)
        """

    private static func xid(_ seen: String) -> String {
        "\(QualifiedName.literal(seen))::pg_catalog.xid8::pg_catalog.xid"
    }

    /// Where the role may not read the partition itself, or it is gone again, only the comparison can tell.
    private static func holdsRows(
        _ leaf: PartitionMemory.Leaf, _ condition: String, _ source: PostgresConnection
    ) throws(PostgresError) -> Bool {
        do throws(PostgresError) {
            return try source.query("SELECT EXISTS (SELECT FROM ONLY \(leaf.name.sql) AS t WHERE \(condition))").first?[
                0] == "t"
        } catch {
            guard error.kind == .privilege || error.sqlState == "42P01" else { throw error }
            return condition == attachedSQL
        }
    }

    /// - Returns: How many differences there are in what the table makes; nil where the graph is too far behind.
    private func compare(_ table: QualifiedName, _ stop: StopSignal) throws(PipelineError) -> Int? {
        let waiting = try WaitForGraph(settings, stop: stop)
        guard try waiting.wait(for: try waiting.currentLSN(), timeout: Self.patience) else { return nil }
        do throws(VerifyError) {
            let report = try Verification(
                mapping: mapping, source: settings.source, graph: settings.graph, tables: [table]
            ).run(waitForGraph: { try waiting.wait(for: $0, timeout: Self.patience) }, stop: stop)
            return report.differences + report.unchecked
        } catch {
            if case .graphBehind = error.kind { return nil }
            throw PipelineError(error)
        }
    }

    private func onGraph<Value>(_ body: (BoltChannel) throws(BoltError) -> Value) throws(PipelineError) -> Value {
        try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
            do throws(BoltError) { return try body(graph) } catch { throw PipelineError(error) }
        }
    }
}
