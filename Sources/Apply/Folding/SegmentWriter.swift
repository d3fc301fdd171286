// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Collects the rows of one segment into statements, kept in the order in which the graph has to run them.
struct SegmentWriter {
    /// In this order; see "Folding" in docs/ARCHITECTURE.md.
    enum Phase: Int, CaseIterable {
        case truncate, carry, joinDelete, nodeMove, nodeUpsert, joinMove, stale, reference, joinUpsert, nodeDelete
    }

    /// More rows than this in one `UNWIND` are slower again.
    static let rowsPerStatementMax = 5000

    private struct Slot {
        var statement: EncodedStatement?
        var text: String?
    }

    /// The statements of one table program that take rows now.
    private struct Output {
        var move = Slot()
        var carry = Slot()
        var upsert = Slot()
        var partial: [(absent: [Int], slot: Slot)] = []
        var stale: [Slot]
        var reference: [Slot]
        var delete = Slot()
    }

    private var outputs: [Output] = []
    private var programs: [TableProgram] = []
    private var phases: [[EncodedStatement]] = Array(repeating: [], count: Phase.allCases.count)

    mutating func add(_ program: TableProgram) {
        let empty = Array(repeating: Slot(), count: program.references.count)
        outputs.append(Output(stale: empty, reference: empty))
        programs.append(program)
    }

    /// Takes the statements away, in order; texts are kept for the next segment.
    mutating func takeStatements() -> [EncodedStatement] {
        let all = phases.flatMap { $0 }
        for index in phases.indices { phases[index].removeAll() }
        for index in outputs.indices {
            outputs[index].move.statement = nil
            outputs[index].carry.statement = nil
            outputs[index].upsert.statement = nil
            outputs[index].delete.statement = nil
            for i in outputs[index].partial.indices { outputs[index].partial[i].slot.statement = nil }
            for i in outputs[index].stale.indices {
                outputs[index].stale[i].statement = nil
                outputs[index].reference[i].statement = nil
            }
        }
        return all
    }

    // MARK: Where a row goes

    mutating func truncate(_ program: Int) {
        let table = programs[program]
        guard !phases[Phase.truncate.rawValue].contains(where: { $0.table == table.table }) else { return }
        let text =
            switch table.shape {
            case .node(let node, _): node.truncateStatement()
            case .join(let join): join.truncateStatement()
            }
        phases[Phase.truncate.rawValue].append(EncodedStatement(text: text, table: table.table, takesRows: false))
    }

    // Moves and what is carried are never split: all is read before anything is written.

    mutating func move(_ program: Int) -> EncodedStatement {
        let table = programs[program]
        switch table.shape {
        case .node(let node, _):
            return open(\.[program].move, .nodeMove, table, limit: .max) { node.moveStatement() }
        case .join(let join):
            return open(\.[program].move, .joinMove, table, limit: .max) { join.moveStatement() }
        }
    }

    mutating func carry(_ program: Int) -> EncodedStatement {
        let table = programs[program]
        return open(\.[program].carry, .carry, table, limit: .max) {
            guard case .node(let node, _) = table.shape else { return "" }
            return node.carryStatement()
        }
    }

    /// - Parameter absent: Positions among the program's properties of columns that the stream did not carry.
    mutating func upsert(_ program: Int, absent: [Int]) -> EncodedStatement {
        let table = programs[program]
        let phase: Phase = table.isJoin ? .joinUpsert : .nodeUpsert
        if absent.isEmpty {
            return open(\.[program].upsert, phase, table) { Self.upsertText(table, absent: []) }
        }
        let variant: Int
        if let known = outputs[program].partial.firstIndex(where: { $0.absent == absent }) {
            variant = known
        } else {
            variant = outputs[program].partial.count
            outputs[program].partial.append((absent, Slot()))
        }
        return open(\.[program].partial[variant].slot, phase, table) { Self.upsertText(table, absent: absent) }
    }

    mutating func stale(_ program: Int, reference: Int) -> EncodedStatement {
        let table = programs[program]
        return open(\.[program].stale[reference], .stale, table) {
            guard case .node(let node, _) = table.shape else { return "" }
            return node.staleStatement(reference: node.references[reference])
        }
    }

    mutating func reference(_ program: Int, reference: Int) -> EncodedStatement {
        let table = programs[program]
        return open(\.[program].reference[reference], .reference, table) {
            guard case .node(let node, _) = table.shape else { return "" }
            return node.referenceStatement(reference: node.references[reference])
        }
    }

    mutating func delete(_ program: Int) -> EncodedStatement {
        let table = programs[program]
        switch table.shape {
        case .node(let node, _):
            return open(\.[program].delete, .nodeDelete, table) { node.deleteStatement() }
        case .join(let join):
            return open(\.[program].delete, .joinDelete, table) { join.deleteStatement() }
        }
    }

    private static func upsertText(_ program: TableProgram, absent: [Int]) -> String {
        let present = program.properties.indices.filter { !absent.contains($0) }
        return switch program.shape {
        case .node(let node, _): node.upsertStatement(properties: present)
        case .join(let join): join.upsertStatement(properties: present)
        }
    }

    private mutating func open(
        _ path: WritableKeyPath<[Output], Slot>, _ phase: Phase, _ program: TableProgram, limit: Int = rowsPerStatementMax,
        text: () -> String
    ) -> EncodedStatement {
        if let statement = outputs[keyPath: path].statement, statement.rowCount < limit { return statement }
        if outputs[keyPath: path].text == nil { outputs[keyPath: path].text = text() }
        let statement = EncodedStatement(text: outputs[keyPath: path].text ?? "", table: program.table)
        outputs[keyPath: path].statement = statement
        phases[phase.rawValue].append(statement)
        return statement
    }
}
