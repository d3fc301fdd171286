// Part of Lockstep. See LICENSE.

internal import Mapping

/// A row at a place.
///
/// Nearly always there is one at most. But a key may be DEFERRABLE: while it is not checked yet, several rows can have it,
/// some that have come and one that is still to leave. Such tables have REPLICA IDENTITY FULL, so a change's old tuple tells
/// which of them it is of.
struct Occupant {
    /// Index into the buffer's fields of its tuple; ``Entity/unknownRow`` where the segment has not seen it.
    var row: UInt32
    /// The place that it was at when the segment began; -1 for a row that is new.
    var origin: Int32
    /// Those of its references that may have changed.
    var references: UInt64
}

/// Which row at a place a change is of.
enum Occupancy {
    /// The last that came, or the only one.
    case top
    /// One below it.
    case beneath(Int)
    /// One that was there when the segment began, and that it had not seen yet.
    case unseen
}

extension BatchEncoder {
    func which(
        _ change: Change, _ place: Int, _ program: TableProgram, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> Occupancy {
        let entity = entities[place]
        guard entity.isPresent else { return .unseen }
        func isSame(_ row: UInt32) -> Bool {
            row == Entity.unknownRow
                || (0..<program.columnCount).allSatisfy { column in
                    Self.same(fields[Int(change.oldStart) + column], fields[Int(row) + column], bytes)
                }
        }
        guard change.old == .full, !isSame(entity.row) else { return .top }
        return beneath[place]?.lastIndex { isSame($0.row) }.map(Occupancy.beneath) ?? .unseen
    }

    func occupant(_ place: Int, _ which: Occupancy) -> Occupant {
        switch which {
        case .top: top(place)
        case .beneath(let index): beneath[place]?[index] ?? top(place)
        case .unseen: Occupant(row: Entity.unknownRow, origin: Int32(place), references: 0)
        }
    }

    private func top(_ place: Int) -> Occupant {
        Occupant(row: entities[place].row, origin: entities[place].origin, references: entities[place].references)
    }

    private func setTop(_ place: Int, _ occupant: Occupant) {
        entities[place].isPresent = true
        entities[place].row = occupant.row
        entities[place].origin = occupant.origin
        entities[place].references = occupant.references
    }

    func arrive(_ place: Int, _ occupant: Occupant, _ program: TableProgram) {
        if program.mayRepeatKeys, entities[place].isPresent { beneath[place, default: []].append(top(place)) }
        setTop(place, occupant)
    }

    /// The row has another tuple now, and the same key.
    func stay(_ place: Int, _ which: Occupancy, _ occupant: Occupant) {
        switch which {
        case .top: setTop(place, occupant)
        case .beneath(let index): beneath[place]?[index] = occupant
        case .unseen:
            entities[place].existed = true
            if entities[place].isPresent {
                beneath[place, default: []].insert(occupant, at: 0)
            } else {
                setTop(place, occupant)
            }
        }
    }

    func leave(_ place: Int, _ which: Occupancy) {
        switch which {
        case .top:
            if let next = beneath[place]?.popLast() {
                setTop(place, next)
            } else {
                entities[place].isPresent = false
                entities[place].origin = -1
                entities[place].row = Entity.unknownRow
            }
        case .beneath(let index): beneath[place]?.remove(at: index)
        case .unseen: entities[place].existed = true
        }
    }
}
