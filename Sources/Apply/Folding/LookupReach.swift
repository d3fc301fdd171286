// Part of Lockstep. See LICENSE.

internal import Bolt
public import Mapping
public import PostgreSQL

/// Rows that may have changed for the nodes that look them up, by their keys.
public struct ChangedRows: Sendable {
    /// For each of ``LookupReach/lookups``: keys, a PackStream list each.
    private var keys: [Set<[UInt8]>]

    init(count: Int) { keys = Array(repeating: [], count: count) }

    public var isEmpty: Bool { keys.allSatisfy(\.isEmpty) }

    mutating func insert(_ key: [UInt8], _ lookup: Int) { keys[lookup].insert(key) }

    public mutating func formUnion(_ other: ChangedRows) {
        for index in keys.indices { keys[index].formUnion(other.keys[index]) }
    }

    public mutating func subtract(_ other: ChangedRows) {
        for index in keys.indices { keys[index].subtract(other.keys[index]) }
    }

    public mutating func removeAll() { for index in keys.indices { keys[index].removeAll() } }

    /// A statement for each lookup that has some, which takes their keys as rows.
    public func statements(
        of reach: LookupReach, _ text: (LookupReach.Lookup) -> String
    ) -> [(lookup: LookupReach.Lookup, statement: EncodedStatement)] {
        zip(reach.lookups, keys).filter { !$1.isEmpty }.map { lookup, keys in
            let statement = EncodedStatement(text: text(lookup), table: lookup.holder.table)
            for key in keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                unsafe statement.rows.appendRaw(key.span.bytes)
            }
            statement.rowCount = keys.count
            return (lookup, statement)
        }
    }
}

/// Finds in a stream of changes the rows whose values other tables' nodes have.
///
/// It has to see every change of those tables in order. Not `Sendable`: lives on the thread of the buffers that it looks at.
public final class LookupReach {
    public typealias Lookup = (holder: NodeMapping, lookup: LookupMapping)

    private struct Reader {
        let program: TableProgram
        let uses: [Use]
    }

    private struct Use {
        /// Index into ``lookups``.
        let lookup: Int
        /// Columns that decide what the row is to whoever looks it up; nil where this version lacks one of them.
        let columns: [Int]?
    }

    public let lookups: [Lookup]
    private let mapping: GraphMapping
    /// By relation index; nil for tables that nobody looks up.
    private var readers: [Reader?] = []
    private var memory = ReferenceMemory()
    private let seed = UInt64.random(in: .min ... .max)

    public init(mapping: GraphMapping) {
        self.mapping = mapping
        lookups = mapping.nodes.flatMap { mapping.lookups(of: $0.table) }
    }

    public var nothing: ChangedRows { ChangedRows(count: lookups.count) }

    /// Looks at the next changes.
    ///
    /// - Parameter believes: Rows whose values are known to be the ones that they had are left out. Not to be asked for where the
    ///   changes come again, nor for tables of which the graph may hold newer rows, which `unsettled` names.
    public func look(
        at buffer: ChangeBuffer, _ range: Range<Int>, believes: Bool, unsettled: Set<QualifiedName> = []
    ) throws(ApplyError) -> ChangedRows {
        var rows = nothing
        guard !lookups.isEmpty else { return rows }
        for relation in buffer.relations.dropFirst(readers.count) { readers.append(try reader(of: relation)) }
        for index in range {
            let change = buffer.changes[index]
            guard let reader = readers[Int(change.relation)], change.kind != .truncate else { continue }
            let isKnown = believes && !unsettled.contains(reader.program.mappedTable)
            try take(change, reader, isKnown, buffer, &rows)
        }
        return rows
    }

    private func reader(of relation: Relation) throws(ApplyError) -> Reader? {
        let table = mapping.table(of: relation)
        guard lookups.contains(where: { $0.lookup.table == table }),
            let program = try TableProgram.make(for: relation, mapping: mapping, part: .departures)
        else { return nil }
        var names = relation.columns.map(\.name)
        if case .other(let now, _) = mapping.standing(of: relation) { names = now.columns.map(\.name) }
        let uses = lookups.enumerated().filter { $1.lookup.table == table }.map { index, use in
            let softDelete = mapping.node(of: table)?.rows.softDelete.map { [$0.column] } ?? []
            let columns = (use.lookup.columns + softDelete).map { names.firstIndex(of: $0) }
            return Use(lookup: index, columns: columns.contains(nil) ? nil : columns.compactMap(\.self))
        }
        return Reader(program: program, uses: uses)
    }

    private func take(
        _ change: Change, _ reader: Reader, _ believes: Bool, _ buffer: ChangeBuffer, _ rows: inout ChangedRows
    ) throws(ApplyError) {
        let old: UInt32? = change.old == .none ? nil : change.oldStart
        switch change.kind {
        case .truncate: return
        case .delete:
            let key = try key(of: old ?? change.newStart, nil, reader.program, buffer)
            for use in reader.uses { rows.insert(key, use.lookup) }
        case .insert:
            let key = try key(of: change.newStart, nil, reader.program, buffer)
            for use in reader.uses {
                note(key, change.newStart, use, buffer)
                // Nobody names a row before it is there, unless another left its place in this transaction.
                if !believes || !lookups[use.lookup].lookup.isEnforced { rows.insert(key, use.lookup) }
            }
        case .update:
            let key = try key(of: change.newStart, old, reader.program, buffer)
            let before = try old.map { start throws(ApplyError) in
                try self.key(of: start, nil, reader.program, buffer)
            }
            for use in reader.uses {
                let wasNoted = note(key, change.newStart, use, buffer)
                let isSame = change.old == .full && same(change.oldStart, change.newStart, use.columns, buffer)
                if let before, before != key {
                    rows.insert(before, use.lookup)
                    rows.insert(key, use.lookup)
                } else if !(believes && (isSame || wasNoted)) {
                    rows.insert(key, use.lookup)
                }
            }
        }
    }

    private func same(_ old: UInt32, _ new: UInt32, _ columns: [Int]?, _ buffer: ChangeBuffer) -> Bool {
        guard let columns else { return false }
        let arena = buffer.bytes
        return columns.allSatisfy { column in
            unsafe BatchEncoder.same(
                buffer.fields[Int(old) + column], buffer.fields[Int(new) + column], arena.span.bytes)
        }
    }

    /// - Returns: True when the row's values are the ones that were noted before.
    @discardableResult
    private func note(
        _ key: [UInt8], _ row: UInt32, _ use: Use, _ buffer: ChangeBuffer
    ) -> Bool {
        let arena = buffer.bytes
        let fields = (use.columns ?? []).map { buffer.fields[Int(row) + $0] }
        let leftOut = fields.count { $0.kind == .unchanged }
        if leftOut > 0, leftOut == fields.count { return true }
        // What it is by now does not show: nothing that comes is known.
        var value = UInt64.random(in: .min ... .max)
        if leftOut == 0, use.columns != nil {
            value = seed
            for field in fields { value = unsafe EntityTable.hash(field, arena.span.bytes, seed: value) }
        }
        let row = unsafe EntityTable.hash(key.span.bytes, seed: seed)
        return memory.note(row: row, reference: use.lookup, value: value)
    }

    /// - Parameter fallback: The tuple that has key columns that were left out.
    private func key(
        of start: UInt32, _ fallback: UInt32?, _ program: TableProgram, _ buffer: ChangeBuffer
    ) throws(ApplyError) -> [UInt8] {
        let arena = buffer.bytes
        var out = PackStreamBuffer(capacity: 64)
        out.appendListHeader(program.key.count)
        for column in program.key {
            var field = buffer.fields[Int(start) + column.column]
            if field.kind == .unchanged, let fallback { field = buffer.fields[Int(fallback) + column.column] }
            try unsafe BatchEncoder.encode(column, field, arena.span.bytes, into: &out, program)
        }
        return [UInt8](copying: out.bytes)
    }
}
