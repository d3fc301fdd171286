// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// How much goes into one batch.
public struct BatchLimits: Sendable {
    /// A batch ends with the transaction that reaches this many row changes.
    public var rows = 5000
    /// Or this many bytes of tuples.
    public var bytes = 4 << 20
    /// A transaction of more row changes than this goes into the graph in parts, of ``rows`` and ``bytes`` each.
    public var wholeRows = 50_000
    /// Or of more bytes.
    public var wholeBytes = 64 << 20
    /// So many PostgreSQL transactions go in a graph transaction of their own each, to find one that the graph refuses.
    public var isolatedTransactions = 0

    public init() {}
}

/// The capture thread's loop: reads the stream, groups transactions into batches, hands them over, and confirms to
/// PostgreSQL what the graph has acknowledged.
///
/// A transaction that is too large for one graph transaction is another story, in `StreamPump+Parts.swift`.
///
/// Natural batching: while the writer waits, what is there goes at once; while it is busy, the batch grows. When the
/// batch is full and there is no room, the stream is not read, and only standby status goes on.
struct StreamPump {
    /// Offsets into the buffer have 32 bits.
    static let transactionBytesMax = 3 << 30
    /// A batch that still grows although the writer waits is sent at this age: the stream never falls silent under load.
    private static let patience: Duration = .milliseconds(1)
    private static let statusInterval: Duration = .seconds(10)
    /// How often the checkpoint follows the WAL while no mapped table changes.
    private static let idleInterval: Duration = .seconds(1)

    /// The pipeline's.
    let name: String
    let stream: ReplicationStream
    let mapping: GraphMapping
    let graph: BoltConfiguration
    let questions: GraphQuestions
    let report: @Sendable (PipelineEvent) -> Void
    /// Set while the graph is ahead of the stream. The pump ends when that is over, unless it loads itself.
    var settling: Settling?
    /// Tables that are to be loaded meanwhile; nil where the stream is followed to settle what was.
    let beside: BesideLoads?
    /// Views that are read meanwhile; nil where there are none.
    let views: ViewDesk?
    private let queue: BatchQueue
    private let progress: ApplyProgress
    private(set) var limits: BatchLimits
    let stop: StopSignal

    var encoder: BatchEncoder
    /// Where the batches that were handed over end.
    var position: LSN { put }
    let buffer = ChangeBuffer()
    var reached: ReachedRows
    /// The transaction that the stream has to bring first: the graph holds a part of it.
    var unfinished: PartialTransaction?
    private let waker = Wakeup()
    /// Bytes in the buffer when its last transaction began.
    private var transactionStart = 0
    /// When the oldest change in the buffer came.
    private var bufferedSince: MonotonicTime?
    private var put: LSN
    /// Batches that were handed over.
    private var putCount = 0
    private var idlePosition: LSN
    /// When batches came further last; those between two of the stream do not.
    private var lastAdvance = MonotonicTime.now
    private var confirmed: LSN = .zero
    private var lastStatus = MonotonicTime.now

    init(
        name: String, stream: ReplicationStream, mapping: GraphMapping, queue: BatchQueue, progress: ApplyProgress,
        limits: BatchLimits, stop: StopSignal, settling: Settling?, beside: BesideLoads?, views: ViewDesk? = nil,
        graph: BoltConfiguration, abandon: StopSignal,
        report: @escaping @Sendable (PipelineEvent) -> Void
    ) {
        self.name = name
        self.stream = stream
        self.mapping = mapping
        self.graph = graph
        questions = GraphQuestions(graph, abandon: abandon)
        reached = ReachedRows(mapping)
        self.report = report
        self.settling = settling
        self.beside = beside
        self.views = views
        encoder = BatchEncoder(mapping: mapping)
        unfinished = progress.checkpoint.partial
        self.queue = queue
        self.progress = progress
        self.limits = limits
        self.stop = stop
        put = progress.checkpoint.lsn
        idlePosition = put
        stop.add(waker)
        useEncoder()
    }

    /// Runs until the stop is asked for, or everything is settled.
    mutating func run() throws(PipelineError) {
        try continueLoads()
        while !stop.isStopped, !isSettled {
            try confirm()
            switch try receive() {
            case .nothing:
                try sealIfWelcome()
                try followIdleLog()
                // Neither keeps the other waiting.
                let hasHanded = try advanceViews()
                if try advanceLoads(hasMore: false) || hasHanded { continue }
                if let settling, position < settling.ledger.until { try settling.hurry() }
                try wait()
            case .change:
                if bufferedSince == nil { bufferedSince = .now }
                if buffer.bytes.count >= Self.transactionBytesMax { throw tooLarge() }
            case .transaction:
                try transactionEnded()
                _ = try advanceLoads(hasMore: true)
                _ = try advanceViews()
            case .spooled:
                try spooledTransactionEnded()
                _ = try advanceLoads(hasMore: true)
                _ = try advanceViews()
            case .message: messageCame()
            case .keepalive(let position):
                if buffer.isEmpty, !stream.isInTransaction { idlePosition = max(idlePosition, position) }
            default: break
            }
        }
        // What the graph has acknowledged by now is not sent again to whoever comes next.
        try confirm(force: true)
        stream.finish()
    }

    private func messageCame() {
        guard let beside, let message = stream.logicalMessage, message.prefix == LoadRequest.wakePrefix,
            message.content == Array(name.utf8)
        else { return }
        beside.isWoken = true
    }

    private func receive() throws(PipelineError) -> ReplicationStream.Received {
        do throws(CaptureError) { return try stream.receive(into: buffer) } catch { throw PipelineError(error) }
    }

    mutating func transactionEnded() throws(PipelineError) {
        if buffer.changes.isEmpty {
            // It touched nothing that is mapped.
            if let end = buffer.transactions.last { idlePosition = max(idlePosition, end.endLSN) }
            clearBuffer()
            return
        }
        if let end = buffer.transactions.last { settling?.received.append(end.xid) }
        if try goesInParts() { return try applyLastInParts() }
        transactionStart = buffer.bytes.count
        let since = bufferedSince ?? .now
        bufferedSince = since
        if limits.isolatedTransactions > 0 || buffer.changes.count >= limits.rows
            || buffer.bytes.count >= limits.bytes
        {
            limits.isolatedTransactions = max(0, limits.isolatedTransactions - 1)
            try seal()
        } else if queue.isWriterReady, MonotonicTime.now - since >= Self.patience {
            try seal()
        }
    }

    /// Nothing more has come: what is whole goes, if the writer waits for it.
    private mutating func sealIfWelcome() throws(PipelineError) {
        guard let end = buffer.transactions.last, end.changeCount == buffer.changes.count, queue.isWriterReady
        else { return }
        try seal()
    }

    /// Folds, encodes and hands over what is in the buffer, which ends with a transaction.
    mutating func seal() throws(PipelineError) {
        try seal(transactions: buffer.transactions.count)
        clearBuffer()
    }

    /// The same for the buffer's first transactions, which stay there.
    mutating func seal(transactions count: Int) throws(PipelineError) {
        for (transactions, isInParts) in try portions(of: count) where !stop.isStopped {
            if isInParts {
                try applyInParts(transaction: transactions.lowerBound)
            } else if let batch = try encodeBuffer(transactions) {
                try put(batch)
            }
        }
    }

    /// A batch of transactions in the buffer; nil where they hold nothing.
    private mutating func encodeBuffer(_ transactions: Range<Int>) throws(PipelineError) -> EncodedBatch? {
        let changes =
            changes(of: transactions.lowerBound).lowerBound..<changes(of: transactions.upperBound - 1).upperBound
        guard !changes.isEmpty else { return nil }
        try awaitVisibility()
        let lookedUp = try lookUpUnchanged(changes)
        let statements = try apply { () throws(ApplyError) in try encoder.encode(buffer, changes) }
        return EncodedBatch(
            statements: lookedUp + statements + reached.statements(transactions) + noteViews(changes),
            changeCount: changes.count, transactionCount: transactions.count,
            firstLSN: buffer.transactions[transactions.lowerBound].commitLSN,
            end: buffer.transactions[transactions.upperBound - 1])
    }

    mutating func clearBuffer() {
        buffer.removeAll()
        reached.removeAll()
        bufferedSince = nil
        transactionStart = 0
    }

    /// Bytes of the buffer's last transaction.
    var lastTransactionBytes: Int { buffer.bytes.count - transactionStart }

    func tooLarge() -> PipelineError {
        PipelineError(
            "a transaction is too large",
            "it has more than \(Self.transactionBytesMax >> 20) MiB of rows, and came in one piece, which is held in "
                + "memory (docs/ARCHITECTURE.md, \"Large transactions\")",
            remedy: "Nothing was lost: the checkpoint has not moved. "
                + "`lockstep run --resnapshot` passes it by.")
    }

    /// Waits for room and hands over, unless the stop is asked for meanwhile.
    mutating func put(_ batch: EncodedBatch) throws(PipelineError) {
        while !queue.hasRoom {
            if stop.isStopped { return queue.leaveGap() }
            try confirm()
            _ = Poll.wait(
                descriptor: -1, for: [], wakeups: [queue.drained, progress.moved, waker],
                deadline: lastStatus + Self.statusInterval)
            queue.drained.drain()
            progress.moved.drain()
        }
        guard queue.put(batch) else { return }
        if batch.partial == nil {
            if batch.end.endLSN > put { lastAdvance = .now }
            put = batch.end.endLSN
            idlePosition = max(idlePosition, put)
        }
        putCount += 1
    }

    /// The graph has all that was handed over.
    private var isAcknowledged: Bool { progress.batches == putCount }

    /// Waits for that: who asks the graph over another connection sees what is committed.
    mutating func awaitAcknowledgement() throws(PipelineError) {
        while !isAcknowledged { try rest() }
    }

    private var idleInterval: Duration {
        // Somebody waits for it.
        settling.map { idlePosition >= $0.ledger.until } == true ? .zero : Self.idleInterval
    }

    /// Moves the checkpoint over WAL that holds nothing for us, so that the slot does not hold it back.
    private mutating func followIdleLog() throws(PipelineError) {
        guard idlePosition > put, buffer.isEmpty, unfinished == nil, queue.isWriterReady,
            MonotonicTime.now >= lastAdvance + idleInterval
        else { return }
        try put(EncodedBatch([], at: idlePosition))
    }

    mutating func confirm(force: Bool = false) throws(PipelineError) {
        let acknowledged = progress.checkpoint.lsn
        guard force || acknowledged > confirmed || MonotonicTime.now >= lastStatus + Self.statusInterval else { return }
        try capture { () throws(CaptureError) in
            try stream.confirm(written: acknowledged, flushed: acknowledged)
        }
        confirmed = acknowledged
        lastStatus = .now
    }

    private mutating func wait() throws(PipelineError) {
        var deadline = lastStatus + Self.statusInterval
        if settling != nil || beside?.hasWork == true { deadline = min(deadline, .after(.milliseconds(20))) }
        if idlePosition > put { deadline = min(deadline, max(lastAdvance + idleInterval, .after(.milliseconds(20)))) }
        try capture { () throws(CaptureError) in
            try stream.wait(
                wakeups: [queue.drained, progress.moved, waker] + (views.map { [$0.ready] } ?? []), deadline: deadline)
        }
        queue.drained.drain()
        progress.moved.drain()
        views?.ready.drain()
    }
}
