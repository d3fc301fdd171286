// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Loads beside the stream: for the moment in which a range is read the stream is held, and the range's rows go into the graph
/// between two batches of it.
extension StreamPump {
    /// Does one step of what is to be loaded, if there is any and its time has come.
    ///
    /// - Parameter hasMore: The stream has something to bring, too.
    /// - Returns: False where nothing was done.
    mutating func advanceLoads(hasMore: Bool) throws(PipelineError) -> Bool {
        guard let beside, settling != nil || beside.hasWork, unfinished == nil, !stop.isStopped, beside.isDue(hasMore)
        else { return false }
        let start = MonotonicTime.now
        do throws(PipelineError) {
            return try advance(beside, since: start)
        } catch {
            // The stream cannot wait for whoever has locked a table.
            guard error.disposition == .retryUnlocked else { throw error }
            if let reader = try settling?.reader() { try capture { () throws(CaptureError) in try reader.end() } }
            beside.postpone()
            return false
        }
    }

    private mutating func advance(_ beside: BesideLoads, since start: MonotonicTime) throws(PipelineError) -> Bool {
        if beside.isWoken { try beside.lookForRequests(without: settling?.ledger.loads ?? []) }
        guard let settling else { return try beginLoads(beside) }
        guard try areEarlierVisible(beside, settling) else {
            beside.worked(since: start)
            return false
        }
        let pass = settling.ledger.pass
        if pass != beside.pass {
            // The next pass believes what this one has brought: the stream has to have come so far.
            settling.close(before: pass)
            guard position >= settling.ledger.until else { return false }
            beside.pass = pass
            settling.open(pass)
        }
        if pass == .settling {
            try endLoads(beside, settling)
            return true
        }
        guard let load = settling.ledger.loads.first(where: { $0.pass == pass }) else { return false }
        let hasWorked =
            switch pass {
            case .counts: try readCounts(load, beside, settling)
            case .leftovers: try deleteLeftovers(load, beside, settling)
            default: try readRange(load, beside, settling)
            }
        beside.worked(since: start)
        return hasWorked
    }

    // MARK: From the beginning to the end

    /// Loads that an earlier attempt has begun with: until they are done nothing is believed of what the graph has of them,
    /// from the first batch on.
    mutating func continueLoads() throws(PipelineError) {
        guard let beside, !beside.begun.isEmpty else { return }
        let ledger = LoadLedger(beside.begun)
        let continued = Settling(continuing: ledger, beside.settings, stop: stop)
        if ledger.loads.contains(where: \.isOfEarlierRows) {
            let reader = try continued.reader()
            beside.earlier = try capture { () throws(CaptureError) in
                try EarlierTransactions(reader.begin(), reader, all: true)
            }
            try capture { () throws(CaptureError) in try reader.end() }
        }
        settling = continued
        useEncoder()
        beside.begin(ledger)
    }

    private mutating func beginLoads(_ beside: BesideLoads) throws(PipelineError) -> Bool {
        guard beside.hasWork else { return false }
        views?.take(beside.takeViews(mapping))
        var refused: [TableLoad] = []
        let loads = beside.takeNext(mapping, refused: &refused)
        if !refused.isEmpty { try put(between([LoadStore.remove(refused, pipeline: name)])) }
        guard !loads.isEmpty else { return true }
        let ledger = LoadLedger(loads)
        let made = Settling(continuing: ledger, beside.settings, stop: stop)
        do throws(PipelineError) {
            let reader = try made.reader()
            let snapshot = try capture { () throws(CaptureError) in try reader.begin() }
            for load in loads {
                let heaps = try beside.heaps(of: load.request.table, reader)
                ledger.update(load) { $0.begin(over: heaps, mapping) }
            }
            beside.earlier = try capture { () throws(CaptureError) in
                try EarlierTransactions(snapshot, reader, all: loads.contains(where: \.isOfEarlierRows))
            }
            try capture { () throws(CaptureError) in try reader.end() }
        } catch {
            beside.giveBack(loads)
            throw error
        }
        beside.begin(ledger)
        settling = made
        useEncoder()
        try put(between([LoadStore.put(ledger.loads, pipeline: name)]))
        return true
    }

    /// Asks for tables whose changes a transaction that goes in parts passes over. What it says is for its first part.
    func requestLoads(of tables: Set<QualifiedName>, _ end: TransactionEnd) -> [EncodedStatement] {
        guard !tables.isEmpty else { return [] }
        for table in tables.sorted() {
            report(
                .warning(
                    "\(table) is read again behind the transaction at \(end.commitLSN): rows came to keys and left keys in "
                        + "it, which is DEFERRABLE, and it is too large to be applied at once"))
        }
        let loads = tables.sorted().map { TableLoad(LoadRequest($0, reason: .largeTransaction)) }
        beside?.add(loads)
        return [LoadStore.put(loads, pipeline: name)]
    }

    /// Everything is in, and nothing of it is newer than what the stream brings.
    private mutating func endLoads(_ beside: BesideLoads, _ settling: Settling) throws(PipelineError) {
        let isDone = LoadStore.remove(settling.ledger.loads, pipeline: name)
        try put(between([isDone] + forgetViews(of: settling)))
        // Whoever reads that it is loaded looks for it in the graph.
        try awaitAcknowledgement()
        beside.end(settling.ledger)
        self.settling = nil
        useEncoder()
    }

    /// Whether those transactions can be seen that were received before it was noted which they are.
    private func areEarlierVisible(_ beside: BesideLoads, _ settling: Settling) throws(PipelineError) -> Bool {
        guard let earlier = beside.earlier else { return true }
        let reader = try settling.reader()
        let snapshot = try capture { () throws(CaptureError) in try reader.begin() }
        try capture { () throws(CaptureError) in try reader.end() }
        guard earlier.areVisible(in: snapshot) else { return false }
        beside.earlier = nil
        return true
    }

    /// A batch that leaves the checkpoint where it is.
    func between(_ statements: [EncodedStatement]) -> EncodedBatch { EncodedBatch(statements, at: position) }

    /// What is known of a load by now, as a statement of the batch in hand.
    func note(_ load: TableLoad, _ settling: Settling) -> EncodedStatement {
        LoadStore.put(
            settling.ledger.loads.filter { $0.request.id == load.request.id }, pipeline: name)
    }

    mutating func endPass(
        _ load: TableLoad, _ beside: BesideLoads, _ settling: Settling
    ) throws(PipelineError) {
        settling.ledger.update(load) { $0.endPass(mapping) }
        beside.forget(load.request.table)
        try put(between([note(load, settling)]))
    }

    /// A condition that somebody gave cannot be asked of every row: that does not stop the pipeline.
    private mutating func giveUp(
        _ load: TableLoad, _ failure: CaptureError, _ beside: BesideLoads, _ settling: Settling
    ) throws(PipelineError) {
        let state = failure.postgres?.sqlState ?? ""
        report(.warning("\(load.request.table) is not read any further: its condition fails with SQLSTATE \(state)"))
        let reader = try settling.reader()
        try capture { () throws(CaptureError) in try reader.end() }
        settling.ledger.update(load) { $0.pass = .settling }
        beside.leftovers = nil
        try put(between([note(load, settling)]))
    }

    // MARK: Ranges

    private mutating func readRange(
        _ load: TableLoad, _ beside: BesideLoads, _ settling: Settling
    ) throws(PipelineError) -> Bool {
        let table = load.request.table
        let part: TableProgram.Part = load.pass == .nodes ? .nodes : .relationships
        let reader = try settling.reader()
        let plan = try beside.heaps(of: table, reader)
        var current = load
        current.continuePass(over: plan)
        settling.ledger.update(load) { $0.heaps = current.heaps }
        guard let read = TableRead(table, part, mapping),
            let (heap, range) = current.remaining(of: plan, rows: BesideLoads.rowsPerRange).first
        else {
            try endPass(load, beside, settling)
            return true
        }
        guard let snapshot = try settling.snapshot() else { return false }
        settling.ledger.raise(until: snapshot.lsn, of: load)
        let encoder = BatchEncoder(mapping: mapping, part: part, unsettled: settling.tables)
        let condition = read.condition(range, of: heap, meeting: load.request.condition)
        let uncounted = read.uncountedRows(of: heap, where: condition)
        let rows = ChangeBuffer()
        rows.relations = [read.relation]
        var held: EncodedBatch?
        let total: (rows: Int, bytes: Int)
        do throws(SnapshotCopyFailure<PipelineError>) {
            total = try reader.copy(
                heap.name, rows: uncounted, columns: read.columns, where: uncounted == nil ? condition : nil,
                relation: 0, into: rows, maxRows: limits.rows, maxBytes: limits.bytes
            ) { () throws(PipelineError) in
                let count = rows.changes.count
                let statements = try apply { () throws(ApplyError) in try encoder.encode(rows, 0..<count) }
                rows.removeAll()
                if let held { try put(held) }
                // Whatever happens behind this batch, it is known how far its rows are ahead.
                held = between([note(load, settling)] + statements)
            }
        } catch {
            switch error {
            case .capture(let failure):
                guard load.request.condition != nil, failure.isOfCondition else { throw PipelineError(failure) }
                try giveUp(load, failure, beside, settling)
                return true
            case .consumer(let failure): throw failure
            }
        }
        let isUnchanged = try capture { () throws(CaptureError) in
            let isUnchanged = try reader.isUnchanged(heap)
            try reader.end()
            return isUnchanged
        }
        if isUnchanged {
            settling.ledger.update(load) { $0.note(range, of: heap, rows: total.rows, bytes: total.bytes) }
        } else {
            // It was rewritten: its rows are elsewhere.
            beside.forget(table)
        }
        var last = held ?? between([])
        last.statements.append(note(load, settling))
        try put(last)
        beside.tell(table, settling.ledger)
        return true
    }

    // MARK: Leftovers

    /// Deletes what no row has made.
    private mutating func deleteLeftovers(
        _ load: TableLoad, _ beside: BesideLoads, _ settling: Settling
    ) throws(PipelineError) -> Bool {
        let table = load.request.table
        let node = mapping.node(of: table)
        let join = mapping.join(of: table)
        guard let key = node?.key ?? join?.key, let query = node?.keysQuery() ?? join?.keysQuery(),
            let deletions = node.map({ [$0.deleteStatement()] }) ?? join?.deleteStatements
        else {
            try endPass(load, beside, settling)
            return true
        }
        let lookup = SourceLookup(read: TableRead(table, key), key: key, condition: mapping.conditions[table]?.sql)
        if beside.leftovers?.table != table {
            // A condition on other columns than the key's cannot be judged of what has no row.
            let isJudged = try load.request.condition.map { condition throws(PipelineError) in
                let reader = try settling.reader()
                return try capture { () throws(CaptureError) in
                    try reader.accepts(condition, on: table, columns: key.map(\.column))
                }
            }
            guard lookup.isExact, isJudged != false else {
                try endPass(load, beside, settling)
                return true
            }
            if let sweep = node?.sweepKeylessStatement() ?? join?.sweepKeylessStatement(), load.request.condition == nil
            {
                var batch = between([])
                batch.sweeps = [Sweep(text: sweep, table: table)]
                try put(batch)
            }
            let keys = EncodedStatement(text: query, table: table, rows: [])
            beside.leftovers = (table, try PagedQuery(keys, graph, stop: stop), nil)
        }
        var next = beside.leftovers?.page
        if next == nil { next = try beside.leftovers?.keys.next() }
        guard let page = next else {
            beside.leftovers = nil
            try endPass(load, beside, settling)
            return true
        }
        beside.leftovers?.page = page
        let missing = try missing(page[...], lookup, load, settling)
        beside.leftovers?.page = nil
        var statements = [note(load, settling)]
        if !missing.isEmpty {
            if let node, let custom = node.custom {
                // Goes first: what it looks for may hang on what is cut off next.
                let text = node.customStatement(.delete, of: custom)
                let delete = EncodedStatement(text: text, table: table, rows: missing, custom: .delete)
                try put(between([note(load, settling), delete]))
            }
            if let node {
                // Some have millions of relationships.
                let cut = node.cutStatement(onlyGone: false)
                statements.append(EncodedStatement(text: cut, table: table, rows: missing, isSweep: true))
            }
            statements += deletions.map { EncodedStatement(text: $0, table: table, rows: missing) }
        }
        if load.request.reason == .resync {
            let thinning =
                node.map { $0.references.map($0.thinStatement(reference:)) } ?? join.map { [$0.thinStatement()] } ?? []
            statements += thinning.map { EncodedStatement(text: $0, table: table, rows: page) }
        }
        try put(between(statements))
        return true
    }

    /// The keys that no row has.
    private mutating func missing(
        _ page: ArraySlice<[BoltValue]>, _ lookup: SourceLookup, _ load: TableLoad, _ settling: Settling
    ) throws(PipelineError) -> [[BoltValue]] {
        let found = try readVisible(settling, waitsForLocks: false, { settling.ledger.raise(until: $0, of: load) }) {
            reader throws(CaptureError) -> [[BoltValue]]? in
            do throws(CaptureError) {
                let found = try lookup.rows(page, into: ChangeBuffer(), reader)
                let missing = page.filter { found[$0] == nil }
                return try load.request.condition.map { condition throws(CaptureError) in
                    try Self.inReach(missing, of: condition, lookup, reader)
                } ?? missing
            } catch {
                // A node that no row made may have a key that the column's type cannot read.
                guard error.postgres?.sqlState?.hasPrefix("22") == true else { throw error }
                return nil
            }
        }
        if let found { return found }
        guard page.count > 1 else { return Array(page) }
        let middle = page.startIndex + page.count / 2
        return try missing(page[..<middle], lookup, load, settling)
            + missing(page[middle...], lookup, load, settling)
    }

    /// Those of the keys that meet a condition on them; none where it cannot be asked of them.
    private static func inReach(
        _ keys: [[BoltValue]], of condition: String, _ lookup: SourceLookup, _ reader: SnapshotCopy
    ) throws(CaptureError) -> [[BoltValue]] {
        do throws(CaptureError) {
            let found = try reader.keys(
                keys.compactMap(SourceLookup.literals), of: lookup.read.table, columns: lookup.key.map(\.column),
                meeting: condition)
            return keys.filter { SourceLookup.literals($0).map(found.contains) ?? false }
        } catch {
            guard error.isOfCondition else { throw error }
            return []
        }
    }
}

extension TableLoad {
    /// A transaction that wrote to the table before that was published, or by another filter, is in the stream in part, or not
    /// at all.
    fileprivate var isOfEarlierRows: Bool { [.added, .mappingChanged, .schemaChanged].contains(request.reason) }
}

extension CaptureError {
    /// The condition is at fault, or a value that it was asked of.
    fileprivate var isOfCondition: Bool {
        postgres?.sqlState.map { $0.hasPrefix("22") || $0.hasPrefix("42") } ?? false
    }
}
