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
    private let prepared = Atomic<Bool>(false)

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

    /// Both servers and the mapping are as they have to be.
    var isPrepared: Bool { prepared.load(ordering: .acquiring) }

    /// What the preparation found.
    private struct Start: Sendable {
        var plan: Plan
        var checkpoint: Checkpoint?
        var systemIdentifier: String
        var rows: Int64
        /// A first read that was begun and can go on; empty where there is none.
        var begun: [TableLoad]
        /// Views that the mapping does not fit to any more, and why not.
        var unfit: [QualifiedName: String]
        /// Tables beside the mapping that are not new.
        var others: Set<OID>
    }

    /// - Returns: Where it was stopped.
    func run() async throws(PipelineError) -> Checkpoint {
        let start = try await DedicatedThread.run(name: "prepare") { [self] () throws(PipelineError) in try prepare() }
        prepared.store(true, ordering: .releasing)
        var checkpoint: Checkpoint
        if let found = start.checkpoint, found.phase == .streaming, !resnapshot {
            checkpoint = found
        } else {
            checkpoint = try await readEverything(start)
        }
        if stop.isStopped { return checkpoint }
        let schema = SchemaKeeper(
            settings: settings, work: SchemaWork(mapping: start.plan.mapping), report: report, abandon: abandon)
        try await DedicatedThread.run(name: "schema") { () throws(PipelineError) in try schema.bringAbout() }
        let reached = checkpoint
        let (views, loads) = try await DedicatedThread.run(name: "views") { [self] () throws(PipelineError) in
            try readWork(start, expecting: reached)
        }
        return try await followStream(
            start.plan, schema, from: reached, besides: start.others, loading: loads, views: views)
    }

    /// What is to be read beside the stream.
    private func readWork(
        _ start: Start, expecting checkpoint: Checkpoint
    ) throws(PipelineError) -> (views: [ViewState], loads: [TableLoad]) {
        try GraphConnection.use(settings.graph, abandon: abandon) { [self] graph throws(PipelineError) in
            let views = try ViewFollowing(settings: settings, plan: start.plan, unfit: start.unfit).carryOut(
                writer(graph), graph, expecting: checkpoint, report)
            let loads = try apply { () throws(ApplyError) in try LoadStore.read(pipeline: settings.name, graph) }
            return (views, loads)
        }
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
        let views = try ViewState.read(graph, pipeline: settings.name)
        let remembered = try RememberedTables.read(pipeline: settings.name, graph)
        let own = remembered?.names ?? []
        let (plan, evolution, unfit) = try PipelinePlan.evolved(
            file, source, memory: memory, sparing: Set(views.map(\.table)),
            // A first read goes on only with the tables that it began with.
            besides: remembered?.isWhole == true && !resnapshot ? remembered?.others : nil
        ) { label throws(PipelineError) in own.contains(label) ? false : try GraphInspection.hasNodes(label, graph) }
        let mapping = plan.mapping
        try GraphSetup(mapping: mapping)
            .createConstraints(graph, except: formerConstraints(plan, evolution, remembered))
        let writer = self.writer(graph)
        let checkpoint = try apply { () throws(ApplyError) in try writer.takeOver() }

        let identifier = try postgres { () throws(PostgresError) in
            try source.query(SourceInspection.systemIdentifierSQL).first?[0] ?? ""
        }
        let begun = try begunLoads(checkpoint, plan, evolution, remembered, identifier, source, graph)
        let isFirst = checkpoint == nil || (checkpoint?.phase == .snapshot && begun.isEmpty) || resnapshot
        let following = SchemaFollowing(
            settings: settings, plan: plan, evolution: evolution, memory: memory,
            before: isFirst ? nil : remembered)
        let followed = isFirst ? nil : checkpoint
        if let followed { try following.begin(writer, graph, expecting: followed) }
        try SourceSetup(settings: settings, plan: plan)
            .ensurePublication(source, mayAlter: isFirst, altering: following.mayBeAltered, report)
        if let followed {
            try check(followed, identifier, source)
            try following.carryOut(writer, graph, expecting: followed, report)
        } else {
            try following.remember(writer, expecting: checkpoint)
        }
        try PartitionWatch(settings: settings, plan: plan).begin(source, graph, all: isFirst)
        if checkpoint == nil, !resnapshot {
            try GraphSetup(mapping: mapping).refuseForeignContent(graph, isFollowed: false)
        }
        let rows = mapping.tables.reduce(Int64(0)) { sum, table in
            sum + Int64(max(0, plan.catalog.table(table)?.estimatedRows ?? 0))
        }
        return Start(
            plan: plan, checkpoint: checkpoint, systemIdentifier: identifier, rows: rows, begun: begun, unfit: unfit,
            others: following.others)
    }

    /// Constraints on keys that are made for other ones now.
    private func formerConstraints(
        _ plan: Plan, _ evolution: SchemaEvolution, _ before: RememberedTables?
    ) -> Set<String> {
        if resnapshot { return Self.keyConstraints(plan.mapping) }
        let edits = MappingEdit.all(from: before, to: RememberedTables(plan), evolution, plan)
        return Set(edits.compactMap(\.formerConstraint))
    }

    private static func keyConstraints(_ mapping: GraphMapping) -> Set<String> {
        Set(mapping.nodes.map { GraphMapping.keyConstraint(of: $0.label) })
    }

    /// What an earlier attempt has begun to read, if it can go on; why it cannot is reported.
    private func begunLoads(
        _ checkpoint: Checkpoint?, _ plan: Plan, _ evolution: SchemaEvolution, _ remembered: RememberedTables?,
        _ identifier: String, _ source: PostgresConnection, _ graph: BoltChannel
    ) throws(PipelineError) -> [TableLoad] {
        guard let checkpoint, checkpoint.phase == .snapshot, !resnapshot else { return [] }
        let loads = try apply { () throws(ApplyError) in try LoadStore.read(pipeline: settings.name, graph) }
            .filter { $0.request.reason == .firstRead }
        // It had not come to reading.
        if loads.isEmpty { return [] }
        let slot = try postgres { () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) }
        var fault = ContinuityFault(checkpoint, slot: slot, named: settings.slot, systemIdentifier: identifier)?.what
        if remembered?.isSame(as: RememberedTables(plan)) != true {
            fault = "the mapping has changed"
        } else if evolution.changes.contains(where: \.needsReading) {
            fault = "a table has changed so that it has to be read again"
        }
        for load in loads where load.pass == .nodes && plan.mapping.isReadInOnePiece(load.request.table) {
            let table = load.request.table
            let heaps = try capture { () throws(CaptureError) in try TableHeap.all(of: table, inOnePiece: true, source)
            }
            // What was counted of it cannot be told from what is still to be counted.
            if !load.remaining(of: heaps, rows: 1).isEmpty { fault = "equal rows of \(table) are counted in one piece" }
        }
        guard let fault else { return loads }
        report(.warning("the first read cannot go on where it was and begins again: \(fault)"))
        return []
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

    private func writer(_ graph: BoltChannel) -> GraphWriter {
        GraphWriter(channel: graph, pipeline: settings.name, owner: owner, sweepSize: limits.rows)
    }

    /// A writer of this attempt over a connection of its own, for the length of a call.
    private func withWriter(_ body: (GraphWriter) throws(ApplyError) -> Void) throws(PipelineError) {
        try GraphConnection.use(settings.graph, abandon: abandon) { [self] graph throws(PipelineError) in
            try apply { () throws(ApplyError) in try body(writer(graph)) }
        }
    }

    // MARK: First read

    /// Reads everything, or what is left of that. "First read" in docs/ARCHITECTURE.md says why the graph is right then.
    private func readEverything(_ start: Start) async throws(PipelineError) -> Checkpoint {
        let mapping = start.plan.mapping
        var snapshot: HeldSnapshot?
        var checkpoint = start.checkpoint ?? Checkpoint(phase: .snapshot, lsn: .zero)
        var loads = start.begun
        if loads.isEmpty {
            (snapshot, checkpoint, loads) = try await DedicatedThread.run(name: "snapshot-begin") {
                [self] () throws(PipelineError) in try beginSnapshot(start)
            }
        }
        let ledger = LoadLedger(loads)
        let began = (at: MonotonicTime.now, share: LoadProgress.share(loads))
        report(
            .snapshotStarted(tables: mapping.tables.count, rows: start.rows, at: checkpoint.lsn, done: began.share))
        // A large transaction that was being applied goes on before anything else is written.
        if checkpoint.partial != nil { checkpoint = try await settle(start.plan, ledger, from: checkpoint) }
        for pass in [TableLoad.Pass.nodes, .relationships] where ledger.loads.contains(where: { $0.pass == pass }) {
            let before = checkpoint
            let held: HeldSnapshot
            if let snapshot {
                held = snapshot
            } else {
                held = try await DedicatedThread.run(name: "snapshot-begin") { [self] () throws(PipelineError) in
                    try currentSnapshot(mapping, ledger, before)
                }
            }
            snapshot = held
            checkpoint = try await SnapshotLoad(
                settings: settings, limits: limits, mapping: mapping, owner: owner, snapshot: held.name,
                checkpoint: before, heaps: held.heaps, ledger: ledger,
                progressed: { [report] table in
                    report(
                        .loadProgress(LoadProgress(ledger.loads, table: table.description, began: began)))
                }, stop: stop, abandon: abandon
            ).run(pass)
            progressed.store(true, ordering: .releasing)
            if ledger.until > checkpoint.lsn {
                // It would keep PostgreSQL from clearing away what is older.
                snapshot = nil
                checkpoint = try await settle(start.plan, ledger, from: checkpoint)
            }
            ledger.endPass(pass, mapping)
            try await write(checkpoint, LoadStore.putting(ledger.loads, pipeline: settings.name))
        }
        var finished = checkpoint
        finished.phase = .streaming
        // What was asked for meanwhile stays.
        try await write(finished, LoadStore.removing(ledger.loads, pipeline: settings.name), expecting: checkpoint)
        withExtendedLifetime(snapshot) {}
        report(
            .snapshotFinished(
                rows: finished.changes, seconds: (MonotonicTime.now - began.at) / .seconds(1)))
        return finished
    }

    private func write(
        _ checkpoint: Checkpoint, _ statement: (cypher: String, parameters: [String: BoltValue]),
        expecting expected: Checkpoint? = nil
    ) async throws(PipelineError) {
        try await DedicatedThread.run(name: "snapshot-end") { [self] () throws(PipelineError) in
            try withWriter { writer throws(ApplyError) in
                try writer.write(checkpoint, and: [statement], expecting: expected ?? checkpoint)
            }
        }
    }

    /// Follows the stream until nothing in the graph is newer than what it brings.
    private func settle(
        _ plan: Plan, _ ledger: LoadLedger, from checkpoint: Checkpoint
    ) async throws(PipelineError) -> Checkpoint {
        report(.catchingUp(from: checkpoint.lsn, to: ledger.until))
        let reached = try await followStream(plan, nil, from: checkpoint, settling: ledger)
        if stop.isStopped { throw PipelineError("stopped", "the first read goes on at the next start") }
        return reached
    }

    /// A snapshot that others can take as long as the connection lives that exported it.
    private final class HeldSnapshot: Sendable {
        let name: String
        let heaps: [QualifiedName: [TableHeap]]
        // Only kept alive, never called: which thread lets go of it does not matter.
        nonisolated(unsafe) private let reader: SnapshotCopy

        init(_ reader: SnapshotCopy, _ mapping: GraphMapping) throws(PipelineError) {
            unsafe self.reader = reader
            name = try capture { () throws(CaptureError) in try reader.export() }
            var heaps: [QualifiedName: [TableHeap]] = [:]
            for table in mapping.tables {
                heaps[table] = try capture { () throws(CaptureError) in
                    try reader.heaps(of: table, inOnePiece: mapping.isReadInOnePiece(table))
                }
            }
            self.heaps = heaps
        }
    }

    private func beginSnapshot(
        _ start: Start
    ) throws(PipelineError) -> (HeldSnapshot?, Checkpoint, [TableLoad]) {
        let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source, stop: stop) }
        return try GraphConnection.use(settings.graph, abandon: abandon) { [self] graph throws(PipelineError) in
            try beginSnapshot(start, source, graph)
        }
    }

    private func beginSnapshot(
        _ start: Start, _ source: PostgresConnection, _ graph: BoltChannel
    ) throws(PipelineError) -> (HeldSnapshot?, Checkpoint, [TableLoad]) {
        let mapping = start.plan.mapping
        let writer = self.writer(graph)
        // From here on the graph counts as unfinished, whatever happens to slot and data.
        var checkpoint = Checkpoint(phase: .snapshot, lsn: start.checkpoint?.lsn ?? .zero)
        checkpoint.systemIdentifier = start.systemIdentifier
        let unfinished = checkpoint
        try apply { () throws(ApplyError) in
            try writer.write(
                unfinished,
                and: [
                    LoadStore.clearing(pipeline: settings.name), ViewState.clearing(pipeline: settings.name),
                ], expecting: start.checkpoint)
        }
        snapshotBegun.store(true, ordering: .releasing)

        try SourceSetup(settings: settings, plan: start.plan).dropSlot(source, report)
        let setup = GraphSetup(mapping: mapping)
        try setup.wipe(writer, expecting: unfinished)
        if start.checkpoint != nil {
            try setup.createConstraints(graph, replacing: Self.keyConstraints(mapping))
        }
        let older = try postgres { () throws(PostgresError) in
            try RunningTransactions.described(olderThan: 2, source)
        }
        if let older { report(.warning("the replication slot waits for the end of \(older)")) }
        let exported = try capture { () throws(CaptureError) in
            try SnapshotSource(settings.source, slot: settings.slot, stop: stop)
        }
        let reader = try capture { () throws(CaptureError) in
            try SnapshotCopy(settings.source, snapshot: exported.snapshotName, stop: stop)
        }
        try awaitVisibility(of: capture { () throws(CaptureError) in try reader.position() })
        let held = try HeldSnapshot(reader, mapping)
        let loads = mapping.tables.map { table in
            var load = TableLoad(LoadRequest(table, reason: .firstRead))
            load.begin(over: held.heaps[table] ?? [], mapping)
            return load
        }
        checkpoint.lsn = exported.consistentPoint
        let begun = checkpoint
        try apply { () throws(ApplyError) in
            try writer.write(
                begun,
                and: [
                    RememberedTables(start.plan).writing(pipeline: settings.name),
                    LoadStore.putting(loads, pipeline: settings.name),
                ], expecting: unfinished)
        }
        return (held, begun, loads)
    }

    /// Waits until every new snapshot shows what this one does: a later one, by which the read may go on, must not be older.
    /// The slot's own shows what is in the WAL; others see it once a synchronous standby has it, too.
    private func awaitVisibility(of snapshot: SnapshotPosition) throws(PipelineError) {
        let probe = try capture { () throws(CaptureError) in try SnapshotCopy(settings.source, stop: stop) }
        let began = MonotonicTime.now
        var hasTold = false
        while true {
            let current = try capture { () throws(CaptureError) in try probe.begin() }
            if current.shows(everythingOf: snapshot) { return }
            if !hasTold, MonotonicTime.now - began > .seconds(5) {
                report(.warning("the first read waits for transactions that are in the WAL and not yet visible"))
                hasTold = true
            }
            guard stop.sleep(for: .milliseconds(10)) else { throw PipelineError("stopped") }
        }
    }

    /// What is left is read at a snapshot of now. The graph is ahead of the stream then, until that has passed it.
    private func currentSnapshot(
        _ mapping: GraphMapping, _ ledger: LoadLedger, _ checkpoint: Checkpoint
    ) throws(PipelineError) -> HeldSnapshot {
        let reader = try capture { () throws(CaptureError) in try SnapshotCopy(settings.source, stop: stop) }
        let position = try capture { () throws(CaptureError) in try reader.begin() }
        // The graph says so before it is.
        ledger.raise(until: position.lsn)
        try withWriter { writer throws(ApplyError) in
            try writer.write(
                checkpoint, and: [LoadStore.putting(ledger.loads, pipeline: settings.name)], expecting: checkpoint)
        }
        return try HeldSnapshot(reader, mapping)
    }

    // MARK: Stream

    /// - Parameters:
    ///   - ledger: What was loaded at snapshots that are ahead of the stream, which ends when it has passed them.
    ///   - others: Tables beside the mapping that are not new; nil where new ones can wait.
    ///   - loads: What is to be loaded meanwhile.
    ///   - views: What the graph has of views, which are read meanwhile.
    private func followStream(
        _ plan: Plan, _ schema: SchemaKeeper?, from checkpoint: Checkpoint, settling ledger: LoadLedger? = nil,
        besides others: Set<OID>? = nil, loading loads: [TableLoad] = [], views: [ViewState] = []
    ) async throws(PipelineError) -> Checkpoint {
        let mapping = plan.mapping.reading(loads)
        let queue = BatchQueue(capacity: 1)
        let progress = ApplyProgress(checkpoint, observer: settings.acknowledged)
        let streamStop = stop.child()
        let binary = mapping.isBinaryExact
        let desk = views.isEmpty ? nil : ViewDesk(mapping.computed, views, pipeline: settings.name)
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
                        if ledger == nil { report(.streaming(from: checkpoint.lsn, binary: binary)) }
                        let settling = ledger.map { ledger in
                            let gap = Settling.Gap.closed(at: ledger.until)
                            let isSecond = !ledger.loads.contains { $0.pass == .nodes }
                            return Settling(
                                Set(mapping.tables), ledger, nodes: isSecond ? .closed(at: .zero) : gap,
                                relationships: isSecond ? gap : .ahead, settings, stop: streamStop)
                        }
                        var pump = StreamPump(
                            name: settings.name, stream: stream, mapping: mapping, queue: queue, progress: progress,
                            limits: limits,
                            stop: streamStop, settling: settling,
                            beside: ledger == nil
                                ? BesideLoads(
                                    settings: settings, mapping: mapping, loads: loads, report: report, stop: streamStop
                                ) : nil,
                            views: desk,
                            graph: settings.graph, abandon: abandon,
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
                        try CatalogWatch(settings: settings, file: file, plan: plan, besides: others, report: report)
                            .run(until: streamStop)
                    }
                }
            }
            if let desk {
                group.addTask { [self] in
                    await DedicatedThread.run(name: "views") { [self] in
                        ViewReader(settings: settings, limits: limits, desk: desk, report: report, stop: streamStop)
                            .run()
                    }
                    return .success(())
                }
            }
            group.addTask {
                await DedicatedThread.run(name: "indexes") { schema?.watch(until: streamStop) }
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
        try outcomes.throwCause()
        return progress.checkpoint
    }
}
