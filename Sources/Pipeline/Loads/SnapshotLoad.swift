// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Synchronization
internal import Threading

/// One pass of the first read: every mapped table that has not done with it, in ranges of blocks, at one snapshot.
///
/// Several ranges are read at a time, each over a connection that is pinned to the snapshot; one writer takes what they
/// encode. What was read before, by the ledger, is not read again.
struct SnapshotLoad {
    /// A range has about the rows of so many batches: what a kill costs at most, for each reader.
    static let batchesPerRange = 10

    let settings: PipelineSettings
    let limits: BatchLimits
    let mapping: GraphMapping
    let owner: String
    let snapshot: String
    let checkpoint: Checkpoint
    /// Of every mapped table, at the snapshot.
    let heaps: [QualifiedName: [TableHeap]]
    let ledger: LoadLedger
    /// Told of the table that was read last.
    let progressed: @Sendable (QualifiedName) -> Void
    let stop: StopSignal
    let abandon: StopSignal

    /// One range to read.
    private struct Item: Sendable {
        var read: TableRead
        var heap: TableHeap
        var range: Range<UInt32>
    }

    /// What is still to be read, shared by the readers.
    private final class Work: Sendable {
        private let remaining: Mutex<ArraySlice<Item>>
        private let active: Atomic<Int>

        init(_ items: [Item], readers: Int) {
            remaining = Mutex(ArraySlice(items))
            active = Atomic(readers)
        }

        func next() -> Item? { remaining.withLock { $0.popFirst() } }

        /// - Returns: True for the last one.
        func readerEnded() -> Bool { active.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
    }

    /// - Returns: The checkpoint after the last batch, still in phase `snapshot`.
    func run(_ pass: TableLoad.Pass) async throws(PipelineError) -> Checkpoint {
        let part: TableProgram.Part = pass == .nodes ? .nodes : .relationships
        let items = items(pass, part)
        let queue = BatchQueue(capacity: 2)
        let written = ApplyProgress(checkpoint)
        let passStop = stop.child()
        let readers = max(1, min(settings.snapshotReaders, items.count))
        let work = Work(items, readers: readers)
        ledger.begin()
        let outcomes = await withTaskGroup(of: Result<Void, PipelineError>.self) { group in
            group.addTask {
                let outcome = await result { () async throws(PipelineError) in
                    try await DedicatedThread.run(name: "graph-writer") { () throws(PipelineError) in
                        try write(queue, written)
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
                            try read(work, part, queue, passStop)
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
        if stop.isStopped { throw PipelineError("stopped", "the first read goes on at the next start") }
        try outcomes.throwCause()
        return written.checkpoint
    }

    /// Tables that are read in one piece come first: an interruption while they are read makes all begin again.
    private func items(_ pass: TableLoad.Pass, _ part: TableProgram.Part) -> [Item] {
        ledger.update { load in
            if load.pass == pass { load.continuePass(over: heaps[load.request.table] ?? []) }
        }
        let items = ledger.loads.filter { $0.pass == pass }.flatMap { load -> [Item] in
            guard let read = TableRead(load.request.table, part, mapping) else { return [] }
            return load.remaining(of: heaps[load.request.table] ?? [], rows: Self.batchesPerRange * limits.rows)
                .map { Item(read: read, heap: $0.heap, range: $0.range) }
        }
        return items.filter { $0.read.distinct != nil } + items.filter { $0.read.distinct == nil }
    }

    private func write(_ queue: BatchQueue, _ written: ApplyProgress) throws(PipelineError) {
        try GraphConnection.use(settings.graph, abandon: abandon) { channel throws(PipelineError) in
            try apply { () throws(ApplyError) in
                try GraphWriter(channel: channel, pipeline: settings.name, owner: owner)
                    .run(queue, from: checkpoint, progress: written, abandon: abandon)
            }
        }
    }

    private func read(
        _ work: Work, _ part: TableProgram.Part, _ queue: BatchQueue, _ passStop: StopSignal
    ) throws(PipelineError) {
        guard var item = work.next() else { return }
        let reader = try capture { () throws(CaptureError) in
            try SnapshotCopy(settings.source, snapshot: snapshot, stop: passStop)
        }
        let waker = Wakeup()
        passStop.add(waker)
        defer { passStop.remove(waker) }
        while true {
            try capture { () throws(CaptureError) in try reader.mark() }
            try copy(item, part, reader, queue, passStop, waker)
            try capture { () throws(CaptureError) in try reader.letGo() }
            progressed(item.read.table)
            guard let next = work.next() else { return }
            item = next
        }
    }

    private func copy(
        _ item: Item, _ part: TableProgram.Part, _ reader: SnapshotCopy, _ queue: BatchQueue, _ passStop: StopSignal,
        _ waker: Wakeup
    ) throws(PipelineError) {
        let encoder = BatchEncoder(mapping: mapping, part: part)
        let buffer = ChangeBuffer()
        buffer.relations = [item.read.relation]
        // The last batch of the range says that it is the last: each is held back until there is another.
        var held: EncodedBatch?
        let total: (rows: Int, bytes: Int)
        do throws(SnapshotCopyFailure<PipelineError>) {
            total = try reader.copy(
                item.heap.name,
                rows: item.read.distinct.map { distinct in
                    { distinct.rows(of: item.read.table, isPartitioned: $0) }
                },
                columns: item.read.columns, where: item.read.condition(item.range, of: item.heap), relation: 0,
                into: buffer,
                maxRows: limits.rows, maxBytes: limits.bytes
            ) { () throws(PipelineError) in
                let count = buffer.changes.count
                let statements = try apply { () throws(ApplyError) in try encoder.encode(buffer, 0..<count) }
                buffer.removeAll()
                if let held { try put(held, queue, passStop, waker) }
                held = EncodedBatch(statements, at: checkpoint.lsn, changeCount: item.read.isSecondRead ? 0 : count)
            }
        } catch {
            switch error {
            case .capture(let failure): throw PipelineError(failure)
            case .consumer(let failure): throw failure
            }
        }
        guard try capture({ () throws(CaptureError) in try reader.isUnchanged(item.heap) }) else {
            throw PipelineError(
                "a table was rewritten while it was read", "table \(item.read.table)",
                remedy: "It is read again.", disposition: .retrySoon)
        }
        guard queue.waitForRoom(stop: passStop, waker: waker) else { throw PipelineError("stopped") }
        var last = held ?? EncodedBatch([], at: checkpoint.lsn)
        ledger.finish(item.range, of: item.heap, item.read.table, rows: total.rows, bytes: total.bytes) { load in
            last.statements.append(LoadStore.put([load], pipeline: settings.name))
            queue.put(last)
        }
    }

    private func put(
        _ batch: EncodedBatch, _ queue: BatchQueue, _ passStop: StopSignal, _ waker: Wakeup
    ) throws(PipelineError) {
        guard queue.waitForRoom(stop: passStop, waker: waker) else { throw PipelineError("stopped") }
        queue.put(batch)
    }
}
