// Part of Lockstep. See LICENSE.

internal import Apply
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
    /// So many PostgreSQL transactions go in a graph transaction of their own each, to find one that the graph refuses.
    public var isolatedTransactions = 0

    public init() {}
}

/// The capture thread's loop: reads the stream, groups transactions into batches, hands them over, and confirms to
/// PostgreSQL what the graph has acknowledged.
///
/// Natural batching: while the writer waits, what is there goes at once; while it is busy, the batch grows. When the
/// batch is full and there is no room, the stream is not read, and only standby status goes on.
struct StreamPump {
    /// Offsets into the buffer have 32 bits.
    private static let transactionBytesMax = 3 << 30
    /// A batch that still grows although the writer waits is sent at this age: the stream never falls silent under load.
    private static let patience: Duration = .milliseconds(1)
    private static let statusInterval: Duration = .seconds(10)
    /// How often the checkpoint follows the WAL while no mapped table changes.
    private static let idleInterval: Duration = .seconds(1)

    let stream: ReplicationStream
    let encoder: BatchEncoder
    let queue: BatchQueue
    let progress: ApplyProgress
    private var limits: BatchLimits
    let stop: StopSignal

    private let buffer = ChangeBuffer()
    private let waker = Wakeup()
    /// When the oldest change in the buffer came.
    private var bufferedSince: MonotonicTime?
    private var put: LSN
    private var idlePosition: LSN
    private var lastPut = MonotonicTime.now
    private var confirmed: LSN = .zero
    private var lastStatus = MonotonicTime.now

    init(
        stream: ReplicationStream, encoder: BatchEncoder, queue: BatchQueue, progress: ApplyProgress,
        limits: BatchLimits, stop: StopSignal
    ) {
        self.stream = stream
        self.encoder = encoder
        self.queue = queue
        self.progress = progress
        self.limits = limits
        self.stop = stop
        put = progress.checkpoint.lsn
        idlePosition = put
        stop.add(waker)
    }

    /// Runs until the stop is asked for.
    mutating func run() throws(PipelineError) {
        while !stop.isStopped {
            try confirm()
            switch try receive() {
            case .nothing:
                try sealIfWelcome()
                try followIdleLog()
                try wait()
            case .change:
                if bufferedSince == nil { bufferedSince = .now }
                if buffer.bytes.count >= Self.transactionBytesMax { throw tooLarge() }
            case .transaction:
                try transactionEnded()
            case .keepalive(let position):
                if buffer.isEmpty, !stream.isInTransaction { idlePosition = max(idlePosition, position) }
            default: break
            }
        }
        // What the graph has acknowledged by now is not sent again to whoever comes next.
        try confirm(force: true)
        stream.finish()
    }

    private func receive() throws(PipelineError) -> ReplicationStream.Received {
        do throws(CaptureError) { return try stream.receive(into: buffer) } catch { throw PipelineError(error) }
    }

    private mutating func transactionEnded() throws(PipelineError) {
        if buffer.changes.isEmpty {
            // It touched nothing that is mapped.
            if let end = buffer.transactions.last { idlePosition = max(idlePosition, end.endLSN) }
            buffer.removeAll()
            return
        }
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
    private mutating func seal() throws(PipelineError) {
        guard let end = buffer.transactions.last else { return }
        let statements = try apply { () throws(ApplyError) in
            try encoder.encode(buffer, 0..<buffer.changes.count)
        }
        let batch = EncodedBatch(
            statements: statements, changeCount: buffer.changes.count, transactionCount: buffer.transactions.count,
            firstLSN: buffer.transactions.first?.commitLSN, end: end)
        buffer.removeAll()
        bufferedSince = nil
        try put(batch)
    }

    private func tooLarge() -> PipelineError {
        PipelineError(
            "a transaction is too large",
            "it has more than \(Self.transactionBytesMax >> 20) MiB of rows, and is held "
                + "in memory as a whole",
            remedy: "Nothing was lost: the checkpoint has not moved. "
                + "`lockstep run --resnapshot` passes it by.")
    }

    private mutating func put(_ batch: EncodedBatch) throws(PipelineError) {
        while !queue.hasRoom {
            if stop.isStopped { return }
            try confirm()
            _ = Poll.wait(
                descriptor: -1, for: [], wakeups: [queue.drained, progress.moved, waker],
                deadline: lastStatus + Self.statusInterval)
            queue.drained.drain()
            progress.moved.drain()
        }
        put = batch.end.endLSN
        idlePosition = max(idlePosition, put)
        lastPut = .now
        queue.put(batch)
    }

    /// Moves the checkpoint over WAL that holds nothing for us, so that the slot does not hold it back.
    private mutating func followIdleLog() throws(PipelineError) {
        guard idlePosition > put, buffer.isEmpty, queue.isWriterReady,
            MonotonicTime.now >= lastPut + Self.idleInterval
        else { return }
        let end = TransactionEnd(xid: 0, commitLSN: idlePosition, endLSN: idlePosition, commitTime: 0, changeCount: 0)
        try put(EncodedBatch(statements: [], changeCount: 0, transactionCount: 0, firstLSN: idlePosition, end: end))
    }

    private mutating func confirm(force: Bool = false) throws(PipelineError) {
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
        if idlePosition > put { deadline = min(deadline, max(lastPut + Self.idleInterval, .after(.milliseconds(20)))) }
        try capture { () throws(CaptureError) in
            try stream.wait(wakeups: [queue.drained, progress.moved, waker], deadline: deadline)
        }
        queue.drained.drain()
        progress.moved.drain()
    }
}
