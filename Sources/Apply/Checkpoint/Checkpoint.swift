// Part of Lockstep. See LICENSE.

internal import Bolt
public import PostgreSQL

/// What the graph says of a pipeline: the one truth about progress, kept in the node
/// `(:LockstepCheckpoint {pipeline})`, which moves in the transactions that carry the data.
public struct Checkpoint: Sendable, Equatable {
    public enum Phase: String, Sendable {
        /// The first read is under way; the graph is not a state that PostgreSQL had.
        case snapshot
        /// The graph is the state that PostgreSQL had at ``Checkpoint/lsn``, but for ``Checkpoint/partial``.
        case streaming
    }

    public var phase: Phase
    /// End LSN of the last transaction applied; the slot's consistent point during the snapshot.
    public var lsn: LSN
    /// Microseconds since 2000-01-01 UTC of the last transaction applied; 0 where there was none yet.
    public var commitTime: Int64 = 0
    /// Totals since the pipeline was set up.
    public var changes: Int64 = 0
    public var transactions: Int64 = 0
    /// The transaction behind ``lsn`` that is applied in part; nil where the graph is a state that PostgreSQL had.
    public var partial: PartialTransaction?
    /// The system identifier of the PostgreSQL cluster that the LSN belongs to.
    public var systemIdentifier: String = ""

    public init(phase: Phase, lsn: LSN) {
        self.phase = phase
        self.lsn = lsn
    }
}

/// The Cypher of the checkpoint node.
enum CheckpointStatement {
    /// Names a new owner, creating the node where there is none; what an older owner still has under way is fenced out.
    static let takeOver = """
        MERGE (c:LockstepCheckpoint {pipeline: $pipeline}) SET c.owner = $owner \
        RETURN \(columns)
        """

    static let read = """
        MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) RETURN \(columns)
        """

    private static let columns = """
        c.lsn, c.phase, c.commitTime, c.changes, c.transactions, c.systemIdentifier, \
        c.partial, c.partialPass, c.partialChanges
        """

    /// First writes the node, which takes its lock, *then* compares: a filter would run before the lock. A division by
    /// zero fails the transaction where the owner or the position is another's, and the server ignores what is pipelined
    /// behind it.
    static let fence = """
        MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) SET c.lock = $owner \
        WITH collect(c) AS cs \
        RETURN 1 / size([c IN cs WHERE c.owner = $owner AND c.lsn = $expected \
        AND coalesce(c.partialPass, '') = $pass AND coalesce(c.partialChanges, 0) = $done]) AS held
        """

    static let move = """
        MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) \
        SET c.lsn = $lsn, c.phase = $phase, c.commitTime = $commitTime, c.changes = $changes, \
        c.transactions = $transactions, c.systemIdentifier = $systemIdentifier, \
        c.partial = $partial, c.partialPass = $partialPass, c.partialChanges = $partialChanges
        """

    static let delete = "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) DELETE c"
}

extension Checkpoint {
    /// Reads a row of ``CheckpointStatement/read``; nil where the node carries no checkpoint yet.
    init?(row: [BoltValue]) {
        guard row.count == 9, case .string(let text) = row[0], let lsn = LSN(text),
            case .string(let name) = row[1], let phase = Phase(rawValue: name)
        else { return nil }
        self.init(phase: phase, lsn: lsn)
        if case .integer(let value) = row[2] { commitTime = value }
        if case .integer(let value) = row[3] { changes = value }
        if case .integer(let value) = row[4] { transactions = value }
        if case .string(let value) = row[5] { systemIdentifier = value }
        if case .string(let text) = row[6], let lsn = LSN(text), case .string(let name) = row[7],
            let pass = PartialTransaction.Pass(rawValue: name), case .integer(let done) = row[8]
        {
            partial = PartialTransaction(commitLSN: lsn, pass: pass, changes: Int(done))
        }
    }

    func parameters(pipeline: String) -> [String: BoltValue] {
        [
            "pipeline": .string(pipeline), "lsn": .string(lsn.description), "phase": .string(phase.rawValue),
            "commitTime": .integer(commitTime), "changes": .integer(changes), "transactions": .integer(transactions),
            "systemIdentifier": .string(systemIdentifier),
            "partial": partial.map { .string($0.commitLSN.description) } ?? .null,
            "partialPass": partial.map { .string($0.pass.rawValue) } ?? .null,
            "partialChanges": partial.map { .integer(Int64($0.changes)) } ?? .null,
        ]
    }

    /// What the fence demands of the node.
    func fenceParameters(pipeline: String, owner: String) -> [String: BoltValue] {
        [
            "pipeline": .string(pipeline), "owner": .string(owner), "expected": .string(lsn.description),
            "pass": .string(partial?.pass.rawValue ?? ""), "done": .integer(Int64(partial?.changes ?? 0)),
        ]
    }
}
