// Part of Lockstep. See LICENSE.

internal import Apply
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Views, which are read beside the stream: what changes is noted here, and what was read goes between two batches.
extension StreamPump {
    /// Hands on a part of what was read, if there is any.
    mutating func advanceViews() throws(PipelineError) -> Bool {
        guard let views, unfinished == nil, !stop.isStopped, let portion = views.takePortion() else { return false }
        var batch = between(portion.statements)
        batch.sweeps = portion.sweeps
        try put(batch)
        return true
    }

    /// What a batch has to say of the views that its changes make others.
    func noteViews(_ changes: Range<Int>) -> [EncodedStatement] {
        guard let views else { return [] }
        var touched = [Bool](repeating: false, count: buffer.relations.count)
        for change in buffer.changes[changes] { touched[Int(change.relation)] = true }
        let tables = touched.indices.filter { touched[$0] }.map { mapping.table(of: buffer.relations[$0]) }
        return views.note(Set(tables), buffer.transactions.lazy.map(\.xid))
    }

    /// The same for a transaction that is applied in parts.
    func noteViews(of tables: Set<QualifiedName>, _ end: TransactionEnd) -> [EncodedStatement] {
        views?.note(tables, [end.xid]) ?? []
    }

    /// Nodes that were loaded may be other ones than those that relationships led to.
    func forgetViews(of settling: Settling) -> [EncodedStatement] {
        views?.forget(Set(settling.tables.compactMap { mapping.node(of: $0)?.label })) ?? []
    }
}
