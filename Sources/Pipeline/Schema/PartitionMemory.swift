// Part of Lockstep. See LICENSE.

internal import Bolt
internal import PostgreSQL

/// The partitions of a mapped table, as they were when the graph was last known to be right about them.
struct PartitionMemory: Equatable {
    struct Leaf: Equatable {
        var oid: OID
        /// `pg_relation_filenode`: another one when the leaf was emptied or written anew.
        var file: String
        var name: QualifiedName
    }

    /// The table that is partitioned.
    var root: OID
    var leaves: [Leaf]
    /// `pg_snapshot_xmin`: every transaction below it had ended when the leaves were looked at.
    var seen: String

    func isMuchLater(than other: PartitionMemory) -> Bool {
        guard let seen = UInt64(seen), let before = UInt64(other.seen), seen > before else { return false }
        return seen - before > 100_000_000
    }

    /// Reads them as of now.
    static func read(_ roots: [OID], _ source: PostgresConnection) throws(PostgresError) -> [PartitionMemory] {
        guard !roots.isEmpty else { return [] }
        let list = "{\(roots.map { String($0.rawValue) }.joined(separator: ","))}"
        let rows = try source.query(
            """
            SELECT r.oid AS root, c.oid, pg_catalog.pg_relation_filenode(c.oid) AS file, n.nspname, c.relname,
                pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) AS seen
            FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS r (oid)
            LEFT JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) p ON p.isleaf
            LEFT JOIN pg_catalog.pg_class c ON c.oid = p.relid AND c.relkind = 'r'
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            ORDER BY 1, 2
            """, [list])
        var found: [PartitionMemory] = []
        for row in rows {
            guard let root = row["root"].flatMap({ UInt32($0) }), let seen = row["seen"] else { continue }
            if found.last?.root.rawValue != root {
                found.append(PartitionMemory(root: OID(rawValue: root), leaves: [], seen: seen))
            }
            guard let oid = row["oid"].flatMap({ UInt32($0) }), let file = row["file"] else { continue }
            let name = QualifiedName(schema: row["nspname"] ?? "", name: row["relname"] ?? "")
            found[found.count - 1].leaves.append(Leaf(oid: OID(rawValue: oid), file: file, name: name))
        }
        return found
    }

    // MARK: In the graph, beside what is remembered of the table otherwise

    private static let readText =
        "MATCH (t:LockstepTable {pipeline: $pipeline}) WHERE t.leaves IS NOT NULL RETURN t.oid, t.leaves, t.leavesSeen"

    private static let writeText = """
        UNWIND $rows AS r MATCH (t:LockstepTable {pipeline: r[0], oid: r[1]}) SET t.leaves = r[2], t.leavesSeen = r[3]
        """

    static func remembered(_ graph: BoltChannel, pipeline: String) throws(BoltError) -> [PartitionMemory] {
        try graph.query(readText, ["pipeline": .string(pipeline)]).rows.compactMap { row in
            guard row.count == 3, let root = row[0].integerValue.flatMap({ UInt32(exactly: $0) }),
                let leaves = row[1].listValue, let seen = row[2].stringValue
            else { return nil }
            return PartitionMemory(
                root: OID(rawValue: root), leaves: leaves.compactMap { $0.stringValue.flatMap(Leaf.init(text:)) },
                seen: seen)
        }
    }

    static func remember(
        _ memories: [PartitionMemory], _ graph: BoltChannel, pipeline: String
    ) throws(BoltError) {
        guard !memories.isEmpty else { return }
        let rows = memories.map { memory in
            BoltValue.list([
                .string(pipeline), .integer(Int64(memory.root.rawValue)), .list(memory.leaves.map { .string($0.text) }),
                .string(memory.seen),
            ])
        }
        _ = try graph.query(writeText, ["rows": .list(rows)])
    }
}

extension PartitionMemory.Leaf {
    /// With the length of the schema's name, which may hold anything.
    fileprivate var text: String { "\(oid.rawValue) \(file) \(name.schema.count) \(name.schema)\(name.name)" }

    fileprivate init?(text: String) {
        let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let number = UInt32(parts[0]), let length = Int(parts[2]), length >= 0,
            length <= parts[3].count
        else { return nil }
        self.init(
            oid: OID(rawValue: number), file: String(parts[1]),
            name: QualifiedName(schema: String(parts[3].prefix(length)), name: String(parts[3].dropFirst(length))))
    }
}
