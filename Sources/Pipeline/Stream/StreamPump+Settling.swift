// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Following the stream while the graph is ahead of it; see ``Settling``.
extension StreamPump {
    /// The stream has come to where nothing in the graph is newer than what it brings.
    var isSettled: Bool {
        guard beside == nil, let settling else { return false }
        return unfinished == nil && position >= settling.ledger.until
    }

    /// Waits until everybody sees what was received: whoever reads after this transaction's checkpoint must not read what was
    /// before it.
    mutating func awaitVisibility() throws(PipelineError) {
        guard let settling else { return }
        while try settling.snapshot() == nil { try rest() }
    }

    mutating func rest() throws(PipelineError) {
        if stop.isStopped { throw PipelineError("stopped") }
        try confirm()
        _ = stop.sleep(for: .milliseconds(2))
    }

    /// An encoder that knows what is settled now, and remembers nothing of before.
    mutating func useEncoder() {
        encoder = BatchEncoder(mapping: mapping, unsettled: unsettled, recounts: recounts)
    }

    /// Tables of which the graph may hold newer rows than the changes that come, or lack some.
    var unsettled: Set<QualifiedName> {
        (settling?.tables ?? []).union(beside?.incompleteTables ?? [])
    }

    /// What is counted anew, or going to be.
    var recounts: Recounts {
        var recounts = settling?.ledger.recounts ?? Recounts()
        if let beside { recounts.waiting.formUnion(beside.waitingTables) }
        return recounts
    }

    // MARK: Values that were left out

    /// Puts in what the stream left out of updates in `range`, as it is at the source by now.
    ///
    /// The stream does not carry a TOASTed value that an update left as it was. Where the graph is complete it has that
    /// value; here it may lack the row, or have another one at its place. What the source has may be newer than the update:
    /// then the stream brings it, too. The row may be gone: then the stream says so.
    ///
    /// - Returns: What the batch has to say of it.
    mutating func lookUpUnchanged(_ range: Range<Int>) throws(PipelineError) -> [EncodedStatement] {
        guard let settling else { return [] }
        var hasLookedUp = false
        for (index, announced) in buffer.relations.enumerated() {
            let relation: Relation
            var retyped: Set<String> = []
            switch mapping.standing(of: announced) {
            case .gone, .passed: continue
            case .expected: relation = announced
            case .other(let now, let others): (relation, retyped) = (now, others)
            }
            guard settling.tables.contains(relation.name) else { continue }
            if try lookUp(relation, UInt32(index), without: retyped, range, settling) { hasLookedUp = true }
        }
        return hasLookedUp ? [settling.statement] : []
    }

    private mutating func lookUp(
        _ relation: Relation, _ index: UInt32, without retyped: Set<String>, _ range: Range<Int>, _ settling: Settling
    ) throws(PipelineError) -> Bool {
        let node = mapping.node(of: relation.name)
        guard let key = node?.key ?? mapping.join(of: relation.name)?.key,
            let columns = mapping.columns[relation.name]?.filter({ !retyped.contains($0.column) })
        else { return false }
        func place(_ column: PropertyMapping) -> Int? { relation.columns.firstIndex { $0.name == column.column } }
        let keyColumns = key.compactMap(place)
        guard keyColumns.count == key.count else { return false }
        let lookup = SourceLookup(read: TableRead(relation.name, key + columns), key: key)
        let wanted = Wanted(
            always: Set(columns.compactMap(place)),
            now: Set(missing(node).flatMap { $0 ?? columns }.compactMap(place)))
        let changes = try lacking(wanted, keyColumns, index, lookup, range)
        guard !changes.isEmpty else { return false }
        guard lookup.isExact else {
            throw PipelineError(
                "a value cannot be looked up",
                "table \(relation.name): an update left a long value out, and the row cannot be found by the key that the "
                    + "mapping makes of it",
                remedy: "`lockstep run --resnapshot` reads everything again; not interrupted, it needs no such value.")
        }
        let found = ChangeBuffer()
        let keys = Set(changes.map(\.key))
        let rows = try readVisible(settling, settling.ledger.raise) { reader throws(CaptureError) in
            try lookup.rows(keys, into: found, reader)
        }
        for (position, key) in changes {
            guard let row = rows[key] else { continue }
            let start = Int(buffer.changes[position].newStart)
            for column in wanted.always where buffer.fields[start + column].kind == .unchanged {
                let name = relation.columns[column].name
                guard let source = lookup.read.relation.columns.firstIndex(where: { $0.name == name }) else { continue }
                buffer.fields[start + column] = buffer.copy(found.fields[Int(row) + source], of: found)
            }
        }
        return true
    }

    /// The columns that rows of a table may lack in the graph: of each pass with a gap, all where it says nil.
    private func missing(_ node: NodeMapping?) -> [[PropertyMapping]?] {
        guard let settling else { return [] }
        let relationships = settling.relationships.holds(position)
        guard let node else { return relationships ? [nil] : [] }
        return (settling.nodes.holds(position) ? [nil] : [])
            + (relationships ? [node.ends.flatMap(\.key)] : [])
    }

    /// Columns of a tuple that have to be there.
    private struct Wanted {
        /// Of a row that comes to another place: what was there is another's.
        var always: Set<Int>
        /// Of any other.
        var now: Set<Int>
    }

    /// The updates that left out some of the wanted columns, with their rows' keys.
    private mutating func lacking(
        _ wanted: Wanted, _ keyColumns: [Int], _ relation: UInt32, _ lookup: SourceLookup, _ range: Range<Int>
    ) throws(PipelineError) -> [(change: Int, key: [BoltValue])] {
        var changes: [(change: Int, key: [BoltValue])] = []
        for position in range {
            let change = buffer.changes[position]
            // A full old tuple has what was left out.
            guard change.kind == .update, change.relation == relation, change.old != .full else { continue }
            let start = Int(change.newStart)
            let columns = change.old == .none ? wanted.now : wanted.always
            guard columns.contains(where: { buffer.fields[start + $0].kind == .unchanged }) else { continue }
            // The key columns that were left out stand in the old tuple.
            if change.old != .none {
                for column in keyColumns where buffer.fields[start + column].kind == .unchanged {
                    buffer.fields[start + column] = buffer.fields[Int(change.oldStart) + column]
                }
            }
            if let key = lookup.key(of: change.newStart, keyColumns, in: buffer) { changes.append((position, key)) }
        }
        return changes
    }

    /// Reads at the source by a snapshot that shows everything that was received: waits for that, and for who has locked the
    /// table.
    ///
    /// - Parameters:
    ///   - waitsForLocks: False where the stream must not wait for that long; then the error says so.
    ///   - noteUntil: Told where the snapshot stands, before anything is read by it.
    ///   - body: May be called again.
    mutating func readVisible<Value>(
        _ settling: Settling, waitsForLocks: Bool = true, _ noteUntil: (LSN) -> Void,
        _ body: (SnapshotCopy) throws(CaptureError) -> Value
    ) throws(PipelineError) -> Value {
        while true {
            if let snapshot = try settling.snapshot() {
                noteUntil(snapshot.lsn)
                let reader = try settling.reader()
                do throws(CaptureError) {
                    let value = try body(reader)
                    try reader.end()
                    return value
                } catch {
                    guard error.isOfLock, waitsForLocks else { throw PipelineError(error) }
                }
            }
            try rest()
        }
    }
}

extension CaptureError {
    /// Somebody has locked the table for longer than the reader waits.
    var isOfLock: Bool { postgres?.sqlState == "55P03" }
}

extension ChangeBuffer {
    /// Takes a value of another buffer over.
    fileprivate func copy(_ field: Field, of other: ChangeBuffer) -> Field {
        guard field.kind == .text || field.kind == .binary else { return field }
        let start = Int(field.offset)
        let copy = Field(offset: UInt32(bytes.count), length: field.length, kind: field.kind)
        bytes.append(contentsOf: other.bytes[start..<start + Int(field.length)])
        return copy
    }
}
