// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Rows that concern others: one that changes may touch millions of nodes. "What a row reaches" in docs/ARCHITECTURE.md says
/// how that goes.
///
/// Those of the transactions in the buffer wait here for the batch that carries these.
struct ReachedRows {
    let reach: RowReach
    /// Of each transaction in the buffer.
    fileprivate var rows: [ChangedRows] = []

    init(_ mapping: GraphMapping) { reach = RowReach(mapping: mapping) }

    mutating func removeAll() { rows.removeAll(keepingCapacity: true) }

    fileprivate func union(_ transactions: Range<Int>) -> ChangedRows {
        rows[transactions].reduce(into: reach.nothing) { $0.formUnion($1) }
    }

    /// What a batch of some transactions has to do for their rows, behind everything else.
    func statements(_ transactions: Range<Int>) -> [EncodedStatement] {
        union(transactions).statements(of: reach) { use in
            guard case .lookup(let holder, let lookup) = use else { return nil }
            return holder.refreshStatement(lookup)
        }.map(\.statement)
    }
}

extension StreamPump {
    /// Sees whom the buffer's last transaction concerns.
    mutating func noteReach(of changes: Range<Int>) throws(PipelineError) {
        guard let end = buffer.transactions.last else { return }
        reached.rows.append(try look(at: changes, end, believes: true))
    }

    /// The first transactions of the buffer, cut where a batch would reach too much: each range goes as a batch, or is one
    /// transaction that goes in parts.
    func portions(of count: Int) throws(PipelineError) -> [(transactions: Range<Int>, isInParts: Bool)] {
        guard count > 0 else { return [] }
        if try size(of: reached.union(0..<count)) <= limits.wholeRows { return [(0..<count, false)] }
        var portions: [(transactions: Range<Int>, isInParts: Bool)] = []
        var first = 0
        var sum = 0
        for index in 0..<count {
            let reach = try size(of: reached.union(index..<index + 1))
            let isInParts = reach + changes(of: index).count > limits.wholeRows
            if isInParts || sum + reach > limits.wholeRows {
                if first < index { portions.append((first..<index, false)) }
                (first, sum) = (index, 0)
            }
            sum += reach
            guard isInParts else { continue }
            portions.append((index..<index + 1, true))
            (first, sum) = (index + 1, 0)
        }
        return first < count ? portions + [(first..<count, false)] : portions
    }

    /// How much rows touch beyond themselves, as far as that matters.
    private func size(of rows: ChangedRows) throws(PipelineError) -> Int {
        guard !rows.isEmpty else { return 0 }
        let limit = limits.wholeRows + 1
        let queries = rows.statements(of: reached.reach) { $0.countQuery(limit: limit) }
        return try questions.ask { channel throws(BoltError) in
            var count = 0
            for (_, query) in queries where count < limit {
                let counted = try channel.query(query.text, rows: query.rows, count: query.rowCount)
                for row in counted.rows { count += Int(row.first?.integerValue ?? 0) }
            }
            return count
        }
    }

    private func look(
        at changes: Range<Int>, _ end: TransactionEnd, believes: Bool
    ) throws(PipelineError) -> ChangedRows {
        try apply { () throws(ApplyError) in
            try reached.reach.look(
                at: buffer, changes, committedAt: end.commitLSN, believes: believes, unsettled: unsettled)
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
