// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A pgoutput message that does not have the form of its type. The decoder and the stream are unusable after it.
public struct PgOutputError: Error, Sendable, Equatable {
    public enum Reason: Sendable, Equatable {
        /// The message ends inside a field, or a length in it points beyond its end.
        case truncated
        /// The message goes on where it has to end.
        case trailingBytes
        /// A message type that the protocol does not have, or not here.
        case unknownMessage
        /// A marker inside the message that the protocol does not have.
        case unknownMarker
        /// A change of a relation that was not announced.
        case unknownRelation
        /// A tuple with another number of columns than its relation.
        case columnCount
        /// A message that cannot come here, for instance a change outside a transaction.
        case order
        /// The buffer cannot hold the message: it would pass 4 GB.
        case bufferFull
    }

    public var reason: Reason
    /// The message's type byte; 0 for an empty message.
    public var messageType: UInt8
    /// Where in the message, in bytes.
    public var offset: Int
    public var relation: OID?

    public init(_ reason: Reason, messageType: UInt8, offset: Int, relation: OID? = nil) {
        self.reason = reason
        self.messageType = messageType
        self.offset = offset
        self.relation = relation
    }
}

extension PgOutputError: CustomStringConvertible {
    public var description: String {
        let type = (33...126).contains(messageType) ? "'\(UnicodeScalar(messageType))'" : "\(messageType)"
        let table = relation.map { " of relation \($0)" } ?? ""
        return "pgoutput message \(type)\(table): \(phrase) at byte \(offset)"
    }

    private var phrase: String {
        switch reason {
        case .truncated: "too short"
        case .trailingBytes: "too long"
        case .unknownMessage: "of no known type"
        case .unknownMarker: "unknown marker"
        case .unknownRelation: "relation was never announced"
        case .columnCount: "column count differs from the relation's"
        case .order: "not allowed here"
        case .bufferFull: "no room left in the buffer"
        }
    }
}
