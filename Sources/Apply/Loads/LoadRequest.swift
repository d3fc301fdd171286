// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// The wish that a table be read and written to the graph again, kept in the graph until it is fulfilled.
///
/// A pipeline looks for requests when it starts, and whenever ``wakePrefix`` comes through the stream.
public struct LoadRequest: Sendable, Equatable {
    /// Why; for messages and `status`.
    public enum Reason: String, Sendable {
        /// The pipeline's first read, of everything.
        case firstRead = "first read"
        /// An operator asked for it.
        case resync
        /// The mapping has the table since lately.
        case added
        /// What the mapping makes of the table is another thing now.
        case mappingChanged = "mapping changed"
        /// The table's columns have changed in a way that the stream does not carry row by row.
        case schemaChanged = "schema changed"
        /// A transaction that went in parts changed its rows in a way that no part tells.
        case largeTransaction = "large transaction"
        /// A table that it refers to is loaded: its relationships are written again.
        case refers
    }

    /// Prefix of the logical message that makes a running pipeline look for requests; its content is the pipeline's name.
    public static let wakePrefix = "lockstep"

    /// Another one for each request.
    public var id: String
    public var table: QualifiedName
    /// A condition in SQL on the table's columns: only rows that meet it. Nil for all.
    public var condition: String?
    public var reason: Reason
    /// It is read at snapshots that show everything up to here: what the stream brings of it from before need not be applied.
    /// Nil where that is not known.
    public var behind: LSN?

    public init(_ table: QualifiedName, reason: Reason, condition: String? = nil, behind: LSN? = nil) {
        id = String(UInt64.random(in: .min ... .max), radix: 36)
        self.table = table
        self.reason = reason
        self.condition = condition
        self.behind = behind
    }
}
