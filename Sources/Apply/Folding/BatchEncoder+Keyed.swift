// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

// Rows of tables of relationships that have a key of their own: an end can change, be NULL and come back while the row
// stays, and the stream does not say what it was. So the relationship is found by its key wherever it is; one that leads
// where its row says stays as it is.
extension BatchEncoder {
    /// For a row that has come from another place and came without unchanged TOASTed columns: its relationship brings them.
    func takeKeyedAlong(_ place: Int, _ fields: ContiguousArray<Field>) {
        let entity = entities[place]
        guard !hasNullEnd(entity, fields) else { return }
        entities[Int(entity.origin)].isTakenAlong = true
    }

    /// - Precondition: There is a row at the place, and what is taken along is known for all of them.
    func writeKeyed(_ place: Int, _ fields: ContiguousArray<Field>, _ bytes: RawSpan) throws(ApplyError) {
        let entity = entities[place]
        let program = programs[Int(entity.program)]
        let ends = program.ends
        if let end = ends.first(where: { fields[Int(entity.row) + $0.column].kind == .unchanged }) {
            // It was asked for and there was no such row any more: the stream is going to say so.
            if program.isUnsettled { return }
            throw ApplyError(
                .protocolViolation, table: program.table,
                "the end \"\(end.name)\" of a relationship is stored out of line and was not changed. "
                    + "ALTER TABLE \(program.table.sql) REPLICA IDENTITY FULL makes the stream carry it.")
        }
        let hasStayed = (entity.existed && Int(entity.origin) == place) || program.isUnsettled
        // What had this key before is another row, which goes or has another key now.
        if entity.existed, !hasStayed, !entity.isTakenAlong {
            writeDelete(entity)
        }
        let isKnown = memory.note(row: entity.hash, reference: 0, value: valueHash(ends, entity.row, fields, bytes))
        let mayHaveChanged = !hasStayed || program.mayComeUnseen || !(isKnown || entity.references == 0)
        if hasNullEnd(entity, fields) {
            if hasStayed, mayHaveChanged { writeDelete(entity) }
            return
        }
        let origin = program.isUnsettled ? place : Int(entity.origin)
        if program.waits {
            // It comes whole: what it was goes before any node does.
            if hasStayed, mayHaveChanged { writeDelete(entity) }
        } else if hasStayed ? mayHaveChanged : origin >= 0 && entities[origin].isTakenAlong {
            let move = writer.move(Int(entity.program))
            move.rows.appendListHeader(program.key.count * 2 + ends.count)
            entities.appendKey(of: entities[origin], to: &move.rows)
            try writeKeyAndEnds(entity, fields, bytes, into: move)
        }
        // One that leaves off waiting is admitted by nobody, whatever its ends were before.
        if mayHaveChanged || program.leavesOffWaiting {
            let link = writer.link(Int(entity.program))
            link.rows.appendListHeader(program.key.count + ends.count)
            try writeKeyAndEnds(entity, fields, bytes, into: link)
        }
        let isCarried =
            program.properties.contains { fields[Int(entity.row) + $0.column].kind != .unchanged }
            || program.derived.contains { !$0.isUnchanged(entity.row, fields) }
        if isCarried { try writeRow(entity, fields, bytes) }
        if program.waits { try writeWaiting(entity, fields, bytes) }
    }

    /// The first fields of a row.
    func writeKeyAndEnds(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan, into target: EncodedStatement
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        entities.appendKey(of: entity, to: &target.rows)
        for end in program.ends {
            try Self.encode(end, fields[Int(entity.row) + end.column], bytes, into: &target.rows, program)
        }
        target.rowCount += 1
    }

    private func hasNullEnd(_ entity: Entity, _ fields: ContiguousArray<Field>) -> Bool {
        programs[Int(entity.program)].ends.contains { fields[Int(entity.row) + $0.column].kind == .null }
    }
}
