// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Tables whose equal rows are counted, read again: each in one piece, by one snapshot, while the stream waits. "Loads beside
/// the stream" in docs/ARCHITECTURE.md says why the changes that come behind it find the right counts.
extension StreamPump {
    /// - Returns: False where it cannot be read yet.
    mutating func readCounts(
        _ load: TableLoad, _ beside: BesideLoads, _ settling: Settling
    ) throws(PipelineError) -> Bool {
        let table = load.request.table
        guard let node = mapping.node(of: table), let read = TableRead(table, .nodes, mapping),
            let distinct = read.distinct
        else {
            try endPass(load, beside, settling)
            return true
        }
        let reader = try settling.reader()
        // Before the snapshot, which would not see the rows of a table that is written anew behind it.
        let heaps = try capture { () throws(CaptureError) in try reader.heaps(of: table, inOnePiece: false) }
        guard let snapshot = try settling.snapshot(), snapshot.isExact else { return false }
        settling.ledger.raise(until: snapshot.lsn, of: load)
        if beside.counting != load.request.id {
            beside.counting = load.request.id
            report(.counting(table: table.description))
        }
        var digests = DigestSet()
        do throws(SnapshotCopyFailure<PipelineError>) {
            try setCounts(read, distinct, load, &digests, reader, beside, settling)
        } catch {
            switch error {
            case .capture(let failure): throw PipelineError(failure)
            case .consumer(let failure): throw failure
            }
        }
        let isUnchanged = try capture { () throws(CaptureError) in
            for heap in heaps where try !reader.isUnchanged(heap) { return false }
            try reader.end()
            return true
        }
        guard isUnchanged else { return true }
        try deleteUncounted(node, &digests)
        guard !stop.isStopped else { return true }
        settling.ledger.update(load) { load in
            load.blocks += heaps.reduce(0) { $0 + Int64($1.blocks) }
            load.counted = snapshot.text
        }
        try endPass(load, beside, settling)
        useEncoder()
        beside.tell(table, settling.ledger)
        return true
    }

    /// Gives each row's node its count, whatever it had before.
    private mutating func setCounts(
        _ read: TableRead, _ distinct: DistinctRows, _ load: TableLoad, _ digests: inout DigestSet,
        _ reader: SnapshotCopy, _ beside: BesideLoads, _ settling: Settling
    ) throws(SnapshotCopyFailure<PipelineError>) {
        let encoder = BatchEncoder(mapping: mapping, part: .nodes, unsettled: settling.tables)
        let place = read.relation.columns.firstIndex { $0.name == DistinctRows.digestColumn } ?? 0
        let rows = ChangeBuffer()
        rows.relations = [read.relation]
        _ = try reader.copy(
            read.table, rows: { distinct.rows(of: read.table, isPartitioned: $0) }, columns: read.columns, relation: 0,
            into: rows, maxRows: limits.rows, maxBytes: limits.bytes,
            // PostgreSQL sorts before it sends, and hears of us meanwhile.
            waiting: { () throws(PipelineError) in try confirm() }
        ) { () throws(PipelineError) in
            if stop.isStopped { throw PipelineError("stopped") }
            let count = rows.changes.count
            for change in rows.changes {
                let field = rows.fields[Int(change.newStart) + place]
                let start = Int(field.offset)
                guard digests.insert(rows.bytes[start..<start + Int(field.length)]) else {
                    throw PipelineError("a digest came that is none", "table \(read.table)")
                }
            }
            let statements = try apply { () throws(ApplyError) in try encoder.encode(rows, 0..<count) }
            settling.ledger.update(load) { load in
                load.rows += Int64(count)
                load.bytes += Int64(rows.bytes.count)
            }
            rows.removeAll()
            // Whatever happens behind this batch, it is known how far its rows are ahead.
            try put(between([note(load, settling)] + statements))
            beside.tell(read.table, settling.ledger)
            try confirm()
        }
    }

    /// Deletes nodes that no row has, where there are more nodes than rows.
    private mutating func deleteUncounted(_ node: NodeMapping, _ digests: inout DigestSet) throws(PipelineError) {
        var batch = between([])
        batch.sweeps = [Sweep(text: node.sweepKeylessStatement(), table: node.table)]
        try put(batch)
        try awaitAcknowledgement()
        guard try size(of: node.table) != digests.count else { return }
        let keys = try PagedQuery(
            EncodedStatement(text: node.keysQuery(), table: node.table, rows: []), graph, stop: stop)
        while let page = try keys.next() {
            let others = page.filter { key in !(key.first?.stringValue.map { digests.contains($0) } ?? false) }
            if !others.isEmpty {
                try put(between([EncodedStatement(text: node.deleteStatement(), table: node.table, rows: others)]))
            }
            try confirm()
        }
    }
}
