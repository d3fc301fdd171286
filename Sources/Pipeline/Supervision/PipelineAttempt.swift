// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Synchronization
internal import Threading

/// One attempt: from the checkpoint in the graph to the first failure or the stop.
final class PipelineAttempt: Sendable {
    private let settings: PipelineSettings
    private let file: MappingFile
    private let limits: BatchLimits
    private let resnapshot: Bool
    private let report: @Sendable (PipelineEvent) -> Void
    private let stop: StopSignal
    private let abandon: StopSignal
    /// Different in every attempt: our own lost transactions are fenced out like anybody's.
    private let owner = String(UInt64.random(in: .min ... .max), radix: 36)
    private let snapshotBegun = Atomic<Bool>(false)
    private let progressed = Atomic<Bool>(false)

    init(
        settings: PipelineSettings, file: MappingFile, limits: BatchLimits, resnapshot: Bool,
        report: @escaping @Sendable (PipelineEvent) -> Void, stop: StopSignal, abandon: StopSignal
    ) {
        self.settings = settings
        self.file = file
        self.limits = limits
        self.resnapshot = resnapshot
        self.report = report
        self.stop = stop
        self.abandon = abandon
    }

    var hasSnapshotBegun: Bool { snapshotBegun.load(ordering: .acquiring) }

    /// The graph took something: what failed afterwards is a new failure, not the same one again.
    var hasProgressed: Bool { progressed.load(ordering: .acquiring) }

    /// What the preparation found.
    private struct Start: Sendable {
        var plan: Plan
        var checkpoint: Checkpoint?
        var systemIdentifier: String
        var rows: Int64
    }

    func run() async throws(PipelineError) {
        let start = try await DedicatedThread.run(name: "prepare") { [self] () throws(PipelineError) in try prepare() }
        var checkpoint: Checkpoint
        if let found = start.checkpoint, found.phase == .streaming, !resnapshot {
            checkpoint = found
        } else {
            checkpoint = try await loadSnapshot(start)
        }
        if stop.isStopped { return report(.stopped(checkpoint)) }
        let schema = SchemaKeeper(
            settings: settings, work: SchemaWork(mapping: start.plan.mapping), report: report, abandon: abandon)
        try await DedicatedThread.run(name: "schema") { () throws(PipelineError) in try schema.bringAbout() }
        checkpoint = try await followStream(start.plan.mapping, schema, from: checkpoint)
        report(.stopped(checkpoint))
    }

    // MARK: Preparation

    private func prepare() throws(PipelineError) -> Start {
        let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source, stop: stop) }
        return try GraphConnection.use(settings.graph, abandon: abandon) { [self] graph throws(PipelineError) in
            try prepare(source, graph)
        }
    }

    private func prepare(_ source: PostgresConnection, _ graph: BoltChannel) throws(PipelineError) -> Start {
        report(.connected(source: settings.source.description, graph: settings.graph.description))

        if let fault = ServerFindings.unsupported(source.serverVersion) {
            throw PipelineError("this PostgreSQL is too old", fault, at: settings.source.description)
        }
        if let fault = ServerFindings.twoPhase(settings.decodesPrepared, source.serverVersion) {
            throw PipelineError("this PostgreSQL is too old", fault, at: settings.source.description)
        }
        let memory = try SchemaMemory.read(graph, pipeline: settings.name)
        let (plan, evolution) = try PipelinePlan.evolved(file, source, memory: memory)
        let mapping = plan.mapping
        try GraphSetup(mapping: mapping).createConstraints(graph)
        let writer = GraphWriter(channel: graph, pipeline: settings.name, owner: owner)
        let checkpoint = try apply { () throws(ApplyError) in try writer.takeOver() }

        let isFirst = checkpoint == nil || checkpoint?.phase == .snapshot || resnapshot
        try SourceSetup(settings: settings, plan: plan).ensurePublication(source, mayAlter: isFirst, report)
        let identifier = try postgres { () throws(PostgresError) in
            try source.query(SourceInspection.systemIdentifierSQL).first?[0] ?? ""
        }
        if let checkpoint, !isFirst { try check(checkpoint, identifier, source) }
        try SchemaFollowing(settings: settings, evolution: evolution, memory: memory)
            .carryOut(writer, expecting: checkpoint, isFirst: isFirst, report)
        if checkpoint == nil, !resnapshot { try GraphSetup(mapping: mapping).refuseForeignContent(graph) }
        let rows = mapping.tables.reduce(Int64(0)) { sum, table in
            sum + Int64(max(0, plan.catalog.table(table)?.estimatedRows ?? 0))
        }
        return Start(plan: plan, checkpoint: checkpoint, systemIdentifier: identifier, rows: rows)
    }

    /// The slot has to go on exactly where the graph stands.
    private func check(
        _ checkpoint: Checkpoint, _ identifier: String, _ source: PostgresConnection
    ) throws(PipelineError) {
        let slot = try postgres { () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) }
        if let fault = ContinuityFault(checkpoint, slot: slot, named: settings.slot, systemIdentifier: identifier) {
            throw PipelineError(fault.what, "\(settings.source): \(fault.detail)", remedy: fault.fix)
        }
    }

    /// A writer of this attempt over a connection of its own, for the length of a call.
    private func withWriter(_ body: (GraphWriter) throws(ApplyError) -> Void) throws(PipelineError) {
        try GraphConnection.use(settings.graph, abandon: abandon) { [self] graph throws(PipelineError) in
            try apply { () throws(ApplyError) in
                try body(GraphWriter(channel: graph, pipeline: settings.name, owner: owner))
            }
        }
    }

    // MARK: Snapshot

    private func loadSnapshot(_ start: Start) async throws(PipelineError) -> Checkpoint {
        let mapping = start.plan.mapping
        let snapshot = try await DedicatedThread.run(name: "snapshot-begin") { [self] () throws(PipelineError) in
            try beginSnapshot(start)
        }
        let began = MonotonicTime.now
        report(.snapshotStarted(tables: mapping.tables.count, rows: start.rows, at: snapshot.checkpoint.lsn))
        let progress = SnapshotProgress(total: start.rows, report: report)
        var checkpoint = try await SnapshotLoad(
            settings: settings, mapping: mapping, owner: owner, snapshot: snapshot.name,
            checkpoint: snapshot.checkpoint, progress: progress, stop: stop, abandon: abandon
        ).run()
        let loaded = checkpoint
        checkpoint = try await DedicatedThread.run(name: "snapshot-end") { [self] () throws(PipelineError) in
            var done = loaded
            done.phase = .streaming
            let finished = done
            try withWriter { writer throws(ApplyError) in try writer.write(finished, expecting: loaded) }
            progressed.store(true, ordering: .releasing)
            return done
        }
        report(
            .snapshotFinished(rows: checkpoint.changes, seconds: (MonotonicTime.now - began) / .seconds(1)))
        withExtendedLifetime(snapshot) {}
        return checkpoint
    }

    /// The exported snapshot lives as long as the connection that made it.
    private final class HeldSnapshot: Sendable {
        let name: String
        let checkpoint: Checkpoint
        // Only kept alive, never called: which thread lets go of it does not matter.
        nonisolated(unsafe) private let source: SnapshotSource

        init(_ source: SnapshotSource, _ checkpoint: Checkpoint) {
            name = source.snapshotName
            self.checkpoint = checkpoint
            unsafe self.source = source
        }
    }

    private func beginSnapshot(_ start: Start) throws(PipelineError) -> HeldSnapshot {
        let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source, stop: stop) }
        return try GraphConnection.use(settings.graph, abandon: abandon) { [self] graph throws(PipelineError) in
            try beginSnapshot(
                start, source, GraphWriter(channel: graph, pipeline: settings.name, owner: owner))
        }
    }

    private func beginSnapshot(
        _ start: Start, _ source: PostgresConnection, _ writer: GraphWriter
    ) throws(PipelineError) -> HeldSnapshot {
        // From here on the graph counts as unfinished, whatever happens to slot and data.
        var checkpoint = Checkpoint(phase: .snapshot, lsn: start.checkpoint?.lsn ?? .zero)
        checkpoint.systemIdentifier = start.systemIdentifier
        try apply { () throws(ApplyError) in try writer.write(checkpoint, expecting: start.checkpoint) }
        snapshotBegun.store(true, ordering: .releasing)

        try SourceSetup(settings: settings, plan: start.plan).dropSlot(source, report)
        try GraphSetup(mapping: start.plan.mapping).wipe(writer, expecting: checkpoint)
        let held = try capture { () throws(CaptureError) in
            try SnapshotSource(settings.source, slot: settings.slot, stop: stop)
        }
        let before = checkpoint
        checkpoint.lsn = held.consistentPoint
        try apply { () throws(ApplyError) in try writer.write(checkpoint, expecting: before) }
        return HeldSnapshot(held, checkpoint)
    }

    // MARK: Stream

    private func followStream(
        _ mapping: GraphMapping, _ schema: SchemaKeeper, from checkpoint: Checkpoint
    ) async throws(PipelineError) -> Checkpoint {
        let queue = BatchQueue(capacity: 1)
        let progress = ApplyProgress(checkpoint, observer: settings.acknowledged)
        let streamStop = stop.child()
        let binary = mapping.isBinaryExact
        let outcomes = await withTaskGroup(of: Result<Void, PipelineError>.self) { group in
            group.addTask { [self] in
                let outcome = await result { () async throws(PipelineError) in
                    try await DedicatedThread.run(name: "capture") { [self] () throws(PipelineError) in
                        defer { queue.close() }
                        let stream = try capture { () throws(CaptureError) in
                            try ReplicationStream(
                                settings.source, slot: settings.slot, publication: settings.publication,
                                from: checkpoint.lsn, binary: binary, twoPhase: settings.decodesPrepared,
                                spool: settings.spoolFolder, stop: streamStop)
                        }
                        report(.streaming(from: checkpoint.lsn, binary: binary))
                        var pump = StreamPump(
                            stream: stream, mapping: mapping, queue: queue, progress: progress, limits: limits,
                            stop: streamStop,
                            tableSize: { [self] table throws(PipelineError) in try size(of: table, mapping) },
                            report: report)
                        try pump.run()
                    }
                }
                queue.close()
                return outcome
            }
            group.addTask { [self] in
                let outcome = await result { () async throws(PipelineError) in
                    try await DedicatedThread.run(name: "graph-writer") { [self] () throws(PipelineError) in
                        try withWriter { writer throws(ApplyError) in
                            try writer.run(queue, from: checkpoint, progress: progress, abandon: abandon)
                        }
                    }
                }
                streamStop.stop()
                return outcome
            }
            group.addTask { [self] in
                await result { () async throws(PipelineError) in
                    try await DedicatedThread.run(name: "catalog") { [self] () throws(PipelineError) in
                        try CatalogWatch(settings: settings, file: file).run(until: streamStop)
                    }
                }
            }
            group.addTask {
                await DedicatedThread.run(name: "indexes") { schema.watch(until: streamStop) }
                return .success(())
            }
            group.addTask { [self] in
                await DedicatedThread.run(name: "progress") { [self] in
                    while streamStop.sleep(for: .seconds(1)) { report(.progress(progress.checkpoint)) }
                }
                return .success(())
            }
            var outcomes: [Result<Void, PipelineError>] = []
            for await outcome in group {
                if case .failure = outcome { streamStop.stop() }
                outcomes.append(outcome)
            }
            return outcomes
        }
        if progress.checkpoint != checkpoint { progressed.store(true, ordering: .releasing) }
        for outcome in outcomes {
            if case .failure(let error) = outcome { throw error }
        }
        return progress.checkpoint
    }

    /// Rows that a table has in the graph; 0 for one that the mapping does not have.
    private func size(of table: QualifiedName, _ mapping: GraphMapping) throws(PipelineError) -> Int {
        let count =
            mapping.nodes.first { $0.table == table }?.countStatement()
            ?? mapping.joins.first { $0.table == table }?.countStatement()
        guard let count else { return 0 }
        return try GraphConnection.use(settings.graph, abandon: abandon) { graph throws(PipelineError) in
            do throws(BoltError) {
                guard case .integer(let size)? = try graph.query(count).rows.first?.first else { return 0 }
                return Int(size)
            } catch {
                throw PipelineError(error)
            }
        }
    }
}
