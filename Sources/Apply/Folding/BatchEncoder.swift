// Part of Lockstep. See LICENSE.

internal import Bolt
public import Mapping
internal import PostgreSQL

/// Folds the changes of a ``ChangeBuffer`` to the last state of each row and encodes that as statements with rows.
///
/// "Folding" in docs/ARCHITECTURE.md says which order the statements have and why that is right. Not `Sendable`: lives on
/// the thread of the buffer that it reads.
public final class BatchEncoder {
    private let mapping: GraphMapping
    private let part: TableProgram.Part
    /// By relation index; -1 is a table that the mapping does not have.
    private var programOfRelation: [Int32] = []
    private var programs: [TableProgram] = []
    /// The program by which each table's entities of this segment are read.
    private var programOfTable: [Int: Int32] = [:]

    private var entities = EntityTable()
    private var moves: [Move] = []
    private var memory = ReferenceMemory()
    private var writer = SegmentWriter()
    private var statements: [EncodedStatement] = []
    private var absent: [Int] = []
    /// This segment has touched relationships of join tables.
    private var hasJoinChanges = false

    private struct Move {
        var program: Int32
        var from: Int
        var to: Int
        var newStart: UInt32
    }

    public init(mapping: GraphMapping, part: TableProgram.Part = .all) {
        self.mapping = mapping
        self.part = part
    }

    /// Encodes the changes of `range`.
    ///
    /// - Throws: ``ApplyError`` with table and LSN; the encoder is then unusable.
    public func encode(_ buffer: ChangeBuffer, _ range: Range<Int>) throws(ApplyError) -> [EncodedStatement] {
        // Taken out for the length of the call: arrays in a class would be checked for exclusive access each time.
        var fields = buffer.fields
        buffer.fields = []
        defer { buffer.fields = fields }
        let bytes = buffer.bytes
        var current = range.lowerBound
        do throws(ApplyError) {
            while current < range.upperBound {
                let change = buffer.changes[current]
                let index = try program(of: Int(change.relation), in: buffer)
                if index >= 0 {
                    try unsafe take(change, program: index, &fields, bytes.span.bytes)
                }
                current += 1
            }
            let isWhole = buffer.transactions.last?.changeCount == range.upperBound
            try unsafe flushSegment(fields, bytes.span.bytes, isWhole: isWhole)
        } catch {
            var error = error
            error.lsn = error.lsn ?? buffer.transactions.first { $0.changeCount > current }?.commitLSN
            throw error
        }
        defer { statements.removeAll(keepingCapacity: true) }
        return statements
    }

    private func program(of relation: Int, in buffer: ChangeBuffer) throws(ApplyError) -> Int32 {
        while programOfRelation.count <= relation {
            let next = buffer.relations[programOfRelation.count]
            guard let program = try TableProgram.make(for: next, mapping: mapping, part: part) else {
                programOfRelation.append(-1)
                continue
            }
            programOfRelation.append(Int32(programs.count))
            programs.append(program)
            writer.add(program)
        }
        return programOfRelation[relation]
    }

    // MARK: Folding

    private func take(
        _ change: Change, program index: Int32, _ fields: inout ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(index)]
        if programOfTable[program.tableIndex] != index {
            // Another version of the relation: its tuples have other columns.
            if programOfTable[program.tableIndex] != nil { try flushSegment(fields, bytes) }
            programOfTable[program.tableIndex] = index
        }
        if program.isJoin { hasJoinChanges = true }
        switch change.kind {
        case .insert:
            let (entity, found) = try find(program, index, change.newStart, nil, fields, bytes)
            // A key that another row has left belongs to no node once the moves are done.
            if !found || entities[entity].state == .gone { entities[entity].isNew = true }
            entities[entity].state = .present
            entities[entity].row = change.newStart
            entities[entity].references = .max
        case .update:
            try update(change, program, index, &fields, bytes)
        case .delete:
            let (entity, _) = try find(program, index, change.oldStart, nil, fields, bytes)
            entities[entity].state = .deleted
        case .truncate:
            try flushSegment(fields, bytes)
            statements.append(SegmentWriter.truncate(program))
        }
    }

    private func update(
        _ change: Change, _ program: TableProgram, _ index: Int32, _ fields: inout ContiguousArray<Field>,
        _ bytes: RawSpan
    ) throws(ApplyError) {
        let oldStart: UInt32? = change.old == .none ? nil : change.oldStart
        var row = change.newStart
        var references = UInt64.max
        if change.old == .full {
            references = changedReferences(program, change.oldStart, change.newStart, fields, bytes)
            fillUnchanged(program, newStart: row, from: change.oldStart, &fields)
        }
        guard let oldStart, !sameKey(program, oldStart, row, fields, bytes) else {
            let (entity, found) = try find(program, index, row, oldStart, fields, bytes)
            if found, entities[entity].state == .present {
                fillUnchanged(program, newStart: row, from: entities[entity].row, &fields)
            }
            entities[entity].state = .present
            entities[entity].row = row
            entities[entity].references |= references
            return
        }

        var (old, _) = try find(program, index, oldStart, nil, fields, bytes)
        var (new, found) = try find(program, index, row, oldStart, fields, bytes)
        if (found && entities[new].state != .gone) || (!program.isJoin && hasJoinChanges) {
            // Onto a key that this segment wrote or deleted: the graph has to see that first. And changes of join rows
            // before this one name their ends by the keys that they had then.
            try flushSegment(fields, bytes)
            (old, _) = try find(program, index, oldStart, nil, fields, bytes)
            (new, found) = try find(program, index, row, oldStart, fields, bytes)
        }
        let before = entities[old]
        if before.state == .present {
            fillUnchanged(program, newStart: row, from: before.row, &fields)
            references |= before.references
        }
        row = change.newStart
        var after = entities[new]
        after.state = .present
        after.row = row
        after.isNew = before.state == .present && before.isNew
        after.references = references
        if program.isJoin {
            // The old relationship goes; where the row did not come whole, its properties are taken along first.
            entities[old].state = .deleted
            if hasUnchanged(program, row, fields) && !after.isNew {
                moves.append(Move(program: index, from: old, to: new, newStart: row))
            }
        } else {
            entities[old].state = .gone
            if before.state == .present, before.move >= 0 {
                moves[Int(before.move)].to = new
                after.move = before.move
                entities[old].move = -1
            } else if !after.isNew {
                after.move = Int32(moves.count)
                moves.append(Move(program: index, from: old, to: new, newStart: row))
            }
        }
        entities[new] = after
    }

    /// The entity that a tuple's key names; `fallback` holds the key columns that came as unchanged TOAST.
    private func find(
        _ program: TableProgram, _ index: Int32, _ start: UInt32, _ fallback: UInt32?,
        _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) -> (index: Int, found: Bool) {
        let keyStart = entities.keys.count
        try entities.withKeys { keys throws(ApplyError) in
            for column in program.key {
                var field = fields[Int(start) + column.column]
                if field.kind == .unchanged, let fallback { field = fields[Int(fallback) + column.column] }
                guard field.kind == .text || field.kind == .binary else {
                    throw ApplyError(
                        .protocolViolation, table: program.table,
                        "the stream does not carry the key column \"\(column.name)\". The key of the mapping has to be "
                            + "covered by the table's replica identity.")
                }
                try Self.encode(column, field, bytes, into: &keys, program)
            }
        }
        return entities.findOrInsert(program: index, table: program.tableIndex, keyStart: keyStart)
    }

    private func sameKey(
        _ program: TableProgram, _ old: UInt32, _ new: UInt32, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> Bool {
        program.key.allSatisfy { column in
            Self.same(fields[Int(old) + column.column], fields[Int(new) + column.column], bytes)
        }
    }

    private func changedReferences(
        _ program: TableProgram, _ old: UInt32, _ new: UInt32, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> UInt64 {
        var mask: UInt64 = 0
        for (index, columns) in program.references.enumerated() {
            let same = columns.allSatisfy { column in
                Self.same(fields[Int(old) + column.column], fields[Int(new) + column.column], bytes)
            }
            if !same { mask |= Self.bit(index) }
        }
        return mask
    }

    private func fillUnchanged(
        _ program: TableProgram, newStart: UInt32, from oldStart: UInt32, _ fields: inout ContiguousArray<Field>
    ) {
        for column in 0..<program.columnCount where fields[Int(newStart) + column].kind == .unchanged {
            fields[Int(newStart) + column] = fields[Int(oldStart) + column]
        }
    }

    private func hasUnchanged(_ program: TableProgram, _ row: UInt32, _ fields: ContiguousArray<Field>) -> Bool {
        program.properties.contains { fields[Int(row) + $0.column].kind == .unchanged }
    }

    private static func bit(_ reference: Int) -> UInt64 { 1 << UInt64(min(reference, 63)) }

    private static func same(_ a: Field, _ b: Field, _ bytes: RawSpan) -> Bool {
        if b.kind == .unchanged { return true }
        guard a.kind == b.kind, a.length == b.length else { return false }
        for index in 0..<Int(a.length)
        where unsafe bytes.unsafeLoad(fromByteOffset: Int(a.offset) + index, as: UInt8.self)
            != bytes.unsafeLoad(fromByteOffset: Int(b.offset) + index, as: UInt8.self)
        {
            return false
        }
        return true
    }

    // MARK: Encoding

    /// - Parameter isWhole: The segment ends with a transaction. Where one is cut, a node may be gone while rows that
    ///   refer to it have not come yet: nothing is remembered over that.
    private func flushSegment(
        _ fields: ContiguousArray<Field>, _ bytes: RawSpan, isWhole: Bool = false
    ) throws(ApplyError) {
        guard !entities.isEmpty else { return }
        defer { if !isWhole { memory.forget() } }
        for move in moves {
            let target = writer.move(Int(move.program))
            let program = programs[Int(move.program)]
            target.rows.appendListHeader(program.key.count * 2)
            entities.appendKey(of: entities[move.from], to: &target.rows)
            entities.appendKey(of: entities[move.to], to: &target.rows)
            target.rowCount += 1
        }
        for index in entities.entities.indices {
            let entity = entities[index]
            switch entity.state {
            case .gone: break
            case .deleted:
                let target = writer.delete(Int(entity.program))
                target.rows.appendListHeader(programs[Int(entity.program)].key.count)
                entities.appendKey(of: entity, to: &target.rows)
                target.rowCount += 1
            case .present:
                try writeRow(entity, fields, bytes)
                try writeReferences(entity, fields, bytes)
            }
        }
        statements.append(contentsOf: writer.takeStatements())
        entities.removeAll()
        moves.removeAll(keepingCapacity: true)
        hasJoinChanges = false
    }

    private func writeRow(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        guard program.writesRows else { return }
        absent.removeAll(keepingCapacity: true)
        for (position, column) in program.properties.enumerated()
        where fields[Int(entity.row) + column.column].kind == .unchanged {
            absent.append(position)
        }
        let target = writer.upsert(Int(entity.program), absent: absent)
        target.rows.appendListHeader(program.key.count + program.properties.count - absent.count)
        entities.appendKey(of: entity, to: &target.rows)
        for column in program.properties {
            let field = fields[Int(entity.row) + column.column]
            switch field.kind {
            case .unchanged: break
            case .null: target.rows.appendNull()
            case .text, .binary: try Self.encode(column, field, bytes, into: &target.rows, program)
            }
        }
        target.rowCount += 1
    }

    private func writeReferences(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        for (index, columns) in program.references.enumerated() where entity.references & Self.bit(index) != 0 {
            var isNull = false
            var unchanged = 0
            for column in columns {
                switch fields[Int(entity.row) + column.column].kind {
                case .null: isNull = true
                case .unchanged: unchanged += 1
                case .text, .binary: break
                }
            }
            if unchanged == columns.count { continue }
            guard isNull || unchanged == 0 else {
                throw ApplyError(
                    .protocolViolation, table: program.table,
                    "a foreign key came with only a part of its columns, because \"\(columns[0].name)\" or one beside "
                        + "it is stored out of line and was not changed. "
                        + "ALTER TABLE \(program.table.sql) REPLICA IDENTITY FULL makes the stream carry it.")
            }
            let value = valueHash(columns, entity.row, fields, bytes)
            // A new node has no relationship yet, and a moved one brings its own: what its key had before does not count.
            let isKnown = memory.note(row: entity.hash, reference: index, value: value)
            // Nor does it where nodes have changed keys: the target may be another node by the same key.
            if isKnown, !entity.isNew, moves.isEmpty { continue }
            if !entity.isNew {
                try writeEnds(
                    entity, columns, isNull, into: writer.stale(Int(entity.program), reference: index), fields, bytes)
            }
            if !isNull {
                try writeEnds(
                    entity, columns, false, into: writer.reference(Int(entity.program), reference: index), fields, bytes)
            }
        }
    }

    private func valueHash(
        _ columns: [ColumnProgram], _ row: UInt32, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> UInt64 {
        var hash = entities.seed
        for column in columns {
            let field = fields[Int(row) + column.column]
            let start = Int(field.offset)
            let isThere = field.kind == .text || field.kind == .binary
            hash = EntityTable.hash(
                bytes.extracting(start..<start + (isThere ? Int(field.length) : 0)), seed: hash &+ (isThere ? 1 : 0))
        }
        return hash
    }

    private func writeEnds(
        _ entity: Entity, _ columns: [ColumnProgram], _ isNull: Bool, into target: EncodedStatement,
        _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        target.rows.appendListHeader(program.key.count + columns.count)
        entities.appendKey(of: entity, to: &target.rows)
        for column in columns {
            if isNull {
                target.rows.appendNull()
            } else {
                try Self.encode(column, fields[Int(entity.row) + column.column], bytes, into: &target.rows, program)
            }
        }
        target.rowCount += 1
    }

    private static func encode(
        _ column: ColumnProgram, _ field: Field, _ bytes: RawSpan, into out: inout PackStreamBuffer,
        _ program: TableProgram
    ) throws(ApplyError) {
        let start = Int(field.offset)
        do throws(ValueError) {
            try column.conversion.encode(
                bytes.extracting(start..<start + Int(field.length)), isBinary: field.kind == .binary, into: &out)
        } catch {
            throw ApplyError(.value, table: program.table, "column \"\(column.name)\": \(error)")
        }
    }
}
