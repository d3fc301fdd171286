// Part of Lockstep. See LICENSE.

internal import Bolt
public import Mapping
public import PostgreSQL

/// Rows that may be something else for those whom they concern, for each ``RowUse``: by their keys.
public struct ChangedRows: Sendable {
    /// For each of ``RowReach/uses``: PackStream lists.
    private var rows: [Set<[UInt8]>]

    init(count: Int) { rows = Array(repeating: [], count: count) }

    public var isEmpty: Bool { rows.allSatisfy(\.isEmpty) }

    mutating func insert(_ row: [UInt8], _ use: Int) { rows[use].insert(row) }

    public mutating func formUnion(_ other: ChangedRows) {
        for index in rows.indices { rows[index].formUnion(other.rows[index]) }
    }

    /// A statement for each use that has some, which takes them.
    ///
    /// - Parameter text: Nil where there is nothing to be done.
    public func statements(
        of reach: RowReach, _ text: (RowUse) -> String?
    ) -> [(use: RowUse, statement: EncodedStatement)] {
        zip(reach.uses, rows).compactMap { use, rows in
            guard !rows.isEmpty, let text = text(use) else { return nil }
            let statement = EncodedStatement(text: text, table: use.holder)
            for row in rows.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                unsafe statement.rows.appendRaw(row.span.bytes)
            }
            statement.rowCount = rows.count
            return (use, statement)
        }
    }
}

/// Finds in a stream of changes the rows that concern others than themselves.
///
/// It has to see every change of those tables in order. Not `Sendable`: lives on the thread of the buffers that it looks at.
public final class RowReach {
    private struct Reader {
        let program: TableProgram
        let uses: [Use]
    }

    private struct Use {
        /// Index into ``uses``.
        let index: Int
        /// Columns that decide what the row is to others; nil where this version lacks one of them.
        let columns: [Int]?
        /// What stands behind the key: see ``RowUse/otherKey``.
        let otherKey: [ColumnProgram]
    }

    public let uses: [RowUse]
    private let mapping: GraphMapping
    /// The table of each of ``uses``.
    private let tables: [QualifiedName]
    private enum Reading {
        /// No change of it was seen.
        case undecided
        /// Rows that concern nobody else.
        case nothing
        case rows(Reader)
    }

    /// By relation index.
    private var readings: [Reading] = []
    private var memory = ReferenceMemory()
    private let seed = UInt64.random(in: .min ... .max)

    public init(mapping: GraphMapping) {
        self.mapping = mapping
        uses = mapping.nodes.flatMap(mapping.uses)
        tables = mapping.nodes.flatMap { node in mapping.uses(of: node).map { _ in node.table } }
    }

    public var nothing: ChangedRows { ChangedRows(count: uses.count) }

    /// Looks at the next changes.
    ///
    /// - Parameters:
    ///   - lsn: Of their transaction's commit.
    ///   - believes: Rows that are known to be to others what they were are left out. Not to be asked for where the changes
    ///     come again.
    ///   - unsettled: Tables of which the graph may hold newer rows: nothing is known of theirs.
    public func look(
        at buffer: ChangeBuffer, _ range: Range<Int>, committedAt lsn: LSN, believes: Bool,
        unsettled: Set<QualifiedName> = []
    ) throws(ApplyError) -> ChangedRows {
        var rows = nothing
        guard !uses.isEmpty else { return rows }
        while readings.count < buffer.relations.count { readings.append(.undecided) }
        for index in range {
            let change = buffer.changes[index]
            let relation = Int(change.relation)
            if case .undecided = readings[relation] {
                let reader = try reader(of: buffer.relations[relation], committedAt: lsn)
                readings[relation] = reader.map(Reading.rows) ?? .nothing
            }
            guard change.kind != .truncate, case .rows(let reader) = readings[relation] else { continue }
            let isSettled = !unsettled.contains(reader.program.mappedTable)
            try take(change, reader, believes && isSettled, isSettled, buffer, &rows)
        }
        return rows
    }

    private func reader(of relation: Relation, committedAt lsn: LSN) throws(ApplyError) -> Reader? {
        let table = mapping.table(of: relation)
        guard tables.contains(table) else { return nil }
        try mapping.checkAge(of: relation, committedAt: lsn)
        guard
            let program = try TableProgram.make(for: relation, mapping: mapping, part: .departures),
            case .node(let node) = program.shape
        else { return nil }
        var now = relation
        if case .other(let other, _) = mapping.standing(of: relation) { now = other }
        let names = now.columns.map(\.name)
        var uses: [Use] = []
        for (index, use) in self.uses.enumerated() where tables[index] == table {
            let softDelete = mapping.node(of: table)?.rows.softDelete.map { [$0.column] } ?? []
            let columns = (use.columns + softDelete).map { names.firstIndex(of: $0) }
            // As this version has it, if it has all of it.
            let other = node.properties.filter { own in
                names.contains(own.column) && use.otherKey.contains { $0.property == own.property }
            }
            uses.append(
                Use(
                    index: index, columns: columns.contains(nil) ? nil : columns.compactMap(\.self),
                    otherKey: other.count == use.otherKey.count ? try TableProgram.columns(other, in: now) : []))
        }
        return Reader(program: program, uses: uses)
    }

    private func take(
        _ change: Change, _ reader: Reader, _ believes: Bool, _ isSettled: Bool, _ buffer: ChangeBuffer,
        _ rows: inout ChangedRows
    ) throws(ApplyError) {
        let old: UInt32? = change.old == .none ? nil : change.oldStart
        /// The place that a row leaves.
        func leave(_ start: UInt32, _ use: Use) throws(ApplyError) {
            rows.insert(try row(start, nil, reader.program, use, comes: false, buffer), use.index)
        }
        /// The place where one is now.
        func come(_ use: Use) throws(ApplyError) {
            rows.insert(try row(change.newStart, old, reader.program, use, comes: true, buffer), use.index)
        }
        switch change.kind {
        case .truncate: return
        case .delete:
            for use in reader.uses { try leave(old ?? change.newStart, use) }
        case .insert:
            let key = try key(of: change.newStart, nil, reader.program, buffer)
            for use in reader.uses {
                note(key, change.newStart, use, buffer)
                // Nobody names a row before it is there, unless another left its place in this transaction.
                if !believes || !uses[use.index].isEnforced { try come(use) }
            }
        case .update:
            let key = try key(of: change.newStart, old, reader.program, buffer)
            let before = try old.map { start throws(ApplyError) in
                try self.key(of: start, nil, reader.program, buffer)
            }
            for use in reader.uses {
                let wasNoted = note(key, change.newStart, use, buffer)
                let isSame =
                    use.columns?.isEmpty == true
                    || (change.old == .full && same(change.oldStart, change.newStart, use.columns, buffer))
                if let old, let before, before != key {
                    try leave(old, use)
                    try come(use)
                } else if !(isSettled && isSame) && !(believes && wasNoted) {
                    try come(use)
                }
            }
        }
    }

    /// What a statement is given of a row: its key, and what others name it by beside that.
    private func row(
        _ start: UInt32, _ fallback: UInt32?, _ program: TableProgram, _ use: Use, comes: Bool, _ buffer: ChangeBuffer
    ) throws(ApplyError) -> [UInt8] {
        let others = uses[use.index].otherKey.count
        guard others > 0 else { return try key(of: start, fallback, program, buffer) }
        let arena = buffer.bytes
        var out = PackStreamBuffer(capacity: 64)
        out.appendListHeader(program.key.count + others)
        try appendKey(of: start, fallback, program, buffer, to: &out)
        for index in 0..<others {
            let column = comes && index < use.otherKey.count ? use.otherKey[index] : nil
            if let column, [.text, .binary].contains(buffer.fields[Int(start) + column.column].kind) {
                try unsafe BatchEncoder.encode(
                    column, buffer.fields[Int(start) + column.column], arena.span.bytes, into: &out, program)
            } else {
                out.appendNull()
            }
        }
        return [UInt8](copying: out.bytes)
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
        return memory.note(row: row, reference: use.index, value: value)
    }

    /// - Parameter fallback: The tuple that has key columns that were left out.
    private func key(
        of start: UInt32, _ fallback: UInt32?, _ program: TableProgram, _ buffer: ChangeBuffer
    ) throws(ApplyError) -> [UInt8] {
        var out = PackStreamBuffer(capacity: 64)
        out.appendListHeader(program.key.count)
        try appendKey(of: start, fallback, program, buffer, to: &out)
        return [UInt8](copying: out.bytes)
    }

    private func appendKey(
        of start: UInt32, _ fallback: UInt32?, _ program: TableProgram, _ buffer: ChangeBuffer,
        to out: inout PackStreamBuffer
    ) throws(ApplyError) {
        let arena = buffer.bytes
        for column in program.key {
            var field = buffer.fields[Int(start) + column.column]
            if field.kind == .unchanged, let fallback { field = buffer.fields[Int(fallback) + column.column] }
            try unsafe BatchEncoder.encode(column, field, arena.span.bytes, into: &out, program)
        }
    }
}
