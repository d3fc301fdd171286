// Part of Lockstep. See LICENSE.

public import Bolt
internal import Mapping
public import PostgreSQL

/// Why changes could not be brought into the graph.
public struct ApplyError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable, Equatable {
        /// A value has no place in the graph by the conversion that was chosen.
        case value
        /// The table is no longer what the mapping says.
        case schemaChanged
        /// The stream has come to a version of a table that is newer than the catalog that the mapping was made from.
        case newerRelation
        /// Another Lockstep took the pipeline over, or the checkpoint was changed behind our back.
        case fenced
        /// The graph refused the data: it would refuse them again.
        case refused
        /// The graph cannot hold a transaction of this size.
        case tooLarge
        /// The connection to the graph or the graph itself failed; trying again may help.
        case graphUnavailable
        /// The connection was lost after COMMIT was sent: only the checkpoint can tell whether it happened.
        case commitUnknown
        /// The stream said something that cannot be.
        case protocolViolation
        /// The stop was asked for.
        case stopped
    }

    public var kind: Kind
    public var table: QualifiedName?
    /// Commit LSN of the transaction, or of the first one of the batch.
    public var lsn: LSN?
    /// Transactions in the batch that failed; the culprit is one of them.
    public var transactionCount = 1
    /// Earlier parts of the transaction may be in the graph.
    public var isInPart = false
    public var message: String
    /// The graph's own code.
    public var code: String?

    public init(_ kind: Kind, table: QualifiedName? = nil, lsn: LSN? = nil, code: String? = nil, _ message: String) {
        self.kind = kind
        self.table = table
        self.lsn = lsn
        self.code = code
        self.message = message
    }

    public var description: String {
        var place: [String] = []
        if let table { place.append("table \(table)") }
        if let lsn { place.append("transaction at \(lsn)") }
        return place.isEmpty ? message : place.joined(separator: ", ") + ": " + message
    }

    /// The graph refused what somebody's own statement did. What the server says of that may hold values of rows.
    mutating func concern(_ statement: CustomCypher.Statement) {
        guard kind == .refused else { return }
        message =
            "the graph refused \(statement.description) with \(code ?? "no code"); what it says beside that is left out, "
            + "as it may hold values of rows. `lockstep plan` shows the statement as it is run."
    }

    /// Sorts a failure of the graph into the kinds above.
    public init(graph error: BoltError, table: QualifiedName? = nil, lsn: LSN? = nil) {
        let memory = error.code.map { code in
            ["MemoryPoolOutOfMemoryError", "TransactionOutOfMemoryError", "TransactionMemoryLimit"]
                .contains { code.hasSuffix($0) }
        }
        let kind: Kind =
            if memory == true { .tooLarge } else if error.isConnectionLoss || error.isTransient || error.isOvertaken {
                .graphUnavailable
            } else { .refused }
        self.init(kind, table: table, lsn: lsn, code: error.code, error.description)
    }
}
