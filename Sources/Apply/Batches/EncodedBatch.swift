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

    init(text: String, table: QualifiedName, takesRows: Bool = true, capacity: Int = 4096) {
        self.text = text
        self.table = table
        self.takesRows = takesRows
        rows = PackStreamBuffer(capacity: takesRows ? capacity : 16)
    }
}

// Written by the encoder before it is handed over, only read afterwards.
extension EncodedStatement: @unchecked Sendable {}

/// What goes to the graph in one transaction: the statements of some PostgreSQL transactions, whole and in order.
public struct EncodedBatch: Sendable {
    public var statements: [EncodedStatement]
    /// Row changes of PostgreSQL in here.
    public var changeCount: Int
    public var transactionCount: Int
    /// Commit LSN of the first transaction; for messages.
    public var firstLSN: LSN?
    /// The last transaction in here: where the checkpoint goes.
    public var end: TransactionEnd

    public init(
        statements: [EncodedStatement], changeCount: Int, transactionCount: Int, firstLSN: LSN?, end: TransactionEnd
    ) {
        self.statements = statements
        self.changeCount = changeCount
        self.transactionCount = transactionCount
        self.firstLSN = firstLSN
        self.end = end
    }
}
