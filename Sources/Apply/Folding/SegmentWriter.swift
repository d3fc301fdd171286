// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Collects the rows of one segment into statements, kept in the order in which the graph has to run them.
struct SegmentWriter {
    /// In this order; see "Folding" in docs/ARCHITECTURE.md.
    enum Phase: Int, CaseIterable {
        case customDelete, truncate, carry, joinDelete, dismissMoved, nodeMove, nodeUpsert, joinMove, stale, reference,
            joinLink,
            joinUpsert, wait, dismiss,
            cut, nodeDelete, lookUp, customUpsert
    }

    /// More rows than this in one `UNWIND` are slower again.
    static let rowsPerStatementMax = 5000

    /// A statement of a table program: its text, made when first needed, and what takes rows for it now.
    private struct Slot {
        var statement: EncodedStatement?
        var text: String?
    }

    /// Where a table program's slots are: move, carry, upsert, delete and cut; stale and put for each of its references; the same
    /// for each reference to it that no constraint guards.
    private struct Output {
        let first: Int
        let references: Int
        let adoptions: Int
        /// Of a table with Cypher of its own: the first of the two statements.
        let custom: Int
        /// Upserts of rows that came without some columns, or that have some of the labels that depend on the row.
        var partial: [(absent: [Int], holding: UInt64, slot: Int)] = []

        var move: Int { first }
        var carry: Int { first + 1 }
        var upsert: Int { first + 2 }
        var delete: Int { first + 3 }
        var cut: Int { first + 4 }
        func stale(_ reference: Int) -> Int { first + 5 + 2 * reference }
        func reference(_ reference: Int) -> Int { first + 6 + 2 * reference }
        func disown(_ adoption: Int) -> Int { stale(references + adoption) }
        func adopt(_ adoption: Int) -> Int { reference(references + adoption) }
        // Of a node's table for each end that rows wait at; of relationships that wait, one.
        func dismiss(_ end: Int) -> Int { stale(references + adoptions + 2 * end) }
        func dismissMoved(_ end: Int) -> Int { stale(references + adoptions + 2 * end + 1) }
        func admit(_ end: Int) -> Int { reference(references + adoptions + 2 * end) }
        var dropWaiting: Int { dismiss(0) }
        var wait: Int { admit(0) }
    }

    private var slots: ContiguousArray<Slot> = []
    private var outputs: [Output] = []
    private var programs: [TableProgram] = []
    private var phases: [[EncodedStatement]] = Array(repeating: [], count: Phase.allCases.count)

    mutating func add(_ program: TableProgram) {
        let references = program.references.count
        let adoptions = program.adoptions.count
        let ends = program.waits ? 1 : program.awaited.count
        let count = 5 + 2 * (references + adoptions + 2 * ends)
        outputs.append(
            Output(
                first: slots.count, references: references, adoptions: adoptions, custom: slots.count + count))
        slots.append(contentsOf: repeatElement(Slot(), count: count + (program.custom == nil ? 0 : 2)))
        programs.append(program)
    }

    /// Takes the statements away, in order; texts are kept for the next segment.
    mutating func takeStatements() -> [EncodedStatement] {
        let all = phases.flatMap { $0 }
        for index in phases.indices { phases[index].removeAll() }
        for index in slots.indices { slots[index].statement = nil }
        return all
    }

    // MARK: Where a row goes

    mutating func truncate(_ program: Int) {
        let table = programs[program]
        guard !phases[Phase.truncate.rawValue].contains(where: { $0.table == table.table }) else { return }
        if let text = table.customTruncateText {
            phases[Phase.customDelete.rawValue].append(
                EncodedStatement(text: text, table: table.table, takesRows: false, custom: .delete))
        }
        let ends = table.awaited.map { $0.join.dismissAllStatement() }
        let values = table.lookedUp.map { $0.holder.forgetStatement($0.lookup) }
        for text in ends + values + table.shape.truncateTexts {
            phases[Phase.truncate.rawValue].append(
                EncodedStatement(text: text, table: table.table, takesRows: false))
        }
    }

    // Moves and what is carried are never split: all is read before anything is written.

    mutating func move(_ program: Int) -> EncodedStatement {
        let phase: Phase = programs[program].isJoin ? .joinMove : .nodeMove
        return open(outputs[program].move, phase, program, limit: .max) { $0.shape.moveText }
    }

    mutating func carry(_ program: Int) -> EncodedStatement {
        open(outputs[program].carry, .carry, program, limit: .max) { $0.shape.node?.carryStatement() ?? "" }
    }

    /// - Parameters:
    ///   - absent: Positions among the program's written properties of those that the stream did not carry.
    ///   - holding: Bit i: the rows have the conditional label i.
    mutating func upsert(_ program: Int, absent: [Int], holding: UInt64 = 0) -> EncodedStatement {
        let phase: Phase = programs[program].isJoin ? .joinUpsert : .nodeUpsert
        let slot = absent.isEmpty && holding == 0 ? outputs[program].upsert : partialSlot(program, absent, holding)
        return open(slot, phase, program) { Self.upsertText($0, absent: absent, holding: holding) }
    }

    private mutating func partialSlot(_ program: Int, _ absent: [Int], _ holding: UInt64) -> Int {
        let known = outputs[program].partial.first { $0.holding == holding && $0.absent == absent }
        if let known { return known.slot }
        outputs[program].partial.append((absent, holding, slots.count))
        slots.append(Slot())
        return slots.count - 1
    }

    mutating func stale(_ program: Int, reference: Int) -> EncodedStatement {
        open(outputs[program].stale(reference), .stale, program) {
            $0.shape.node.map { $0.staleStatement(reference: $0.references[reference]) } ?? ""
        }
    }

    mutating func reference(_ program: Int, reference: Int) -> EncodedStatement {
        open(outputs[program].reference(reference), .reference, program) {
            $0.shape.node.map { $0.referenceStatement(reference: $0.references[reference]) } ?? ""
        }
    }

    /// - Parameter reference: One of the program's references that is a lookup.
    mutating func lookUp(_ program: Int, reference: Int) -> EncodedStatement {
        open(outputs[program].reference(reference), .lookUp, program) { table in
            table.lookup(reference).flatMap { table.shape.node?.lookUpStatement($0) } ?? ""
        }
    }

    /// For relationships with a key of their own.
    mutating func link(_ program: Int) -> EncodedStatement {
        open(outputs[program].reference(0), .joinLink, program) { $0.shape.join?.linkStatement() ?? "" }
    }

    mutating func disown(_ program: Int, adoption: Int) -> EncodedStatement {
        open(outputs[program].disown(adoption), .stale, program, isSweep: programs[program].keepsNodes) {
            let adoption = $0.adoptions[adoption]
            return $0.shape.node?.disownStatement(adoption.reference, of: adoption.holder, sweeps: $0.keepsNodes) ?? ""
        }
    }

    mutating func adopt(_ program: Int, adoption: Int) -> EncodedStatement {
        open(outputs[program].adopt(adoption), .reference, program) {
            let adoption = $0.adoptions[adoption]
            return $0.shape.node?.adoptStatement(adoption.reference, of: adoption.holder) ?? ""
        }
    }

    /// - Parameter moves: The node takes another key, else it is deleted: that comes last, and until then what is linked
    ///   may be linked to it.
    mutating func dismiss(_ program: Int, end: Int, moves: Bool) -> EncodedStatement {
        let slot = moves ? outputs[program].dismissMoved(end) : outputs[program].dismiss(end)
        return open(slot, moves ? .dismissMoved : .dismiss, program, isSweep: programs[program].keepsNodes) {
            let (join, side) = $0.awaited[end]
            return $0.keepsNodes ? join.dismissGoneStatement(side) : join.dismissStatement(side)
        }
    }

    mutating func admit(_ program: Int, end: Int) -> EncodedStatement {
        open(outputs[program].admit(end), .reference, program, isSweep: programs[program].keepsNodes) {
            $0.awaited[end].join.admitStatement($0.awaited[end].side, sweeps: $0.keepsNodes)
        }
    }

    mutating func dropWaiting(_ program: Int) -> EncodedStatement {
        open(outputs[program].dropWaiting, .joinDelete, program) { $0.shape.join?.dropWaitingStatement() ?? "" }
    }

    mutating func wait(_ program: Int) -> EncodedStatement {
        open(outputs[program].wait, .wait, program) { $0.shape.join?.waitStatement() ?? "" }
    }

    /// For a table with Cypher of its own.
    mutating func custom(_ program: Int, _ statement: CustomCypher.Statement) -> EncodedStatement {
        let slot = outputs[program].custom + (statement == .upsert ? 0 : 1)
        return open(slot, statement == .upsert ? .customUpsert : .customDelete, program, custom: statement) {
            $0.customText(statement)
        }
    }

    /// Of nodes that go in parts: their relationships, little by little.
    mutating func cut(_ program: Int) -> EncodedStatement {
        open(outputs[program].cut, .cut, program, isSweep: true) { $0.shape.node?.cutStatement(onlyGone: true) ?? "" }
    }

    mutating func delete(_ program: Int) -> EncodedStatement {
        let phase: Phase = programs[program].isJoin ? .joinDelete : .nodeDelete
        return open(outputs[program].delete, phase, program) { $0.deleteText }
    }

    private static func upsertText(_ program: TableProgram, absent: [Int], holding: UInt64) -> String {
        let written = program.properties.count + program.derived.count
        let present = (0..<written).filter { !absent.contains($0) }
        return switch program.shape {
        case .node(let node):
            program.distinctColumns != nil
                ? node.countUpStatement()
                : node.upsertStatement(properties: present, holding: holding, returns: program.keepsNodes)
        case .join(let join): join.upsertStatement(properties: present)
        }
    }

    private mutating func open(
        _ slot: Int, _ phase: Phase, _ program: Int, limit: Int = rowsPerStatementMax,
        custom: CustomCypher.Statement? = nil, isSweep: Bool = false, text: (TableProgram) -> String
    ) -> EncodedStatement {
        if let statement = slots[slot].statement, statement.rowCount < limit { return statement }
        let table = programs[program]
        let text = slots[slot].text ?? text(table)
        let statement = EncodedStatement(text: text, table: table.table, custom: custom, isSweep: isSweep)
        slots[slot] = Slot(statement: statement, text: text)
        phases[phase.rawValue].append(statement)
        return statement
    }
}

extension TableProgram {
    fileprivate var deleteText: String {
        switch shape {
        case .node(let node) where distinctColumns != nil:
            part == .departures ? node.deleteUncountedStatement() : node.countDownStatement(deletes: !keepsNodes)
        case .node(let node):
            !keepsNodes
                ? node.deleteStatement() : part == .nodes ? node.markGoneStatement() : node.deleteGoneStatement()
        case .join(let join): join.deleteStatement()
        }
    }
}

extension TableProgram.Shape {
    fileprivate var node: NodeMapping? {
        if case .node(let node) = self { node } else { nil }
    }

    fileprivate var join: JoinMapping? {
        if case .join(let join) = self { join } else { nil }
    }

    fileprivate var moveText: String {
        switch self {
        case .node(let node): node.moveStatement()
        case .join(let join): join.moveStatement()
        }
    }

    fileprivate var truncateTexts: [String] {
        switch self {
        case .node(let node): [node.truncateStatement()]
        case .join(let join): [join.truncateStatement()] + (join.waits ? [join.truncateWaitingStatement()] : [])
        }
    }
}
