// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// What a mapping means: what is created on both sides, and every statement that changes the graph.
public struct Plan: Sendable {
    public let mapping: GraphMapping
    public let file: MappingFile
    public let catalog: Catalog
    /// What the file's `schema` means for the graph as it is; nil where that was not looked at.
    public var schemaSteps: [SchemaStep]?

    /// - Parameter mapping: What ``MappingFile/resolve(against:)`` made of `file` and `catalog`.
    public init(mapping: GraphMapping, file: MappingFile, catalog: Catalog) {
        self.mapping = mapping
        self.file = file
        self.catalog = catalog
    }

    /// The SQL that publishes every mapped table.
    public var publicationStatement: String {
        let tables = mapping.tables.map { "\n  \(published($0))" }.joined(separator: ",")
        // A partitioned table's changes come under its own name, as the mapping knows it.
        var options = ["publish_via_partition_root = true"]
        if mapsGeneratedColumn { options.append("publish_generated_columns = stored") }
        return "CREATE PUBLICATION \(QualifiedName.quoted(file.source.publication)) FOR TABLE\(tables)"
            + "\n  WITH (\(options.joined(separator: ", ")))"
    }

    /// The SQL for the slot; the first run creates it by the replication protocol instead, with a snapshot to read.
    public var slotStatement: String {
        "SELECT pg_create_logical_replication_slot(\(QualifiedName.literal(file.source.slot)), 'pgoutput')"
    }

    /// Every statement of the mapping.
    public var statements: [PlannedStatement] {
        mapping.nodes.flatMap(statements) + mapping.joins.flatMap(Self.statements)
            + mapping.computed.flatMap { Self.statements($0.join).filter { !$0.purpose.contains("truncate") } }
    }

    /// Never so where the stream does not carry them: such a mapping does not resolve.
    private var mapsGeneratedColumn: Bool {
        mapping.columns.contains { table, columns in
            let table = catalog.table(table)
            return columns.contains { table?.column($0.column)?.isGenerated == true }
        }
    }
}

/// One Cypher statement and what it is for.
public struct PlannedStatement: Sendable, Equatable {
    public var table: QualifiedName
    /// For instance `upsert node`, `delete relationship CUSTOMER`.
    public var purpose: String
    public var cypher: String
}

extension Plan {
    /// A row whose update left a TOASTed column unchanged takes the upsert without that column.
    private func statements(_ node: NodeMapping) -> [PlannedStatement] {
        func planned(_ purpose: String, _ cypher: String) -> PlannedStatement {
            PlannedStatement(table: node.table, purpose: purpose, cypher: cypher)
        }
        let counting = [
            planned("count rows up", node.countUpStatement()),
            planned("count rows down", node.countDownStatement(deletes: true)),
            planned("truncate", node.truncateStatement()),
            planned("in parts: count rows down", node.countDownStatement(deletes: false)),
            planned("in parts: delete node", node.deleteUncountedStatement()),
            planned("in parts: truncate", node.sweepStatement()),
        ]
        let own = [
            planned("upsert node", node.upsertStatement(properties: Array(node.written.indices))),
            planned("change key", node.moveStatement()),
            planned("delete node", node.deleteStatement()),
            planned("truncate", node.truncateStatement()),
            planned("load: delete relationships of a leftover", node.cutStatement(onlyGone: false)),
            planned(
                "in parts: upsert node",
                node.upsertStatement(properties: Array(node.written.indices), returns: true)),
            planned("in parts: mark as gone", node.markGoneStatement()),
            planned("in parts: delete node", node.deleteGoneStatement()),
            planned("in parts: truncate", node.sweepStatement()),
        ]
        let carried = node.written.isEmpty ? [] : [planned("in parts: take values along", node.carryStatement())]
        let labelled = node.conditionalLabels.enumerated().map { index, label in
            planned(
                "upsert node with \(label.label)",
                node.upsertStatement(properties: Array(node.written.indices), holding: 1 << UInt64(index)))
        }
        let references = node.references.flatMap { reference in
            [
                planned("drop stale \(reference.type)", node.staleStatement(reference: reference)),
                planned("create \(reference.type)", node.referenceStatement(reference: reference)),
                planned("resync: drop other \(reference.type)", node.thinStatement(reference: reference)),
            ]
        }
        let waiting = mapping.keptReferences(to: node).flatMap { holder, reference in
            [
                planned("drop stale \(reference.type) of a new key", node.disownStatement(reference, of: holder)),
                planned("create waiting \(reference.type)", node.adoptStatement(reference, of: holder)),
                planned(
                    "in parts: drop stale \(reference.type) of a new key",
                    node.disownStatement(reference, of: holder, sweeps: true)),
            ]
        }
        let awaited = mapping.awaitedEnds(of: node).flatMap { join, side in
            [
                planned("let \(join.type) wait", join.dismissStatement(side)),
                planned("create waiting \(join.type)", join.admitStatement(side)),
                planned("in parts: let \(join.type) wait", join.dismissGoneStatement(side)),
                planned("in parts: create waiting \(join.type)", join.admitStatement(side, sweeps: true)),
                planned("truncate: let \(join.type) wait", join.dismissAllStatement()),
                planned("in parts: truncate: let \(join.type) wait", join.dismissSweepStatement()),
            ]
        }
        let cut =
            mapping.isNamedFreely(node)
            ? [planned("in parts: delete relationships of a node", node.cutStatement(onlyGone: true))] : []
        let custom =
            node.custom.map { custom in
                CustomCypher.Statement.allCases.map {
                    planned("cypher.\($0.rawValue)", node.customStatement($0, of: custom))
                } + [
                    planned("truncate: cypher.delete", node.customTruncateStatement(custom)),
                    planned("in parts: cypher.upsert", node.customStatement(.upsert, of: custom, skipsGone: true)),
                ]
                    + (node.customSweepStatement.map { [planned("in parts: truncate: cypher.delete", $0)] } ?? [])
            } ?? []
        guard node.distinct == nil else { return counting + references.filter { $0.purpose.hasPrefix("create") } }
        return own + carried + labelled + references + waiting + awaited + cut + lookups(node) + custom
    }

    private static func statements(_ join: JoinMapping) -> [PlannedStatement] {
        func planned(_ purpose: String, _ cypher: String) -> PlannedStatement {
            PlannedStatement(table: join.table, purpose: purpose, cypher: cypher)
        }
        let upsert = planned("upsert relationship", join.upsertStatement(properties: Array(join.written.indices)))
        let puts =
            !join.isKeyed
            ? [upsert]
            : [planned("create relationship", join.linkStatement())] + (join.written.isEmpty ? [] : [upsert])
        let waits =
            !join.waits
            ? []
            : [
                planned("keep waiting row", join.waitStatement()),
                planned("delete waiting row", join.dropWaitingStatement()),
                planned("truncate waiting rows", join.truncateWaitingStatement()),
                planned("in parts: truncate waiting rows", join.waitingSweepStatement()),
            ]
        return puts + waits + [
            planned("change key\(join.isKeyed ? " or ends" : "")", join.moveStatement()),
            planned("delete relationship", join.deleteStatement()),
            planned("resync: drop other relationships", join.thinStatement()),
            planned("truncate", join.truncateStatement()),
            planned("in parts: truncate", join.sweepStatement()),
        ]
    }
}
