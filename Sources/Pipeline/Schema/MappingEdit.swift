// Part of Lockstep. See LICENSE.

internal import Apply
internal import Mapping
internal import PostgreSQL

/// What somebody has changed in a table's entry of the mapping file since the graph was made by it, and what the graph has to
/// do about it. Pure.
struct MappingEdit {
    var table: QualifiedName
    var change: SchemaChange
    /// What leaves the graph with it.
    var sweeps: [Sweep]
    /// Its rows are other nodes or relationships than before: these go, and it is read like a new table.
    var isMoved: Bool
    /// The constraint on the key of those nodes.
    var formerConstraint: String?

    /// - Returns: Nil where nothing else is made of the table, but for what has happened to its columns.
    init?(_ before: RememberedTables.Entry, _ now: RememberedTables.Entry, _ evolution: SchemaEvolution, _ plan: Plan) {
        let then = before.content
        let gone = then.parts.filter { part in
            part.kind != .cypher && !now.content.parts.contains(where: part.replaces) && !evolution.explains(part)
        }
        let new = now.content.parts.filter { part in
            !then.parts.contains(where: part.isSame) && !evolution.explains(part)
                && !then.parts.filter(part.replaces).contains(where: evolution.explains)
        }
        let keyChange = evolution.followed(.keyChanged, of: now.table)
        let isMoved = keyChange != nil || then.names != now.content.names || new.contains { $0.kind == .key }
        // Rows that did not count may do now.
        let isRead = isMoved || !new.isEmpty || gone.contains { $0.kind == .rule }
        guard isRead || !gone.isEmpty else { return nil }
        table = now.table
        self.isMoved = isMoved

        // A key that has changed in the database makes something else of a table, too, and of those that refer to it.
        let parts = gone + new
        let isOfKey = keyChange != nil || (!parts.isEmpty && parts.allSatisfy(evolution.isOfChangedKey))
        // So has a foreign key that is gone, or there again: rows wait for an end, or do no more.
        let loosened = evolution.followed(.foreignKeyDropped, of: now.table)
        let isOfForeignKey = loosened != nil && !parts.isEmpty && parts.allSatisfy { $0.kind == .waiting }
        let cause = keyChange ?? evolution.followed(.tableAdded, of: now.table) ?? (isOfForeignKey ? loosened : nil)
        let kind: SchemaChangeKind = isOfKey ? .keyChanged : .mappingEdited
        let policy = isOfKey || cause != nil ? .apply : plan.file.schemaChanges[.mappingEdited]
        let action =
            switch policy {
            case .pause: "somebody has to say that this is meant"
            case .ignore where isMoved: "`lockstep run --resnapshot` makes the graph anew"
            case .ignore: "`lockstep resync \(now.table)` writes its rows anew, and leaves what the file names no more"
            case .apply where isMoved: "what it has made leaves the graph, and \(Self.reading)"
            case .apply:
                [Self.leaving(gone).map { "\($0) leaves the graph" }, isRead ? Self.reading : nil].compactMap(\.self)
                    .joined(separator: ", and ")
            }
        let file = evolution.fileName(of: now.table)
        change =
            cause
            ?? SchemaChange(
                kind: kind, policy: policy, table: file,
                what: isOfKey
                    ? "rows that it refers to have another key"
                    : "the mapping makes something else of it than the graph has",
                action: action.isEmpty ? "the graph follows" : action,
                advice: policy == .pause ? "let mappingEdited be apply, or take the change of \(file) back" : nil)
        change.needsReading = policy == .apply && isRead
        guard policy == .apply else {
            sweeps = []
            return
        }
        sweeps = isMoved ? before.sweeps : before.sweeps(of: gone)
        formerConstraint = isMoved ? then.label.map(GraphMapping.keyConstraint) : nil
    }

    private static let reading = "it is read while the stream goes on"

    /// What goes, by names; nil where nothing does.
    private static func leaving(_ parts: [TableContent.Part]) -> String? {
        let names = parts.compactMap { part -> String? in
            switch part.kind {
            case .property where part.name.hasPrefix(PropertyMapping.ownPrefix), .waiting, .key, .rule, .cypher: nil
            case .property, .label: part.name
            case .relationship: part.relationship?.type
            }
        }
        return names.isEmpty ? nil : names.listed
    }

    /// Of every table that the graph has and the mapping names.
    static func all(
        from before: RememberedTables?, to now: RememberedTables, _ evolution: SchemaEvolution, _ plan: Plan
    ) -> [MappingEdit] {
        guard let before else { return [] }
        return now.entries.compactMap { now in
            before.entry(of: now).flatMap { MappingEdit($0, now, evolution, plan) }
        }
    }
}
