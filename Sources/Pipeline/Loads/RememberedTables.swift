// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Which tables the graph has, and what was made of each: a list on the checkpoint node.
struct RememberedTables: Sendable {
    struct Entry: Sendable {
        var oid: OID
        var table: QualifiedName
        /// Another one when something else is made of the table.
        var fingerprint: String
        /// The label of nodes; or the type of relationships and the labels at both ends.
        var names: [String]
        /// Of a table with Cypher of its own: what takes away what it has made, by the mapping of then.
        var customSweep: String?
    }

    var entries: [Entry]

    init(_ plan: Plan) {
        entries = plan.mapping.tables.sorted().map { table in
            let join = plan.mapping.join(of: table)
            let node = plan.mapping.node(of: table)
            return Entry(
                oid: plan.catalog.table(table)?.oid ?? 0, table: table, fingerprint: plan.fingerprint(of: table) ?? "",
                names: join.map { [$0.type, $0.from.label, $0.to.label] } ?? [node?.label ?? ""],
                customSweep: node?.customSweepStatement)
        }
    }

    /// Nothing else is made of the tables, whatever they are called.
    func isSame(as other: RememberedTables) -> Bool {
        func marks(_ tables: RememberedTables) -> Set<String> {
            Set(tables.entries.map { "\($0.oid) \($0.fingerprint)" })
        }
        return marks(self) == marks(other)
    }

    // MARK: In the graph

    /// Nil where an older Lockstep wrote the checkpoint.
    static func read(pipeline: String, _ graph: BoltChannel) throws(PipelineError) -> Self? {
        do throws(BoltError) {
            let rows = try graph.query(
                "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) RETURN c.tables", ["pipeline": .string(pipeline)]
            ).rows
            return (rows.first?.first?.listValue).map { list in
                Self(entries: list.compactMap { $0.stringValue.flatMap(Entry.init(text:)) })
            }
        } catch {
            throw PipelineError(error)
        }
    }

    private init(entries: [Entry]) { self.entries = entries }

    /// For `GraphWriter.write(_:and:expecting:)`.
    func writing(pipeline: String) -> (cypher: String, parameters: [String: BoltValue]) {
        (
            "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) SET c.tables = $tables",
            ["pipeline": .string(pipeline), "tables": .list(entries.map { .string($0.text) })]
        )
    }
}

extension RememberedTables.Entry {
    /// Sweeps of what the table has made: also of rows that wait for an end of theirs.
    var sweeps: [Sweep] {
        if let customSweep { return [Sweep(text: customSweep, table: table, custom: .delete)] }
        guard names.count == 3 else { return [Sweep(text: Cypher.nodeSweep(names[0]), table: table)] }
        return [
            Cypher.relationshipSweep(from: names[1], names[0], to: names[2]),
            Cypher.nodeSweep(JoinMapping.waitingLabel(names[1], names[0], names[2])),
        ].map { Sweep(text: $0, table: table) }
    }

    /// Fields with a tab between them.
    var text: String {
        let sweep = customSweep.map { [Self.escaped($0)] } ?? []
        return ([String(oid.rawValue), table.schema, table.name, fingerprint] + names + sweep).joined(separator: "\t")
    }

    private static func escaped(_ text: String) -> String {
        text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\t", omittingEmptySubsequences: false).joined(separator: "\\t")
    }

    private static func unescaped(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            result.append(character == "\\" ? (rest.popFirst() == "t" ? "\t" : "\\") : character)
        }
        return result
    }

    init?(text: String) {
        let parts = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard (5...7).contains(parts.count), let number = UInt32(parts[0]) else { return nil }
        self.init(
            oid: OID(rawValue: number), table: QualifiedName(schema: parts[1], name: parts[2]), fingerprint: parts[3],
            names: parts.count == 6 ? [parts[4]] : Array(parts[4...]),
            customSweep: parts.count == 6 ? Self.unescaped(parts[5]) : nil)
    }
}
