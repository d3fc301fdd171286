// Part of Lockstep. See LICENSE.

public import Bolt
public import Mapping
public import PostgreSQL

/// One statement of a batch with its rows, which are PackStream bytes already.
public final class EncodedStatement {
    public let text: String
    public let table: QualifiedName
    /// The rows' bytes, one list each, without a header for the whole.
    public internal(set) var rows: PackStreamBuffer
    public internal(set) var rowCount = 0
    /// False for a statement without parameters.
    public let takesRows: Bool
    /// Which of the table's own statements it runs; nil for Lockstep's.
    let custom: CustomCypher.Statement?
    /// It is to be run as a ``Sweep``, before the others.
    let isSweep: Bool

    init(
        text: String, table: QualifiedName, takesRows: Bool = true, custom: CustomCypher.Statement? = nil,
        isSweep: Bool = false, capacity: Int = 4096
    ) {
        self.text = text
        self.table = table
        self.custom = custom
        self.isSweep = isSweep
        self.takesRows = takesRows
        rows = PackStreamBuffer(capacity: takesRows ? capacity : 16)
    }
}

extension EncodedStatement {
    /// For few rows.
    public convenience init(
        text: String, table: QualifiedName, rows values: [[BoltValue]], custom: CustomCypher.Statement? = nil,
        isSweep: Bool = false
    ) {
        self.init(text: text, table: table, custom: custom, isSweep: isSweep)
        for row in values { rows.append(.list(row)) }
        rowCount = values.count
    }
}

// Written by the encoder before it is handed over, only read afterwards.
extension EncodedStatement: @unchecked Sendable {}

/// A statement that deletes some of what a table has made, about `$limit`, and returns how many: to be repeated until that is
/// none.
public struct Sweep: Sendable {
    let statement: EncodedStatement

    public var text: String { statement.text }

    init(_ statement: EncodedStatement) { self.statement = statement }

    public init(text: String, table: QualifiedName, custom: CustomCypher.Statement? = nil) {
        self.init(EncodedStatement(text: text, table: table, takesRows: false, custom: custom, isSweep: true))
    }

    /// What empties a table of nodes, which have their own `delete` before where there is Cypher of its own.
    public static func all(of node: NodeMapping) -> [Sweep] {
        (node.customSweepStatement.map { [Sweep(text: $0, table: node.table, custom: .delete)] } ?? [])
            + [Sweep(text: node.sweepStatement(), table: node.table)]
    }
}

/// What goes to the graph in one transaction: the statements of some PostgreSQL transactions, whole and in order, or of a
/// part of one that is too large for that.
public struct EncodedBatch: Sendable {
    /// To be done before, each round in a graph transaction of its own that leaves the checkpoint where it is.
    public var sweeps: [Sweep] = []
    public var statements: [EncodedStatement]
    /// Row changes of PostgreSQL in here.
    public var changeCount: Int
    public var transactionCount: Int
    /// Commit LSN of the first transaction; for messages.
    public var firstLSN: LSN?
    /// The last transaction in here: where the checkpoint goes, unless it is there in part only.
    public var end: TransactionEnd
    /// For a part of ``end``: how far it is applied then.
    public var partial: PartialTransaction?

    public init(
        statements: [EncodedStatement], changeCount: Int, transactionCount: Int, firstLSN: LSN?, end: TransactionEnd,
        partial: PartialTransaction? = nil
    ) {
        self.statements = statements.filter { !$0.isSweep }
        sweeps = statements.filter(\.isSweep).map(Sweep.init)
        self.changeCount = changeCount
        self.transactionCount = transactionCount
        self.firstLSN = firstLSN
        self.end = end
        self.partial = partial
    }

    /// Statements that are no transaction's, with the checkpoint at `position` behind them.
    public init(_ statements: [EncodedStatement], at position: LSN, changeCount: Int = 0) {
        let end = TransactionEnd(xid: 0, commitLSN: position, endLSN: position, commitTime: 0, changeCount: 0)
        self.init(
            statements: statements, changeCount: changeCount, transactionCount: 0, firstLSN: position, end: end)
    }
}
