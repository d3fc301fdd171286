// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Synchronization
internal import Threading

/// Reads every mapped table at the slot's snapshot and writes it to the graph: all nodes first, then, when both ends of
/// everything are there, all relationships.
///
/// Several tables are read at a time, each over a connection of its own that is pinned to the exported snapshot; one
/// writer takes what they encode.
struct SnapshotLoad {
    let settings: PipelineSettings
    let mapping: GraphMapping
    let owner: String
    let snapshot: String
    let checkpoint: Checkpoint
    let progress: SnapshotProgress
    let stop: StopSignal
    let abandon: StopSignal

    /// What one pass reads of a table.
    private struct Read: Sendable {
        var table: QualifiedName
        /// Read in place of the table: where its equal rows are counted, they have to come in one piece.
        var distinct: DistinctRows?
        var relation: Relation
        var columns: [SnapshotCopy.Column]
        /// SQL for the rows that count; nil for all.
        var condition: String?
        /// A node table's rows were counted when its nodes were read.
        var isSecondRead = false
    }

    /// What is still to be read in a pass, shared by its readers.
    private final class Work: Sendable {
        private let remaining: Mutex<ArraySlice<Read>>
        private let active: Atomic<Int>

        init(_ reads: [Read], readers: Int) {
            remaining = Mutex(ArraySlice(reads))
            active = Atomic(readers)
        }

        func next() -> Read? { remaining.withLock { $0.popFirst() } }

        /// - Returns: True for the last one.
        func readerEnded() -> Bool { active.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
    }

    /// - Returns: The checkpoint after the last batch, still in phase `snapshot`.
    func run() async throws(PipelineError) -> Checkpoint {
        let nodes = mapping.nodes.map { read($0.table, $0.distinct, $0.nodeColumns) }
        let afterNodes = try await pass(.nodes, nodes, from: checkpoint)
        let relationships =
            mapping.nodes.filter { !$0.references.isEmpty }
            .map { read($0.table, $0.distinct, $0.key + $0.references.flatMap(\.target.key), isSecondRead: true) }
            + mapping.joins.map { read($0.table, nil, $0.relationshipColumns) }
        return try await pass(.relationships, relationships, from: afterNodes)
    }

    private func read(
        _ table: QualifiedName, _ distinct: DistinctRows?, _ properties: [PropertyMapping], isSecondRead: Bool = false
    ) -> Read {
        var columns: [SnapshotCopy.Column] = []
        var relation = Relation(oid: 0, name: table, replicaIdentity: .default, columns: [])
        for property in properties {
            let asText = !property.conversion.isBinaryExact
            if let index = columns.firstIndex(where: { $0.name == property.column }) {
                // A column that is read twice goes the way that suits both.
                if asText { columns[index].asText = true }
                continue
            }
            columns.append(SnapshotCopy.Column(name: property.column, asText: asText))
            relation.columns.append(Relation.Column(name: property.column, type: 0))
        }
        return Read(
            table: table, distinct: distinct, relation: relation, columns: columns,
            condition: mapping.conditions[table]?.sql, isSecondRead: isSecondRead)
    }

    private func pass(
        _ part: TableProgram.Part, _ reads: [Read], from start: Checkpoint
    ) async throws(PipelineError) -> Checkpoint {
        let queue = BatchQueue(capacity: 2)
        let written = ApplyProgress(start)
        let passStop = stop.child()
        let readers = max(1, min(settings.snapshotReaders, reads.count))
        let work = Work(reads, readers: readers)
        let outcomes = await withTaskGroup(of: Result<Void, PipelineError>.self) { group in
            group.addTask {
                let outcome = await result { () async throws(PipelineError) in
                    try await DedicatedThread.run(name: "graph-writer") { () throws(PipelineError) in
                        try write(queue, from: start, written)
                    }
                }
                if case .failure = outcome { passStop.stop() }
                queue.close()
                return outcome
            }
            for _ in 0..<readers {
                group.addTask {
                    let outcome = await result { () async throws(PipelineError) in
                        try await DedicatedThread.run(name: "snapshot-copy") { () throws(PipelineError) in
                            while let next = work.next() {
                                try copy(next, part, queue, passStop)
                            }
                        }
                    }
                    if case .failure = outcome { passStop.stop() }
                    if work.readerEnded() { queue.close() }
                    return outcome
                }
            }
            var outcomes: [Result<Void, PipelineError>] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        if stop.isStopped { throw PipelineError("stopped", "the first read begins again at the next start") }
        // A reader that was stopped because another part failed is not the cause.
        for outcome in outcomes {
            if case .failure(let error) = outcome, error.what != "stopped" { throw error }
        }
        return written.checkpoint
    }

    private func write(_ queue: BatchQueue, from start: Checkpoint, _ written: ApplyProgress) throws(PipelineError) {
        try GraphConnection.use(settings.graph, abandon: abandon) { channel throws(PipelineError) in
            try apply { () throws(ApplyError) in
                try GraphWriter(channel: channel, pipeline: settings.name, owner: owner)
                    .run(queue, from: start, progress: written, abandon: abandon)
            }
        }
    }

    private func copy(
        _ read: Read, _ part: TableProgram.Part, _ queue: BatchQueue, _ passStop: StopSignal
    ) throws(PipelineError) {
        let encoder = BatchEncoder(mapping: mapping, part: part)
        let buffer = ChangeBuffer()
        buffer.relations = [read.relation]
        let waker = Wakeup()
        passStop.add(waker)
        let end = TransactionEnd(
            xid: 0, commitLSN: checkpoint.lsn, endLSN: checkpoint.lsn, commitTime: 0, changeCount: 0)
        let reader = try capture { () throws(CaptureError) in
            try SnapshotCopy(settings.source, snapshot: snapshot, stop: passStop)
        }
        do throws(SnapshotCopyFailure<PipelineError>) {
            _ = try reader.copy(
                read.table,
                rows: read.distinct.map { distinct in { distinct.rows(of: read.table, isPartitioned: $0) } },
                columns: read.columns, where: read.condition, relation: 0, into: buffer,
                maxRows: settings.limits.rows, maxBytes: settings.limits.bytes
            ) { () throws(PipelineError) in
                let count = buffer.changes.count
                let statements: [EncodedStatement]
                do throws(ApplyError) {
                    statements = try encoder.encode(buffer, 0..<count)
                } catch {
                    throw PipelineError(error)
                }
                guard queue.waitForRoom(stop: passStop, waker: waker) else { throw PipelineError("stopped") }
                queue.put(
                    EncodedBatch(
                        statements: statements, changeCount: read.isSecondRead ? 0 : count, transactionCount: 0,
                        firstLSN: checkpoint.lsn, end: end))
                progress.add(count, table: read.table.description)
                buffer.removeAll()
            }
        } catch {
            switch error {
            case .capture(let failure): throw PipelineError(failure)
            case .consumer(let failure): throw failure
            }
        }
    }
}

/// Runs `body` and gives its outcome as a value, which task groups can carry with its typed error.
func result<Value>(_ body: () async throws(PipelineError) -> Value) async -> Result<Value, PipelineError> {
    do throws(PipelineError) { return .success(try await body()) } catch { return .failure(error) }
}
