// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// How far a ``LoadRequest`` is fulfilled: kept in the graph, moved in the transactions that carry the rows.
public struct TableLoad: Sendable, Equatable {
    /// What is done with the table next. A pass begins for a table when all tables are done with the one before it.
    public enum Pass: String, Sendable, CaseIterable, Comparable {
        /// Its equal rows are counted, in one piece: meanwhile the stream waits.
        case counts
        /// Its rows become nodes.
        case nodes
        /// What no row has made is deleted.
        case leftovers
        /// Its foreign keys, or its rows, become relationships.
        case relationships
        /// Everything is in; the stream has still to pass ``TableLoad/until``.
        case settling

        public static func < (a: Pass, b: Pass) -> Bool {
            (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
        }
    }

    /// What a pass has read of one heap: a table, or a partition.
    public struct Heap: Sendable, Equatable {
        public var oid: OID
        /// Another one when the table was rewritten: its rows are elsewhere then, and `done` means nothing.
        public var fileNode: String
        public var done: BlockSet

        public init(oid: OID, fileNode: String, done: BlockSet = BlockSet()) {
            self.oid = oid
            self.fileNode = fileNode
            self.done = done
        }
    }

    public var request: LoadRequest
    /// Nil where nobody has begun with it.
    public var pass: Pass?
    public var heaps: [Heap] = []
    /// Rows and bytes read in all passes.
    public var rows: Int64 = 0
    public var bytes: Int64 = 0
    /// Blocks read, and blocks to be read, over all passes.
    public var blocks: Int64 = 0
    public var totalBlocks: Int64 = 0
    /// Seconds that were spent on it, with those of earlier attempts.
    public var seconds: Double = 0
    /// Where in the WAL the newest of what was read stands. The stream is behind it, and until it has passed it, it brings
    /// older states of rows that are in the graph.
    public var until: LSN = .zero
    /// Where equal rows are counted: what the snapshot shows by which that was done, as `pg_snapshot` prints it. Changes of
    /// what it shows are in the counts.
    public var counted: String?

    public init(_ request: LoadRequest) { self.request = request }

    /// 0 to 1.
    public var share: Double { totalBlocks > 0 ? min(1, Double(blocks) / Double(totalBlocks)) : 0 }
}
