// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Rows that concern others: one that changes may touch millions of nodes. "What a row reaches" in docs/ARCHITECTURE.md says
/// how that goes.
///
/// Rows of whole transactions wait here for the batch that carries these.
struct ReachedRows {
    let reach: RowReach
    fileprivate var rows: ChangedRows
    /// Of the last transaction, without those that wait already.
    fileprivate var last: ChangedRows
    /// About how many nodes and relationships they touch.
    var size = 0
    fileprivate var lastSize = 0

    init(_ mapping: GraphMapping) {
        reach = RowReach(mapping: mapping)
        (rows, last) = (reach.nothing, reach.nothing)
    }

    /// The last transaction goes with the others.
    mutating func keep() {
        guard !last.isEmpty else { return }
        rows.formUnion(last)
        size += lastSize
        last.removeAll()
    }

    /// What a batch has to do for the rows, behind everything else.
    mutating func take() -> [EncodedStatement] {
        guard !rows.isEmpty else { return [] }
        defer {
            rows.removeAll()
            size = 0
        }
        return rows.statements(of: reach) { use in
            guard case .lookup(let holder, let lookup) = use else { return nil }
            return holder.refreshStatement(lookup)
        }.map(\.statement)
    }
}

extension StreamPump {
    /// How much the buffer's last transaction touches beyond its own rows, as far as that matters.
    mutating func reachOfChangedRows(_ changes: Range<Int>) throws(PipelineError) -> Int {
        guard let end = buffer.transactions.last else { return 0 }
        var rows = try look(at: changes, end, believes: true)
        rows.subtract(reached.rows)
        reached.last = rows
        reached.lastSize = 0
        guard !rows.isEmpty else { return 0 }
        let limit = limits.wholeRows + 1
        let queries = rows.statements(of: reached.reach) { $0.countQuery(limit: limit) }
        reached.lastSize = try questions.ask { channel throws(BoltError) in
            var count = 0
            for (_, query) in queries where count < limit {
                let counted = try channel.query(query.text, rows: query.rows, count: query.rowCount)
                for row in counted.rows { count += Int(row.first?.integerValue ?? 0) }
            }
            return count
        }
        return reached.lastSize
    }

    private func look(
        at changes: Range<Int>, _ end: TransactionEnd, believes: Bool
    ) throws(PipelineError) -> ChangedRows {
        try apply { () throws(ApplyError) in
            try reached.reach.look(
                at: buffer, changes, committedAt: end.commitLSN, believes: believes, unsettled: settling?.tables ?? [])
        }
    }

    /// Of a transaction that is applied in parts: writes for the nodes that name changed rows what they have of these, page by
    /// page. All nodes are as they are going to be, and what has changed itself is written by itself.
    ///
    /// - Parameter put: Hands over a part that leaves the transaction where it is.
    mutating func writeReach(
        ofRowsIn changes: Range<Int>, _ end: TransactionEnd,
        _ put: (inout Self, [EncodedStatement]) throws(PipelineError) -> Void
    ) throws(PipelineError) {
        let queries = try look(at: changes, end, believes: false).statements(of: reached.reach, \.pagesQuery)
        guard !queries.isEmpty else { return }
        try awaitAcknowledgement()
        for (use, query) in queries {
            guard let text = use.pageStatement else { continue }
            let pages = try PagedQuery(query, pageSize: limits.rows, graph, stop: stop)
            while let page = try pages.next() {
                if page.isEmpty { continue }
                try put(&self, [EncodedStatement(text: text, table: use.holder, rows: page)])
            }
        }
    }

    // MARK: Asking the graph

    /// Rows that a table has in the graph, relationships that lead to them whatever becomes of them, and nodes that look it up
    /// and would have to forget it; 0 for one that the mapping does not have.
    func size(of table: QualifiedName) throws(PipelineError) -> Int {
        let node = mapping.node(of: table)
        let own = node?.countStatement() ?? mapping.join(of: table)?.countStatement()
        var counts = own.map { [$0] } ?? []
        counts += mapping.lookups(of: table).filter { !$0.lookup.isEnforced }.map { $0.holder.countStatement() }
        if let node {
            counts += mapping.keptReferences(to: node).map { $0.holder.countStatement($0.reference) }
            counts += mapping.awaitedEnds(of: node).map { $0.join.countStatement() }
        }
        guard !counts.isEmpty else { return 0 }
        return try questions.ask { channel throws(BoltError) in
            var sum = 0
            for count in counts { sum += Int(try channel.query(count).rows.first?.first?.integerValue ?? 0) }
            return sum
        }
    }
}
