// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

// Tables of relationships whose ends nothing guarantees: see ``JoinMapping/waits``. A row's statements make the relationship
// where both ends are there, and one more keeps the row where they are not. Nodes that come and go do the rest.
extension BatchEncoder {
    /// - Precondition: No end is NULL.
    func writeWaiting(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        let columns = program.ends + program.properties
        if let missing = columns.first(where: { fields[Int(entity.row) + $0.column].kind == .unchanged }) {
            // It was asked for and there was no such row any more: the stream is going to say so.
            guard !program.isUnsettled else { return }
            throw ApplyError(
                .protocolViolation, table: program.table,
                "a row that may wait for what it leads to came without \"\(missing.name)\", which is stored out of line and "
                    + "was not changed. ALTER TABLE \(program.table.sql) REPLICA IDENTITY FULL makes the stream carry it."
            )
        }
        if program.leavesOffWaiting { writeKey(entity, into: writer.dropWaiting(Int(entity.program))) }
        let target = writer.wait(Int(entity.program))
        target.rows.appendListHeader(
            program.key.count + program.ends.count + program.properties.count + program.derived.count)
        try writeKeyAndEnds(entity, fields, bytes, into: target)
        try writeValues(entity, fields, bytes, into: target)
    }

    /// A node that goes, or takes another key, leaves relationships whose rows are still there.
    func writeDeparture(_ entity: Entity) {
        let program = programs[Int(entity.program)]
        guard program.part == .all || program.part == .departures else { return }
        for end in program.awaited.indices {
            writeKey(entity, into: writer.dismiss(Int(entity.program), end: end, moves: entity.isTakenAlong))
        }
        if program.isNamedFreely { writeKey(entity, into: writer.cut(Int(entity.program))) }
    }

    /// A node that is new at its place may be waited for.
    func writeArrival(_ place: Int) {
        let entity = entities[place]
        let program = programs[Int(entity.program)]
        guard program.part != .departures, !entity.existed || program.mayComeUnseen else { return }
        for end in program.awaited.indices {
            writeKey(entity, into: writer.admit(Int(entity.program), end: end))
        }
    }
}

extension TableProgram {
    /// A row that is written waits no more, before any node that may have come admits those who wait: in parts every node is
    /// there by then.
    var leavesOffWaiting: Bool { waits && (keepsNodes || isUnsettled) }
}
