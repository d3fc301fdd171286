// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Which tables the graph has, and what was made of each: a list on the checkpoint node.
struct RememberedTables: Sendable, Equatable {
    struct Entry: Sendable, Equatable {
        var table: QualifiedName
        /// Another one when something else is made of the table.
        var fingerprint: String
    }

    var entries: [Entry]

    init(_ plan: Plan) {
        entries = plan.mapping.tables.sorted().map { table in
            Entry(table: table, fingerprint: plan.fingerprint(of: table) ?? "")
        }
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
    /// Fields with a tab between them.
    var text: String { [table.schema, table.name, fingerprint].joined(separator: "\t") }

    init?(text: String) {
        let parts = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else { return nil }
        self.init(table: QualifiedName(schema: parts[0], name: parts[1]), fingerprint: parts[2])
    }
}
