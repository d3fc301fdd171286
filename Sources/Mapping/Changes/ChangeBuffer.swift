// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// One column of a tuple: where its bytes are in the ``ChangeBuffer`` that holds it.
public struct Field: Sendable {
    public enum Kind: UInt8, Sendable {
        case null
        /// A TOASTed value that the update did not touch: it is not in the stream.
        case unchanged
        /// As the type's output function prints it.
        case text
        /// As the type's send function gives it.
        case binary
    }

    public var offset: UInt32
    public var length: UInt32
    public var kind: Kind

    @inlinable public init(offset: UInt32, length: UInt32, kind: Kind) {
        self.offset = offset
        self.length = length
        self.kind = kind
    }

    public static let null = Field(offset: 0, length: 0, kind: .null)
}

/// One change of one row, or one truncation; its columns are ``Field`` runs in the same buffer.
public struct Change: Sendable {
    public enum Kind: UInt8, Sendable { case insert, update, delete, truncate }

    /// What the stream carried of the row before the change.
    public enum OldTuple: UInt8, Sendable {
        case none
        /// The columns of the replica identity; the others are null.
        case key
        /// Every column: REPLICA IDENTITY FULL.
        case full
    }

    public var kind: Kind
    public var old: OldTuple
    /// Index into ``ChangeBuffer/relations``.
    public var relation: UInt32
    /// Index into ``ChangeBuffer/fields`` of the old tuple's first column, where there is one.
    public var oldStart: UInt32
    /// Index into ``ChangeBuffer/fields`` of the new tuple's first column, where there is one.
    public var newStart: UInt32

    @inlinable public init(
        kind: Kind, old: OldTuple = .none, relation: UInt32, oldStart: UInt32 = 0, newStart: UInt32 = 0
    ) {
        self.kind = kind
        self.old = old
        self.relation = relation
        self.oldStart = oldStart
        self.newStart = newStart
    }
}

/// A table as the stream announced it. A tuple of it has one ``Field`` per column, in this order.
public struct Relation: Sendable, Equatable {
    public struct Column: Sendable, Equatable {
        public var name: String
        public var type: OID
        public var typeModifier: Int32
        /// Belongs to the replica identity.
        public var isKey: Bool

        public init(name: String, type: OID, typeModifier: Int32 = -1, isKey: Bool = false) {
            self.name = name
            self.type = type
            self.typeModifier = typeModifier
            self.isKey = isKey
        }
    }

    public var oid: OID
    public var name: QualifiedName
    public var replicaIdentity: Catalog.ReplicaIdentity
    public var columns: [Column]

    public init(oid: OID, name: QualifiedName, replicaIdentity: Catalog.ReplicaIdentity, columns: [Column]) {
        self.oid = oid
        self.name = name
        self.replicaIdentity = replicaIdentity
        self.columns = columns
    }
}

/// The end of a transaction inside a buffer.
public struct TransactionEnd: Sendable {
    public var xid: UInt32
    /// LSN of the commit record.
    public var commitLSN: LSN
    /// LSN just behind the transaction: the checkpoint once it is applied.
    public var endLSN: LSN
    /// Microseconds since 2000-01-01 UTC.
    public var commitTime: Int64
    /// Changes in the buffer up to and with this transaction.
    public var changeCount: Int

    public init(xid: UInt32, commitLSN: LSN, endLSN: LSN, commitTime: Int64, changeCount: Int) {
        self.xid = xid
        self.commitLSN = commitLSN
        self.endLSN = endLSN
        self.commitTime = commitTime
        self.changeCount = changeCount
    }
}

/// Decoded changes on their way from capture to apply: transactions in commit order, the last one maybe not whole yet.
///
/// One arena of bytes and flat arrays of structs over it: taking a change in allocates nothing once the arrays have
/// grown, and the buffer is reused from batch to batch. Not `Sendable`: it lives on the capture thread.
public final class ChangeBuffer {
    /// The relation versions that changes here refer to; grows over the life of the stream and is never reordered.
    public var relations: [Relation] = []
    public var bytes: [UInt8] = []
    public var fields: ContiguousArray<Field> = []
    public var changes: ContiguousArray<Change> = []
    /// The whole transactions in here, in commit order.
    public var transactions: [TransactionEnd] = []

    public init() {}

    public var isEmpty: Bool { changes.isEmpty && transactions.isEmpty }

    /// Forgets changes and transactions, keeps relations and storage.
    public func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        changes.removeAll(keepingCapacity: true)
        transactions.removeAll(keepingCapacity: true)
    }
}
