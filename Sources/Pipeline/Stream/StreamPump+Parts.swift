// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// A committed transaction whose changes can be read piece by piece, as often as wanted.
enum LargeTransaction {
    case spooled(SpooledTransaction)
    /// Whole in the buffer.
    case buffered(Range<Int>)

    /// False where no row is deleted and no key changed.
    var mayLeaveKeys: Bool {
        if case .spooled(let transaction) = self { transaction.mayLeaveKeys } else { true }
    }
}

/// Transactions that are too large for one graph transaction: applied in several passes, each in parts.
///
/// "Large transactions" in docs/ARCHITECTURE.md says which passes there are and why that is right. While a transaction is
/// being applied the stream is not read, and only standby status goes on.
extension StreamPump {
    /// A transaction that was streamed while it ran has committed.
    mutating func spooledTransactionEnded() throws(PipelineError) {
        guard let transaction = stream.spooled else { return }
        stream.spooled = nil
        let isLarge = transaction.changeCount > limits.wholeRows || transaction.byteCount > limits.wholeBytes
        guard isLarge || transaction.end.commitLSN == unfinished?.commitLSN else {
            // It goes the way of those that come whole.
            _ = try capture { () throws(CaptureError) in try stream.replay(transaction, into: buffer) }
            return try transactionEnded()
        }
        try seal()
        var survey = TransactionSurvey(mapping: mapping)
        try forEachPart(of: .spooled(transaction)) { pump, range, _ throws(PipelineError) in
            survey.look(at: pump.buffer, range)
        }
        clearBuffer()
        // What is surveyed in part says nothing.
        guard !stop.isStopped else { return }
        settling?.received.append(transaction.end.xid)
        try applyInParts(.spooled(transaction), end: transaction.end, survey)
        clearBuffer()
    }

    /// The changes of one of the buffer's transactions.
    func changes(of transaction: Int) -> Range<Int> {
        let begin = transaction > 0 ? buffer.transactions[transaction - 1].changeCount : 0
        return begin..<buffer.transactions[transaction].changeCount
    }

    /// The buffer's last transaction is too large for one graph transaction, or a part of it is in the graph already.
    mutating func goesInParts() throws(PipelineError) -> Bool {
        guard let end = buffer.transactions.last else { return false }
        let changes = changes(of: buffer.transactions.count - 1)
        try noteReach(of: changes)
        if let unfinished, !changes.isEmpty {
            guard unfinished.commitLSN == end.commitLSN else { throw outOfOrder(unfinished, end) }
            return true
        }
        let truncated = Set(
            buffer.changes[changes].lazy.filter { $0.kind == .truncate }.map { Int($0.relation) })
        var size = changes.count
        for relation in truncated { size += try self.size(of: mapping.table(of: buffer.relations[relation])) }
        return size > limits.wholeRows || lastTransactionBytes > limits.wholeBytes
    }

    mutating func applyLastInParts() throws(PipelineError) {
        let last = buffer.transactions.count - 1
        try seal(transactions: last)
        try applyInParts(transaction: last)
        clearBuffer()
    }

    /// One that is in the buffer.
    mutating func applyInParts(transaction index: Int) throws(PipelineError) {
        guard !stop.isStopped else { return }
        let changes = changes(of: index)
        var survey = TransactionSurvey(mapping: mapping)
        survey.look(at: buffer, changes)
        try applyInParts(.buffered(changes), end: buffer.transactions[index], survey)
    }

    private func outOfOrder(_ unfinished: PartialTransaction, _ end: TransactionEnd) -> PipelineError {
        PipelineError(
            "the stream does not go on where the graph stands",
            "the graph holds a part of the transaction that committed at \(unfinished.commitLSN), and the next one to "
                + "come committed at \(end.commitLSN)",
            remedy: "`lockstep run --resnapshot` reads everything again and makes the graph right.", lsn: end.commitLSN)
    }

    // MARK: Passes

    private mutating func applyInParts(
        _ transaction: LargeTransaction, end: TransactionEnd, _ survey: TransactionSurvey
    ) throws(PipelineError) {
        if let unfinished, unfinished.commitLSN != end.commitLSN { throw outOfOrder(unfinished, end) }
        try apply { () throws(ApplyError) in
            try survey.checkAges(of: buffer.relations, committedAt: end.commitLSN)
        }
        try awaitVisibility()
        let recounts = recounts
        let begin = PartialTransaction(commitLSN: end.commitLSN, pass: .truncations, changes: 0)
        report(.largeTransaction(at: end.commitLSN, changes: survey.changeCount, continuing: unfinished))
        let start = unfinished ?? begin
        // What the graph does not say yet of the transaction that it is going to hold in part.
        let noted =
            (unfinished == nil ? noteViews(of: survey.tables, end) : [])
            + requestLoads(of: survey.undecided.subtracting(beside?.incompleteTables ?? []), end)
        if unfinished == nil || !noted.isEmpty { try put(part(noted, end, start)) }
        // Who looks for requests finds them.
        if !survey.undecided.isEmpty { try awaitAcknowledgement() }
        if start.pass == .truncations, !survey.truncations.isEmpty {
            var batch = part([], end, PartialTransaction(commitLSN: end.commitLSN, pass: .retractions, changes: 0))
            batch.sweeps = mapping.sweeps(
                of: Set(survey.truncations.keys.filter { !recounts.holds(end.xid, of: $0) }))
            guard !stop.isStopped else { return }
            try put(batch)
        }
        let passes: [(PartialTransaction.Pass, TableProgram.Part)] = [
            (.retractions, .retractions), (.nodes, .nodes), (.relationships, .relationships),
            (.departures, .departures),
        ]
        let remaining = passes.drop { start.pass != .truncations && $0.0 != start.pass }
        let hasCustom = mapping.nodes.contains { $0.custom != nil }
        for (pass, part) in remaining {
            if pass == .retractions, !hasCustom || !transaction.mayLeaveKeys { continue }
            if pass == .departures, !transaction.mayLeaveKeys { continue }
            try run(
                pass,
                by: BatchEncoder(
                    mapping: mapping, pass: part, of: survey, unsettled: unsettled, recounts: recounts, xid: end.xid),
                over: transaction, end: end, from: pass == start.pass ? start.changes : 0)
        }
        guard !stop.isStopped else { return }
        try put(
            EncodedBatch(
                statements: [], changeCount: survey.changeCount, transactionCount: 1, firstLSN: end.commitLSN,
                end: end))
        unfinished = nil
        // It has not seen what the foreign keys are now.
        useEncoder()
    }

    /// - Parameter done: The changes that the graph has of this pass.
    private mutating func run(
        _ pass: PartialTransaction.Pass, by encoder: BatchEncoder, over transaction: LargeTransaction,
        end: TransactionEnd, from done: Int
    ) throws(PipelineError) {
        try forEachPart(of: transaction) { pump, range, position throws(PipelineError) in
            let after = position + range.count
            guard after > done else { return }
            let skipped = max(0, done - position)
            if pass == .relationships {
                let here = PartialTransaction(commitLSN: end.commitLSN, pass: pass, changes: position + skipped)
                try pump.writeReach(ofRowsIn: range.dropFirst(skipped), end) { pump, statements throws(PipelineError) in
                    try pump.put(pump.part(statements, end, here))
                }
            }
            let lookedUp = try pump.lookUpUnchanged(range.dropFirst(skipped))
            let statements = try apply { () throws(ApplyError) in
                do throws(ApplyError) {
                    return try encoder.encode(
                        pump.buffer, range.dropFirst(skipped), position: position + skipped)
                } catch {
                    var error = error
                    error.lsn = end.commitLSN
                    error.isInPart = true
                    throw error
                }
            }
            guard !statements.isEmpty else { return }
            try pump.put(
                pump.part(
                    lookedUp + statements, end, PartialTransaction(commitLSN: end.commitLSN, pass: pass, changes: after)
                ))
        }
    }

    private func part(
        _ statements: [EncodedStatement], _ end: TransactionEnd, _ partial: PartialTransaction
    ) -> EncodedBatch {
        EncodedBatch(
            statements: statements, changeCount: 0, transactionCount: 0, firstLSN: end.commitLSN, end: end,
            partial: partial)
    }

    // MARK: Reading

    /// Reads the transaction once, from the front, until the stop is asked for.
    ///
    /// - Parameter body: Is given where in the buffer the next changes are, and how many of the transaction came before.
    private mutating func forEachPart(
        of transaction: LargeTransaction, _ body: (inout Self, Range<Int>, Int) throws(PipelineError) -> Void
    ) throws(PipelineError) {
        var position = 0
        if case .spooled(let spooled) = transaction { spooled.rewind() }
        while !stop.isStopped {
            let range: Range<Int>
            let isLast: Bool
            switch transaction {
            case .buffered(let all):
                range = all.dropFirst(position).prefix(limits.rows)
                isLast = range.upperBound == all.upperBound
            case .spooled(let spooled):
                clearBuffer()
                isLast = try capture { () throws(CaptureError) in
                    try stream.replay(spooled, into: buffer, rows: limits.rows, bytes: limits.bytes)
                }
                range = 0..<buffer.changes.count
            }
            if !range.isEmpty { try body(&self, range, position) }
            position += range.count
            try confirm()
            if isLast { return }
        }
    }
}

extension GraphMapping {
    /// What empties truncated tables. Those come first that refer to others: what they refer to has lost its relationships
    /// then, little by little.
    fileprivate func sweeps(of tables: Set<QualifiedName>) -> [Sweep] {
        // What is made for their rows may lead to anything: it goes first.
        let own = nodes.filter { $0.isOwn && tables.contains($0.table) }.flatMap(Sweep.all)
        var sweeps =
            own
            + joins.filter { tables.contains($0.table) }.flatMap { join in
                ([join.sweepStatement()] + (join.waits ? [join.waitingSweepStatement()] : []))
                    .map { Sweep(text: $0, table: join.table) }
            }
        var rest = nodes.filter { !$0.isOwn && tables.contains($0.table) }
        while !rest.isEmpty {
            let next = rest.firstIndex { node in
                !rest.contains { other in
                    other.table != node.table && other.references.contains { $0.target.label == node.label }
                }
            }
            let node = rest.remove(at: next ?? 0)
            sweeps += lookups(of: node.table).filter { !$0.lookup.isEnforced }.map { holder, lookup in
                Sweep(text: holder.forgetSweepStatement(lookup), table: holder.table)
            }
            sweeps += awaitedEnds(of: node).map { Sweep(text: $0.join.dismissSweepStatement(), table: node.table) }
            sweeps += Sweep.all(of: node)
        }
        return sweeps
    }
}
