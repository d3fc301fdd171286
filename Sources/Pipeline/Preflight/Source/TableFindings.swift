// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// What is to be said of the mapped relations that the catalog of tables cannot say.
enum TableFindings {
    typealias MappedTable = (name: QualifiedName, position: FilePosition?)

    /// Relations whose changes no publication takes: to the mapping they are simply not there.
    static func unpublishable(_ facts: SourceFacts, _ tables: [MappedTable]) -> [PreflightFinding] {
        tables.compactMap { name, position in
            guard let table = facts.tables[name], let (what, fix) = reason(name, table) else { return nil }
            return PreflightFinding(.error, .mapping, "\(name) \(what)", fix: fix, position: position)
        }
    }

    private static func reason(_ name: QualifiedName, _ table: SourceFacts.TableFacts) -> (String, String)? {
        switch table.kind {
        case .view, .materializedView:
            return (
                "is a view: it has no changes of its own",
                "map the tables below it; or, for relationships, say how often it is read again: refresh: 10s"
            )
        case .foreignTable: return ("is a foreign table: its changes are in another server's WAL", "follow that server")
        case .other: return ("is no table", "leave it out")
        case .table, .partitionedTable: break
        }
        if table.isPartition { return ("is a partition: its changes come under its root's name", "map the root table") }
        if !table.isLogged {
            return ("is unlogged or temporary: its changes are not in the WAL", "ALTER TABLE \(name) SET LOGGED;")
        }
        if name.schema == "information_schema" || name.schema.hasPrefix("pg_") {
            return ("is a table of the system: no publication takes it", "leave it out")
        }
        return nil
    }

    /// What the stream of a partitioned table lacks.
    static func partitioned(_ plan: Plan) -> [PreflightFinding] {
        let names = plan.mapping.tables.filter { plan.catalog.table($0)?.isPartitioned == true }.map(\.description)
        guard !names.isEmpty else { return [] }
        return [
            PreflightFinding(
                .note, .mapping,
                "the stream of \(names.listed) does not say that a partition alone is emptied by TRUNCATE, attached with "
                    + "rows, detached or dropped: `lockstep run` looks after that itself (partitionsChanged: "
                    + "\(plan.file.schemaChanges[.partitionsChanged].rawValue))",
                fix: "DELETE rows before, or INSERT them behind it, and the table need not be read again")
        ]
    }

    /// Columns that force the whole stream into text.
    static func textOnly(_ mapping: GraphMapping) -> [PreflightFinding] {
        guard !mapping.isBinaryExact else { return [] }
        var names: [String] = []
        func take(_ properties: [PropertyMapping], _ table: QualifiedName) {
            for property in properties where !property.conversion.isBinaryExact {
                let name = "\(table).\(property.column) (\(property.columnType))"
                if !names.contains(name) { names.append(name) }
            }
        }
        for node in mapping.nodes {
            if node.distinct != nil { names.append("\(node.table) (rows without a key)") }
            take(node.columns, node.table)
        }
        for join in mapping.joins { take(join.columns, join.table) }
        return [
            PreflightFinding(
                .note, .mapping,
                "the stream comes as text, which costs more CPU on both ends, because the exact value of "
                    + "\(names.listed) is in text only",
                fix: "exclude what the graph does not need")
        ]
    }
}
