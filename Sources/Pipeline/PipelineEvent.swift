// Part of Lockstep. See LICENSE.

public import Apply
public import PostgreSQL

/// What a running pipeline tells whoever watches it. Carries names, counts and positions, never row values.
public enum PipelineEvent: Sendable {
    case connected(source: String, graph: String)
    case created(String)
    /// An index or a constraint of the file's `schema`: what became of it.
    case schema(String)
    /// `done` is the share that earlier attempts have read.
    case snapshotStarted(tables: Int, rows: Int64, at: LSN, done: Double)
    case loadProgress(LoadProgress)
    /// A table whose equal rows are counted is read in one piece: until that is done the stream waits.
    case counting(table: String)
    /// Tables were loaded while the stream went on.
    case loaded(tables: [String], rows: Int64, seconds: Double)
    /// A view was read again: rows that differed, and that were gone.
    case viewRead(String, rows: Int, changed: Int, removed: Int, seconds: Double)
    /// What was read last is ahead of the stream, which is followed to there.
    case catchingUp(from: LSN, to: LSN)
    case snapshotFinished(rows: Int64, seconds: Double)
    case streaming(from: LSN, binary: Bool)
    case progress(Checkpoint)
    /// A transaction is applied in parts; the graph is between two states until it is whole.
    case largeTransaction(at: LSN, changes: Int, continuing: PartialTransaction?)
    /// The mapping file was read anew, and takes the place of the one in use.
    case mappingRead(String)
    case retrying(PipelineError, seconds: Double)
    case warning(String)
    case stopped(Checkpoint?)
}
