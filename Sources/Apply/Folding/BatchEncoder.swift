// Part of Lockstep. See LICENSE.

internal import Bolt
public import Mapping
public import PostgreSQL

/// Folds the changes of a ``ChangeBuffer`` to the last state of each row and encodes that as statements with rows.
///
/// "Folding" in docs/ARCHITECTURE.md says which order the statements have and why that is right. Not `Sendable`: lives on
/// the thread of the buffer that it reads.
public final class BatchEncoder {
    private let mapping: GraphMapping
    private let part: TableProgram.Part
    private let keepsNodes: Bool
    /// Of a table, up to which change of the transaction none of its own counts.
    private let truncations: [QualifiedName: Int]
    /// Tables of which the graph may hold newer rows than the changes that come, or lack some.
    private let unsettled: Set<QualifiedName>
    let recounts: Recounts
    /// The transaction whose change is being taken; kept up where ``recounts`` ask for it.
    private(set) var transaction: UInt32 = 0
    /// By relation index; -1 is a table that the mapping does not have.
    private var programOfRelation: [Int32] = []
    private(set) var programs: [TableProgram] = []
    private var hasAdoptions = false
    private var hasCustom = false
    /// The program by which each table's entities of this segment are read.
    private var programOfTable: [Int: Int32] = [:]

    var entities = EntityTable()
    /// Rows at places where others have come since, the last of them behind; see ``Occupant``.
    var beneath: [Int: [Occupant]] = [:]
    var memory = ReferenceMemory()
    var writer = SegmentWriter()
    var digest = RowDigest()
    private var statements: [EncodedStatement] = []
    private var absent: [Int] = []
    // Reused for each row.
    var scratch = PackStreamBuffer()
    var template = TemplateWriter()

    /// - Parameter unsettled: Tables of which the graph may hold newer rows than the changes that come, or lack some:
    ///   "Settling" in docs/ARCHITECTURE.md.
    public init(
        mapping: GraphMapping, part: TableProgram.Part = .all, unsettled: Set<QualifiedName> = [],
        recounts: Recounts = Recounts()
    ) {
        self.mapping = mapping
        self.unsettled = unsettled
        self.recounts = recounts
        self.part = part
        keepsNodes = false
        truncations = [:]
    }

    /// For one pass over a transaction that is applied in parts, whose truncations are done.
    ///
    /// - Parameter xid: The transaction's number.
    public init(
        mapping: GraphMapping, pass part: TableProgram.Part, of survey: TransactionSurvey,
        unsettled: Set<QualifiedName> = [], recounts: Recounts = Recounts(), xid: UInt32 = 0
    ) {
        self.mapping = mapping
        self.unsettled = unsettled
        self.recounts = recounts
        transaction = xid
        self.part = part
        keepsNodes = true
        truncations = survey.truncations.merging(survey.undecided.lazy.map { ($0, .max) }) { max($0, $1) }
    }

    /// Encodes the changes of `range`.
    ///
    /// - Parameter position: Of a transaction that is applied in parts: its changes before these.
    /// - Throws: ``ApplyError`` with table and LSN; the encoder is then unusable.
    public func encode(
        _ buffer: ChangeBuffer, _ range: Range<Int>, position: Int = 0
    ) throws(ApplyError) -> [EncodedStatement] {
        // Taken out for the length of the call: arrays in a class would be checked for exclusive access each time.
        var fields = buffer.fields
        buffer.fields = []
        defer { buffer.fields = fields }
        let bytes = buffer.bytes
        var current = range.lowerBound
        var ends = keepsNodes || recounts.isEmpty ? [] : buffer.transactions[...]
        do throws(ApplyError) {
            while current < range.upperBound {
                while let end = ends.first {
                    transaction = end.xid
                    if end.changeCount > current { break }
                    ends = ends.dropFirst()
                }
                let change = buffer.changes[current]
                let index = try program(of: Int(change.relation), in: buffer, at: current)
                if index >= 0, !isTruncated(index, position + current - range.lowerBound) {
                    try unsafe take(change, program: index, &fields, bytes.span.bytes)
                }
                current += 1
            }
            try unsafe flushSegment(fields, bytes.span.bytes)
        } catch {
            var error = error
            error.lsn = error.lsn ?? buffer.transactions.first { $0.changeCount > current }?.commitLSN
            throw error
        }
        defer { statements.removeAll(keepingCapacity: true) }
        return statements
    }

    /// A later truncation of its table makes a change void.
    private func isTruncated(_ program: Int32, _ position: Int) -> Bool {
        guard !truncations.isEmpty, let end = truncations[programs[Int(program)].table] else { return false }
        return position < end
    }

    private func program(of relation: Int, in buffer: ChangeBuffer, at change: Int) throws(ApplyError) -> Int32 {
        if relation < programOfRelation.count, programOfRelation[relation] >= -1 { return programOfRelation[relation] }
        while programOfRelation.count <= relation { programOfRelation.append(Self.notMade) }
        let announced = buffer.relations[relation]
        // Of a transaction that is applied in parts the survey has seen to it.
        if let end = buffer.transactions.first(where: { $0.changeCount > change }) {
            try mapping.checkAge(of: announced, committedAt: end.commitLSN)
        }
        guard let program = try TableProgram.make(for: announced, mapping: mapping, part: part, keepsNodes: keepsNodes)
        else {
            programOfRelation[relation] = -1
            return -1
        }
        program.isUnsettled = unsettled.contains(program.mappedTable)
        programOfRelation[relation] = Int32(programs.count)
        programs.append(program)
        hasAdoptions = hasAdoptions || !program.adoptions.isEmpty
        hasCustom = hasCustom || program.custom != nil
        writer.add(program)
        return programOfRelation[relation]
    }

    private static let notMade: Int32 = -2

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
        if let columns = program.distinctColumns {
            let isHeld = recounts.holds(transaction, of: program.mappedTable)
            if change.kind != .truncate {
                return try count(change, isHeld: isHeld, columns, program, index, &fields, bytes)
            }
            if isHeld { return }
        }
        var kind = change.kind
        if let absence = program.absence {
            guard let seen = try seen(change, program, absence, &fields, bytes) else { return }
            kind = seen
        }
        switch kind {
        case .insert:
            let place = try touch(program, index, change.newStart, nil, existed: false, fields, bytes)
            arrive(place, Occupant(row: change.newStart, origin: -1, references: .max), program)
        case .update:
            try update(change, program, index, &fields, bytes)
        case .delete:
            let start = change.old == .none ? change.newStart : change.oldStart
            let place = try touch(program, index, start, nil, existed: true, fields, bytes)
            leave(place, which(change, place, program, fields, bytes))
        case .truncate:
            truncate(program, index)
        }
    }

    private func update(
        _ change: Change, _ program: TableProgram, _ index: Int32, _ fields: inout ContiguousArray<Field>,
        _ bytes: RawSpan
    ) throws(ApplyError) {
        let oldStart: UInt32? = change.old == .none ? nil : change.oldStart
        let row = change.newStart
        var references = UInt64.max
        if change.old == .full {
            references = changedReferences(program, change.oldStart, row, fields, bytes)
            fillUnchanged(program, newStart: row, from: change.oldStart, &fields)
        }
        let isMoving = oldStart.map { !sameKey(program, $0, row, fields, bytes) } ?? false
        let from = try touch(
            program, index, isMoving ? change.oldStart : row, oldStart, existed: true, fields, bytes)
        let place = which(change, from, program, fields, bytes)
        let before = occupant(from, place)
        if before.row != Entity.unknownRow { fillUnchanged(program, newStart: row, from: before.row, &fields) }
        let after = Occupant(row: row, origin: before.origin, references: references | before.references)
        if isMoving {
            let to = try touch(program, index, row, oldStart, existed: false, fields, bytes)
            leave(from, place)
            arrive(to, after, program)
        } else {
            stay(from, place, after)
        }
    }

    /// What the table's rows were before does not count any more. That goes to the front: no row outside of the truncated
    /// tables can refer to them.
    private func truncate(_ program: TableProgram, _ index: Int32) {
        writer.truncate(Int(index))
        for place in entities.entities.indices
        where programs[Int(entities[place].program)].tableIndex == program.tableIndex {
            beneath[place] = nil
            leave(place, .top)
            entities[place].existed = false
            entities[place].difference = 0
        }
    }

    /// The place of a tuple's key.
    ///
    /// - Parameter existed: Whether there was a row when the segment began, if this is the first that it sees of it.
    private func touch(
        _ program: TableProgram, _ index: Int32, _ start: UInt32, _ fallback: UInt32?, existed: Bool,
        _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) -> Int {
        let (place, found) = try find(program, index, start, fallback, fields, bytes)
        if !found, existed {
            entities[place].existed = true
            entities[place].isPresent = true
            entities[place].origin = Int32(place)
        }
        return place
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
            try Self.checkKeySize(keys.count - keyStart, program)
        }
        return entities.findOrInsert(program: index, table: program.tableIndex, keyStart: keyStart)
    }

    /// What the graphs' indexes take of a key: 8,100 bytes fit in a page of Neo4j's, 8,200 do not.
    private static let keyBytesMax = 8100

    private static func checkKeySize(_ size: Int, _ program: TableProgram) throws(ApplyError) {
        guard size > keyBytesMax else { return }
        let columns = program.key.map { "\"\($0.name)\"" }.joined(separator: ", ")
        throw ApplyError(
            .value, table: program.table,
            "the key in \(columns) of a row takes \(size) bytes, and the graph's index holds \(keyBytesMax) at the most. "
                + "Choose a shorter unique key for this table in the mapping, or `skip: true`.")
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
                    && column.condition.map {
                        Self.same(fields[Int(old) + $0.column], fields[Int(new) + $0.column], bytes)
                    } ?? true
            }
            if !same { mask |= Self.bit(index) }
        }
        return mask
    }

    func fillUnchanged(
        _ program: TableProgram, newStart: UInt32, from oldStart: UInt32, _ fields: inout ContiguousArray<Field>
    ) {
        for column in 0..<program.columnCount where fields[Int(newStart) + column].kind == .unchanged {
            fields[Int(newStart) + column] = fields[Int(oldStart) + column]
        }
    }

    private static func bit(_ reference: Int) -> UInt64 { 1 << UInt64(min(reference, 63)) }

    static func same(_ a: Field, _ b: Field, _ bytes: RawSpan) -> Bool {
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

    private func flushSegment(_ fields: ContiguousArray<Field>, _ bytes: RawSpan) throws(ApplyError) {
        for place in entities.entities.indices where entities[place].isPresent {
            takeAlong(place, fields)
        }
        for place in entities.entities.indices {
            let entity = entities[place]
            if entity.isPresent {
                do throws(ApplyError) {
                    if programs[Int(entity.program)].isKeyed {
                        try writeKeyed(place, fields, bytes)
                        continue
                    }
                    try writeRow(entity, fields, bytes)
                    if programs[Int(entity.program)].waits { try writeWaiting(entity, fields, bytes) }
                    let hasStayed = entity.existed && Int(entity.origin) == place
                    let mayBeNew = programs[Int(entity.program)].mayComeUnseen
                    try writeReferences(entity, hasStayed: hasStayed && !mayBeNew, fields, bytes)
                } catch {
                    throw error.ofRow(with: entities.keyText(of: entity))
                }
                writeArrival(place)
                if hasAdoptions { writeAdoptions(entity, hasMoved: movedNode(place), fields) }
                if hasCustom { writeCustomUpsert(entity) }
            } else if programs[Int(entity.program)].distinctColumns != nil {
                try writeCounted(entity, fields, bytes)
            } else if entity.existed || programs[Int(entity.program)].isUnsettled {
                writeDeparture(entity)
                if hasCustom { writeCustomDelete(entity) }
                if !entity.isTakenAlong { writeDelete(entity) }
            }
        }
        statements.append(contentsOf: writer.takeStatements())
        entities.removeAll()
        beneath.removeAll()
    }

    /// For a row that has come from another place: gives its node the new key, or takes along what the stream left out.
    private func takeAlong(_ place: Int, _ fields: ContiguousArray<Field>) {
        let entity = entities[place]
        let origin = Int(entity.origin)
        let program = programs[Int(entity.program)]
        if program.isUnsettled {
            // Which row's node is here, and whether there is one, is not known: it is written whole.
            entities[place].references = .max
            return
        }
        guard origin >= 0, origin != place else { return }
        let lacksValues =
            program.properties.contains { fields[Int(entity.row) + $0.column].kind == .unchanged }
            || program.derived.contains { $0.isUnchanged(entity.row, fields) }
        if program.isKeyed {
            if lacksValues { takeKeyedAlong(place, fields) }
        } else if program.isJoin {
            guard lacksValues else { return }
            entities[origin].isTakenAlong = true
            writeMove(from: entities[origin], to: entity, into: writer.move(Int(entity.program)))
        } else if movedNode(place) {
            entities[origin].isTakenAlong = true
            writeMove(from: entities[origin], to: entity, into: writer.move(Int(entity.program)))
        } else {
            entities[place].references = .max
            guard lacksValues else { return }
            writeMove(from: entities[origin], to: entity, into: writer.carry(Int(entity.program)))
        }
    }

    /// The old place is empty and the new one was: the node itself goes, with relationships and all.
    private func movedNode(_ place: Int) -> Bool {
        let entity = entities[place]
        let origin = Int(entity.origin)
        return !keepsNodes && origin >= 0 && origin != place && !entity.existed && !entities[origin].isPresent
            && !programs[Int(entity.program)].isUnsettled
    }

    func writeDelete(_ entity: Entity) {
        let program = programs[Int(entity.program)]
        if program.part == .retractions { return }
        if program.waits { writeKey(entity, into: writer.dropWaiting(Int(entity.program))) }
        guard program.part == .relationships, !program.isJoin else {
            return writeKey(entity, into: writer.delete(Int(entity.program)))
        }
        // Its node is deleted later, or taken by another row: that begins without relationships of its own.
        for (index, columns) in program.references.enumerated() {
            let target =
                !program.isLookup(index)
                ? writer.stale(Int(entity.program), reference: index)
                : writer.lookUp(Int(entity.program), reference: index)
            target.rows.appendListHeader(program.key.count + columns.count)
            entities.appendKey(of: entity, to: &target.rows)
            for _ in columns { target.rows.appendNull() }
            target.rowCount += 1
        }
    }

    private func writeMove(from: Entity, to: Entity, into target: EncodedStatement) {
        target.rows.appendListHeader(programs[Int(to.program)].key.count * 2)
        entities.appendKey(of: from, to: &target.rows)
        entities.appendKey(of: to, to: &target.rows)
        target.rowCount += 1
    }

    func writeRow(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        guard program.writesRows else { return }
        absent.removeAll(keepingCapacity: true)
        for (position, column) in program.properties.enumerated()
        where fields[Int(entity.row) + column.column].kind == .unchanged {
            absent.append(position)
        }
        for (position, derived) in program.derived.enumerated() where derived.isUnchanged(entity.row, fields) {
            absent.append(program.properties.count + position)
        }
        let holding = program.labels.isEmpty ? 0 : try labels(of: entity.row, program, fields, bytes)
        let target = writer.upsert(Int(entity.program), absent: absent, holding: holding)
        target.rows.appendListHeader(
            program.key.count + program.properties.count + program.derived.count - absent.count)
        entities.appendKey(of: entity, to: &target.rows)
        try writeValues(entity, fields, bytes, into: target)
        target.rowCount += 1
    }

    /// Those that the stream carried.
    func writeValues(
        _ entity: Entity, _ fields: ContiguousArray<Field>, _ bytes: RawSpan, into target: EncodedStatement
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        for column in program.properties {
            let field = fields[Int(entity.row) + column.column]
            if let condition = column.condition, field.kind != .unchanged,
                try !passes(condition, entity.row, program, fields, bytes)
            {
                target.rows.appendNull()
                continue
            }
            switch field.kind {
            case .unchanged: break
            case .null: target.rows.appendNull()
            case .text, .binary: try Self.encode(column, field, bytes, into: &target.rows, program)
            }
        }
        for derived in program.derived where !derived.isUnchanged(entity.row, fields) {
            try write(derived, entity.row, program, fields, bytes, into: &target.rows)
        }
    }

    private func writeReferences(
        _ entity: Entity, hasStayed: Bool, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        // A row that is new at a place that was empty makes a new node, without relationships as yet.
        let isNewNode = !entity.existed && entity.origin < 0 && !program.isUnsettled
        for (index, columns) in program.references.enumerated() where entity.references & Self.bit(index) != 0 {
            var isNull = false
            if let condition = columns.first?.condition {
                isNull = try !passes(condition, entity.row, program, fields, bytes)
            }
            var unchanged = 0
            for column in columns {
                switch fields[Int(entity.row) + column.column].kind {
                case .null: isNull = true
                case .unchanged: unchanged += 1
                case .text, .binary: break
                }
            }
            // Its node has the relationship, unless the row has come to another's.
            let isNodeOwn = hasStayed || (entity.origin >= 0 && entities[Int(entity.origin)].isTakenAlong)
            if unchanged == columns.count, isNodeOwn { continue }
            // It was asked for and there was no such row any more: the stream is going to say so.
            if unchanged > 0, program.isUnsettled { continue }
            guard isNull || unchanged == 0 else {
                throw ApplyError(
                    .protocolViolation, table: program.table,
                    "a foreign key came without all of its columns, because \"\(columns[0].name)\" or one beside "
                        + "it is stored out of line and was not changed. "
                        + "ALTER TABLE \(program.table.sql) REPLICA IDENTITY FULL makes the stream carry it.")
            }
            let value = isNull ? entities.seed : valueHash(columns, entity.row, fields, bytes)
            // Only where the row stayed, what its place had before is what its node has.
            let isKnown = memory.note(row: entity.hash, reference: index, value: value)
            if isKnown, hasStayed { continue }
            if program.isLookup(index) {
                if isNewNode, isNull { continue }
                try writeEnds(
                    entity, columns, isNull, into: writer.lookUp(Int(entity.program), reference: index), fields, bytes)
                continue
            }
            if !isNewNode {
                try writeEnds(
                    entity, columns, isNull, into: writer.stale(Int(entity.program), reference: index), fields, bytes)
            }
            if !isNull {
                try writeEnds(
                    entity, columns, false, into: writer.reference(Int(entity.program), reference: index), fields, bytes
                )
            }
        }
    }

    /// For the references to this table that no constraint guards: a node that is new at its place may be waited for, and
    /// one that came with its relationships, or whose referenced columns may have changed, may have holders that mean
    /// another.
    private func writeAdoptions(_ entity: Entity, hasMoved: Bool, _ fields: ContiguousArray<Field>) {
        let program = programs[Int(entity.program)]
        for (index, adoption) in program.adoptions.enumerated() {
            let isCarried = adoption.columns.contains { fields[Int(entity.row) + $0].kind != .unchanged }
            guard !entity.existed || isCarried || program.mayComeUnseen else { continue }
            // In a part it does not show whether the place was left in an earlier one.
            if entity.existed || hasMoved || keepsNodes || program.isUnsettled {
                writeKey(entity, into: writer.disown(Int(entity.program), adoption: index))
            }
            // In parts those are asked for who name it (``RowReach``): they can be too many for one statement.
            if !keepsNodes { writeKey(entity, into: writer.adopt(Int(entity.program), adoption: index)) }
        }
    }

    func writeKey(_ entity: Entity, into target: EncodedStatement) {
        target.rows.appendListHeader(programs[Int(entity.program)].key.count)
        entities.appendKey(of: entity, to: &target.rows)
        target.rowCount += 1
    }

    func valueHash(
        _ columns: [ColumnProgram], _ row: UInt32, _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) -> UInt64 {
        var hash = entities.seed
        for column in columns { hash = EntityTable.hash(fields[Int(row) + column.column], bytes, seed: hash) }
        return hash
    }

    func writeEnds(
        _ entity: Entity, _ columns: [ColumnProgram], _ isNull: Bool, into target: EncodedStatement,
        _ fields: ContiguousArray<Field>, _ bytes: RawSpan
    ) throws(ApplyError) {
        let program = programs[Int(entity.program)]
        target.rows.appendListHeader(program.keyCount + columns.count)
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

    static func encode(
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
