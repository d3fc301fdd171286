// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Rows that other tables' nodes look up: one that changes touches all of these, however many there are. "Lookups" in
/// docs/ARCHITECTURE.md says how that goes.
///
/// Rows of whole transactions wait here for the batch that carries these.
struct LookupChanges {
    let reach: LookupReach
    fileprivate var rows: ChangedRows
    /// Of the last transaction, without those that wait already.
    fileprivate var last: ChangedRows
    /// About how many nodes name the rows.
    var holders = 0
    fileprivate var lastHolders = 0

    init(_ mapping: GraphMapping) {
        reach = LookupReach(mapping: mapping)
        (rows, last) = (reach.nothing, reach.nothing)
    }

    /// The last transaction goes with the others.
    mutating func keep() {
        guard !last.isEmpty else { return }
        rows.formUnion(last)
        holders += lastHolders
        last.removeAll()
    }

    /// What a batch has to do for the rows, behind everything else.
    mutating func take() -> [EncodedStatement] {
        guard !rows.isEmpty else { return [] }
        defer {
            rows.removeAll()
            holders = 0
        }
        return rows.statements(of: reach) { $0.holder.refreshStatement($0.lookup) }.map(\.statement)
    }
}

extension StreamPump {
    /// How many nodes the buffer's last transaction touches by rows that they look up, as far as that matters.
    mutating func holdersOfChangedRows(_ changes: Range<Int>) throws(PipelineError) -> Int {
        var rows = try look(at: changes, believes: true)
        rows.subtract(lookups.rows)
        lookups.last = rows
        lookups.lastHolders = 0
        guard !rows.isEmpty else { return 0 }
        let limit = limits.wholeRows + 1
        let queries = rows.statements(of: lookups.reach) { $0.holder.holderCountQuery($0.lookup, limit: limit) }
        lookups.lastHolders = try questions.ask { channel throws(BoltError) in
            var count = 0
            for (_, query) in queries where count < limit {
                let counted = try channel.query(query.text, rows: query.rows, count: query.rowCount)
                count += Int(counted.rows.first?.first?.integerValue ?? 0)
            }
            return count
        }
        return lookups.lastHolders
    }

    private func look(at changes: Range<Int>, believes: Bool) throws(PipelineError) -> ChangedRows {
        try apply { () throws(ApplyError) in
            try lookups.reach.look(at: buffer, changes, believes: believes, unsettled: settling?.tables ?? [])
        }
    }

    /// Of a transaction that is applied in parts: gives the nodes that name changed rows their values, page by page. All other
    /// nodes are as they are going to be, and those that have changed themselves look up by themselves.
    ///
    /// - Parameter put: Hands over a part that leaves the transaction where it is.
    mutating func refreshHolders(
        ofRowsIn changes: Range<Int>, _ put: (inout Self, [EncodedStatement]) throws(PipelineError) -> Void
    ) throws(PipelineError) {
        let rows = try look(at: changes, believes: false)
        guard !rows.isEmpty else { return }
        try awaitAcknowledgement()
        for (lookup, query) in rows.statements(of: lookups.reach, { $0.holder.holdersQuery($0.lookup) }) {
            let pages = try PagedQuery(query, pageSize: limits.rows, graph, stop: stop)
            while let page = try pages.next() {
                if page.isEmpty { continue }
                let text = lookup.holder.lookUpStatement(lookup.lookup)
                try put(&self, [EncodedStatement(text: text, table: lookup.holder.table, rows: page)])
            }
        }
    }

    // MARK: Asking the graph

    /// Rows that a table has in the graph, and nodes that look it up and would have to forget it; 0 for one that the mapping does
    /// not have.
    func size(of table: QualifiedName) throws(PipelineError) -> Int {
        let own = mapping.node(of: table)?.countStatement() ?? mapping.join(of: table)?.countStatement()
        let holders = mapping.lookups(of: table).filter { !$0.lookup.isEnforced }.map { $0.holder.countStatement() }
        let counts = (own.map { [$0] } ?? []) + holders
        guard !counts.isEmpty else { return 0 }
        return try questions.ask { channel throws(BoltError) in
            var sum = 0
            for count in counts { sum += Int(try channel.query(count).rows.first?.first?.integerValue ?? 0) }
            return sum
        }
    }
}
