// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
public import PostgreSQL

/// A change of a table that the pipeline has followed, or passed by: a node `(:LockstepSchemaChange)`.
public struct SchemaChangeRecord: Sendable, Equatable {
    /// A `SchemaChangeKind`.
    public var kind: String
    /// A `SchemaChangePolicy`.
    public var policy: String
    public var table: String
    public var what: String
    public var action: String
    /// What is to be edited in the mapping file.
    public var advice: String?
    /// The checkpoint when it was followed.
    public var lsn: LSN?
    /// By the graph server's clock, ISO 8601.
    public var at: String
}

enum SchemaHistory {
    static let kept = 100

    private static let writeText = """
        UNWIND $rows AS r \
        CREATE (h:LockstepSchemaChange {pipeline: r[0], id: r[1], kind: r[2], policy: r[3], table: r[4], what: r[5], \
        action: r[6], advice: r[7], lsn: r[8], at: toString(datetime())})
        """

    private static let readText = """
        MATCH (h:LockstepSchemaChange {pipeline: $pipeline}) \
        RETURN h.kind, h.policy, h.table, h.what, h.action, h.advice, h.lsn, h.at ORDER BY h.at DESC, h.id LIMIT 100
        """

    private static let pruneText = """
        MATCH (h:LockstepSchemaChange {pipeline: $pipeline}) WITH h ORDER BY h.at DESC SKIP 100 DELETE h
        """

    static func write(
        _ changes: [SchemaChange], _ writer: GraphWriter, pipeline: String, expecting checkpoint: Checkpoint?
    ) throws(ApplyError) {
        let rows = changes.map { row($0, pipeline, checkpoint?.lsn) }
        try writer.transaction(writeText, ["rows": .list(rows)], expecting: checkpoint)
        try writer.transaction(pruneText, ["pipeline": .string(pipeline)], expecting: checkpoint)
    }

    private static let renewText = """
        UNWIND $rows AS r MATCH (h:LockstepSchemaChange {pipeline: r[0], id: r[1]}) DELETE h
        """

    /// Outside of the pipeline's own graph transactions: what somebody looking on has found. What is there already is
    /// renewed.
    static func note(_ changes: [SchemaChange], _ graph: BoltChannel, pipeline: String) throws(BoltError) {
        let rows = BoltValue.list(changes.map { row($0, pipeline, nil) })
        _ = try graph.query(renewText, ["rows": rows])
        _ = try graph.query(writeText, ["rows": rows])
    }

    private static func row(_ change: SchemaChange, _ pipeline: String, _ lsn: LSN?) -> BoltValue {
        .list([
            .string(pipeline), .string(change.id), .string(change.kind.rawValue), .string(change.policy.rawValue),
            .string(change.table.description), .string(change.what), .string(change.action),
            change.advice.map { .string($0) } ?? .null, lsn.map { .string($0.description) } ?? .null,
        ])
    }

    static func read(_ graph: BoltChannel, pipeline: String) throws(PipelineError) -> [SchemaChangeRecord] {
        do throws(BoltError) {
            return try graph.query(readText, ["pipeline": .string(pipeline)]).rows.compactMap { row in
                guard row.count == 8, let kind = row[0].stringValue, let policy = row[1].stringValue,
                    let table = row[2].stringValue, let what = row[3].stringValue, let action = row[4].stringValue
                else { return nil }
                return SchemaChangeRecord(
                    kind: kind, policy: policy, table: table, what: what, action: action, advice: row[5].stringValue,
                    lsn: row[6].stringValue.flatMap { LSN($0) }, at: row[7].stringValue ?? "")
            }
        } catch {
            throw PipelineError(error)
        }
    }
}
