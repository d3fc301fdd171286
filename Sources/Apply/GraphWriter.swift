// Part of Lockstep. See LICENSE.

public import Bolt
internal import Mapping
internal import PostgreSQL
public import Threading

/// Brings batches into the graph over one Bolt connection, in order, each graph transaction fenced and with its
/// checkpoint.
///
/// Everything of a transaction is pipelined, and up to ``depth`` batches are under way at once: the server never waits
/// for us. That is safe because a failure makes the server ignore all that follows until RESET, which is never sent:
/// any failure ends the writer, and the connection with it.
///
/// Not `Sendable`: one thread at a time.
public final class GraphWriter {
    /// Batches sent and not answered.
    static let depth = 2
    /// A graph that says nothing for this long is taken for dead.
    static let silenceMax: Duration = .seconds(300)

    private let channel: BoltChannel
    private let pipeline: String
    private let owner: String
    /// How much a round of a ``Sweep`` takes.
    private let sweepSize: Int

    private enum Expectation {
        case begin
        case fence
        case statement(QualifiedName, CustomCypher.Statement?)
        case checkpoint
        /// Answered last: then the batch is done.
        case commit
    }

    private struct Sent {
        var batch: EncodedBatch
        var checkpoint: Checkpoint
        /// Answers still to come.
        var answers: Int
    }

    private var sent: [Sent] = []
    private var expected = FIFO<Expectation>()

    /// - Parameter sweepSize: Rows, or relationships, that go in one round of a ``Sweep``: as in a batch.
    public init(channel: BoltChannel, pipeline: String, owner: String, sweepSize: Int = 5000) {
        self.channel = channel
        self.pipeline = pipeline
        self.owner = owner
        self.sweepSize = sweepSize
    }

    // MARK: The checkpoint

    /// Makes `owner` the only one whose transactions pass the fence, and says where the graph stands.
    ///
    /// Waits for transactions that an older owner has under way: they hold the lock of the checkpoint node.
    ///
    /// - Returns: Nil where the pipeline has no checkpoint yet.
    public func takeOver() throws(ApplyError) -> Checkpoint? {
        let rows = try transaction(
            CheckpointStatement.takeOver,
            [
                "pipeline": .string(pipeline), "owner": .string(owner),
            ])
        return rows.first.flatMap(Checkpoint.init(row:))
    }

    /// Writes a checkpoint outside of any batch: the first one, a change of phase.
    ///
    /// - Parameter expected: What the fence demands; nil for the first checkpoint, right after ``takeOver()``.
    public func write(_ checkpoint: Checkpoint, expecting expected: Checkpoint?) throws(ApplyError) {
        if expected == nil {
            try transaction(CheckpointStatement.move, checkpoint.parameters(pipeline: pipeline))
        } else {
            try transaction(
                CheckpointStatement.move, checkpoint.parameters(pipeline: pipeline), expecting: expected)
        }
    }

    /// Writes a checkpoint together with other statements: all of it or nothing.
    public func write(
        _ checkpoint: Checkpoint, and statements: [(cypher: String, parameters: [String: BoltValue])],
        expecting expected: Checkpoint?
    ) throws(ApplyError) {
        let move = (CheckpointStatement.move, checkpoint.parameters(pipeline: pipeline))
        try transaction(statements + [move], expecting: expected)
    }

    /// Repeats a statement that deletes some and returns how many, each time in a transaction of its own, until there are
    /// none.
    public func sweep(_ sweep: Sweep, expecting checkpoint: Checkpoint?) throws(ApplyError) {
        while try !isSweptClean(sweep, expecting: checkpoint) {}
    }

    private func isSweptClean(_ sweep: Sweep, expecting checkpoint: Checkpoint?) throws(ApplyError) -> Bool {
        do throws(ApplyError) {
            let rows = try transaction(expecting: checkpoint) {
                channel.run(
                    sweep.text, ["limit": .integer(Int64(sweepSize))], rows: sweep.statement.rows,
                    count: sweep.statement.rowCount)
                pull()
            }
            return (rows.first?.first?.integerValue ?? 0) == 0
        } catch {
            var error = error
            error.table = error.table ?? sweep.statement.table
            if let custom = sweep.statement.custom { error.concern(custom) }
            throw error
        }
    }

    /// Forgets the pipeline.
    public func deleteCheckpoint() throws(ApplyError) {
        for label in ["LockstepTable", "LockstepSchemaChange", "LockstepView", LoadStore.label] {
            try transaction("MATCH (n:\(label) {pipeline: $pipeline}) DELETE n", ["pipeline": .string(pipeline)])
        }
        try transaction(CheckpointStatement.delete, ["pipeline": .string(pipeline)])
    }

    /// Where the graph stands, without taking it over.
    public static func readCheckpoint(
        _ channel: BoltChannel, pipeline: String
    ) throws(ApplyError) -> Checkpoint? {
        do throws(BoltError) {
            let result = try channel.query(CheckpointStatement.read, ["pipeline": .string(pipeline)])
            return result.rows.first.flatMap(Checkpoint.init(row:))
        } catch {
            throw ApplyError(graph: error)
        }
    }

    /// One statement in a transaction of its own, behind the fence where a checkpoint is expected.
    @discardableResult
    public func transaction(
        _ cypher: String, _ parameters: [String: BoltValue] = [:], expecting checkpoint: Checkpoint? = nil
    ) throws(ApplyError) -> [[BoltValue]] {
        try transaction([(cypher, parameters)], expecting: checkpoint)
    }

    @discardableResult
    private func transaction(
        _ statements: [(cypher: String, parameters: [String: BoltValue])], expecting checkpoint: Checkpoint?
    ) throws(ApplyError) -> [[BoltValue]] {
        try transaction(expecting: checkpoint) {
            for statement in statements {
                channel.run(statement.cypher, statement.parameters)
                pull()
            }
        }
    }

    /// Pulls the result of a statement that was just sent outside of any batch.
    private func pull() {
        expected.append(.checkpoint)
        channel.pull()
        expected.append(.checkpoint)
    }

    /// - Parameter send: Sends the statements, each with a ``pull()``.
    /// - Returns: Their records.
    private func transaction(
        expecting checkpoint: Checkpoint?, _ send: () -> Void
    ) throws(ApplyError) -> [[BoltValue]] {
        begin()
        if let checkpoint { fence(checkpoint) }
        send()
        channel.commit()
        expected.append(.commit)
        try flush()
        var rows: [[BoltValue]] = []
        while !expected.isEmpty {
            let response = try graph { () throws(BoltError) in
                try channel.receive(deadline: .after(Self.silenceMax))
            }
            if case .record(let values) = response {
                // Not the fence's row.
                if case .checkpoint = expected.first { rows.append(values) }
            } else {
                _ = try answered(response, to: expected.removeFirst())
            }
        }
        return rows
    }

    // MARK: Batches

    /// Writes what comes through the queue until it is closed and everything is committed.
    ///
    /// - Parameters:
    ///   - start: The checkpoint that the first batch builds on.
    ///   - progress: Told of each acknowledged COMMIT.
    /// - Throws: ``ApplyError``; the writer and its connection are then to be given up, and the checkpoint in the graph is
    ///   the truth.
    public func run(
        _ queue: BatchQueue, from start: Checkpoint, progress: ApplyProgress, abandon: StopSignal
    ) throws(ApplyError) {
        var last = start
        while true {
            while sent.count < Self.depth, let batch = queue.take() {
                if !batch.sweeps.isEmpty { try sweep(batch.sweeps, after: last, progress, abandon) }
                try send(batch, after: &last)
            }
            if sent.count >= Self.depth { queue.writerIsBusy() }
            if sent.isEmpty, queue.isFinished { return }
            let before = sent.count
            while let response = try graph({ () throws(BoltError) in try channel.receiveIfAvailable() }) {
                try settle(response, progress)
            }
            // What the answers have made possible comes before waiting, and so does saying that we wait for a batch:
            // nobody would wake us for it.
            if sent.count < before || (sent.isEmpty && queue.isFinished) { continue }
            if abandon.isStopped { throw ApplyError(.stopped, "stopped before the batch in hand was committed") }
            let ready = try graph { () throws(BoltError) in
                try channel.wait(wakeups: [queue.filled], deadline: .after(Self.silenceMax))
            }
            queue.filled.drain()
            if ready == .timedOut, !sent.isEmpty {
                throw ApplyError(
                    .graphUnavailable, lsn: sent.first?.batch.firstLSN,
                    "the graph has not answered for \(Self.silenceMax.components.seconds) seconds")
            }
        }
    }

    private func send(_ batch: EncodedBatch, after last: inout Checkpoint) throws(ApplyError) {
        let before = expected.count
        begin()
        fence(last)
        for statement in batch.statements {
            if statement.takesRows {
                channel.run(statement.text, rows: statement.rows, count: statement.rowCount)
            } else {
                channel.run(statement.text)
            }
            expected.append(.statement(statement.table, statement.custom))
            channel.pull()
            expected.append(.statement(statement.table, statement.custom))
        }
        last.changes += Int64(batch.changeCount)
        last.transactions += Int64(batch.transactionCount)
        last.partial = batch.partial
        if batch.partial == nil {
            last.lsn = batch.end.endLSN
            last.commitTime = max(last.commitTime, batch.end.commitTime)
        }
        channel.run(CheckpointStatement.move, last.parameters(pipeline: pipeline))
        expected.append(.checkpoint)
        channel.pull()
        expected.append(.checkpoint)
        channel.commit()
        expected.append(.commit)
        sent.append(Sent(batch: batch, checkpoint: last, answers: expected.count - before))
        try flush()
    }

    /// Repeats each sweep until nothing is left of it. Everything under way is committed before.
    private func sweep(
        _ sweeps: [Sweep], after last: Checkpoint, _ progress: ApplyProgress, _ abandon: StopSignal
    ) throws(ApplyError) {
        while !sent.isEmpty {
            let response = try graph { () throws(BoltError) in
                try channel.receive(deadline: .after(Self.silenceMax))
            }
            try settle(response, progress)
        }
        for sweep in sweeps {
            var isDone = false
            while !isDone {
                if abandon.isStopped { throw ApplyError(.stopped, "stopped before the batch in hand was committed") }
                do throws(ApplyError) {
                    isDone = try isSweptClean(sweep, expecting: last)
                } catch {
                    var error = error
                    error.isInPart = true
                    throw error
                }
            }
        }
    }

    private func settle(_ response: BoltResponse, _ progress: ApplyProgress) throws(ApplyError) {
        guard !expected.isEmpty else {
            throw ApplyError(.graphUnavailable, "the graph answered to nothing that was asked")
        }
        // The fence's row.
        if case .record = response { return }
        try answered(response, to: expected.removeFirst())
        guard !sent.isEmpty else { return }
        sent[0].answers -= 1
        guard sent[0].answers == 0 else { return }
        progress.acknowledge(sent.removeFirst().checkpoint)
    }

    // MARK: Messages

    // Every result is pulled, not discarded: a server need not compute what is discarded, and the fence would pass.

    private func begin() {
        channel.begin(metadata: ["application": .string("lockstep"), "pipeline": .string(pipeline)])
        expected.append(.begin)
    }

    private func fence(_ checkpoint: Checkpoint) {
        channel.run(CheckpointStatement.fence, checkpoint.fenceParameters(pipeline: pipeline, owner: owner))
        expected.append(.fence)
        channel.pull()
        expected.append(.fence)
    }

    private func flush() throws(ApplyError) {
        try graph { () throws(BoltError) in try channel.flush() }
    }

    /// Passes a success and turns everything else into the error that it means.
    private func answered(_ response: BoltResponse, to expectation: Expectation) throws(ApplyError) {
        switch response {
        case .success: return
        case .record, .ignored:
            throw ApplyError(.graphUnavailable, "the graph answered out of turn")
        case .failure(let failure):
            let batch = sent.first?.batch
            if case .fence = expectation, !failure.isTransient {
                throw ApplyError(
                    .fenced, lsn: batch?.firstLSN, code: failure.code,
                    "another process has taken over the pipeline \"\(pipeline)\", or its checkpoint in the graph was "
                        + "changed. Nothing of this batch was written. See that only one Lockstep runs this pipeline.")
            }
            var error = ApplyError(
                graph: BoltError(failure, server: channel.configuration.address), lsn: batch?.firstLSN)
            if case .statement(let table, let custom) = expectation {
                error.table = table
                if let custom { error.concern(custom) }
            } else if let tables = batch.map({ Set($0.statements.map(\.table)) }), !tables.isEmpty {
                // Refused as a whole: some servers look at constraints only at COMMIT.
                error.message += " (changes of \(tables.sorted().map(\.description).joined(separator: ", ")))"
            }
            error.transactionCount = batch?.transactionCount ?? 1
            error.isInPart = batch?.partial != nil
            throw error
        }
    }

    private func graph<Value>(_ body: () throws(BoltError) -> Value) throws(ApplyError) -> Value {
        do throws(BoltError) {
            return try body()
        } catch {
            var failure = ApplyError(graph: error, lsn: sent.first?.batch.firstLSN)
            if error.isOutcomeUnknown { failure.kind = .commitUnknown }
            throw failure
        }
    }
}
