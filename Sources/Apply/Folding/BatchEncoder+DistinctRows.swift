// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

// Tables whose nodes count equal rows: folded to the difference of each count. Rows have no identity here, so nothing moves
// and nothing is taken along; a row says all there is to know of its node.
extension BatchEncoder {
    /// - Parameter isHeld: The counts that were read hold the change. Its row may still lack its relationships.
    func count(
        _ change: Change, isHeld: Bool, _ columns: [Int], _ program: TableProgram, _ index: Int32,
        _ fields: inout ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let isWhole = change.kind == .insert || change.old == .full
        if program.isOtherRows || !isWhole, recounts.mayLose(transaction, of: program.mappedTable) { return }
        guard !program.isOtherRows else {
            throw ApplyError(
                .schemaChanged, table: program.table,
                "the columns of a table whose equal rows are counted have changed, and it is not read again. "
                    + "`lockstep run --resnapshot` reads everything again.")
        }
        guard isWhole else {
            throw ApplyError(
                .protocolViolation, table: program.table,
                "an update or delete came without the old row, by which the table's nodes are counted. "
                    + "ALTER TABLE \(program.table.sql) REPLICA IDENTITY FULL;")
        }
        if change.kind == .update {
            fillUnchanged(program, newStart: change.newStart, from: change.oldStart, &fields)
        }
        if change.kind != .insert {
            try count(isHeld ? 0 : -1, change.oldStart, columns, program, index, fields, bytes)
        }
        if change.kind != .delete {
            try count(isHeld ? 0 : 1, change.newStart, columns, program, index, fields, bytes)
        }
    }

    private func count(
        _ difference: Int64, _ row: UInt32, _ columns: [Int], _ program: TableProgram, _ index: Int32,
        _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        for column in columns where ![.null, .text].contains(fields[Int(row) + column].kind) {
            throw ApplyError(
                .protocolViolation, table: program.table,
                "a row came with a value that is not there as text, by which its node is found")
        }
        let digits = digest.compute(columns, of: row, fields, bytes)
        let keyStart = entities.keys.count
        entities.withKeys { keys in unsafe keys.appendString(digits.span.bytes) }
        let place = entities.findOrInsert(program: index, table: program.tableIndex, keyStart: keyStart).index
        entities[place].difference += difference
        // Equal rows are equal in all that the mapping names.
        entities[place].row = row
    }

    func writeCounted(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        if entity.difference > 0, program.writesRows { try writeCountUp(entity, fields, bytes) }
        if entity.difference < 0 { writeCountDown(entity) }
        // Where tables that it refers to are read again, a node may be there without its relationships, and nothing else
        // would say so of one whose rows went and came back.
        guard entity.difference > 0 || program.isUnsettled else { return }
        for (index, columns) in program.references.enumerated()
        where !columns.contains(where: { fields[Int(entity.row) + $0.column].kind == .null }) {
            try writeEnds(
                entity, columns, false, into: writer.reference(Int(entity.program), reference: index), fields, bytes)
        }
    }

    private func writeCountUp(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        let target = writer.upsert(Int(entity.program), absent: [])
        target.rows.appendListHeader(2 + program.properties.count)
        entities.appendKey(of: entity, to: &target.rows)
        for column in program.properties {
            let field = fields[Int(entity.row) + column.column]
            if field.kind == .null {
                target.rows.appendNull()
            } else {
                try Self.encode(column, field, bytes, into: &target.rows, program)
            }
        }
        target.rows.append(entity.difference)
        target.rowCount += 1
    }

    private func writeCountDown(_ entity: Entity) {
        let program = programs[Int(entity.program)]
        guard program.writesRows || program.part == .departures else { return }
        let target = writer.delete(Int(entity.program))
        target.rows.appendListHeader(program.part == .departures ? 1 : 2)
        entities.appendKey(of: entity, to: &target.rows)
        if program.part != .departures { target.rows.append(entity.difference) }
        target.rowCount += 1
    }
}
