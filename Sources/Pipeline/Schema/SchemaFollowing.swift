// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Carries out in the graph what has happened to tables since the pipeline last looked, in the database and in the mapping
/// file. Everything may be repeated: the memory is written last.
struct SchemaFollowing {
    let settings: PipelineSettings
    let plan: Plan
    let evolution: SchemaEvolution
    let memory: [TableMemory]

    /// Tables that are going to be read beside the stream.
    var toBeRead: [QualifiedName] { requests.map(\.table) }

    /// - Parameter isFirst: Everything is read anyway: there is nothing to carry out.
    func carryOut(
        _ writer: GraphWriter, _ graph: BoltChannel, expecting checkpoint: Checkpoint?, isFirst: Bool,
        _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        if !isFirst, let checkpoint {
            try refuse()
            try refuseForeignContent(graph)
            for change in evolution.changes {
                let sweeps = change.sweeps.map {
                    Sweep(text: $0, table: change.table, custom: change.runsCustom ? .delete : nil)
                }
                try run(sweeps, writer, expecting: checkpoint)
                report(.schema(change.description))
            }
            let told = Set(evolution.changes.compactMap(\.advice))
            for name in evolution.oldNames where !told.contains(name.advice) { report(.schema(name.description)) }
            let before = try RememberedTables.read(pipeline: settings.name, graph)?.entries ?? []
            let tables = RememberedTables(plan)
            try removeTables(before, now: tables.entries, writer, expecting: checkpoint, report)
            tellOfEdits(before, now: tables.entries, report)
            if !evolution.changes.isEmpty {
                try apply { () throws(ApplyError) in
                    try SchemaHistory.write(
                        evolution.changes, writer, pipeline: settings.name, expecting: checkpoint)
                }
            }
            let requests = requests
            for request in requests where request.reason == .added {
                report(.schema("\(request.table): it is in the mapping now: it is read while the stream goes on"))
            }
            try apply { () throws(ApplyError) in
                try writer.write(
                    checkpoint,
                    and: [
                        tables.writing(pipeline: settings.name),
                        LoadStore.putting(requests.map { TableLoad($0) }, pipeline: settings.name),
                    ], expecting: checkpoint)
            }
        }
        guard evolution.memory.sorted(by: { $0.fileName < $1.fileName }) != memory else { return }
        try apply { () throws(ApplyError) in
            try SchemaMemory.write(evolution.memory, writer, pipeline: settings.name, expecting: checkpoint)
        }
    }

    /// What has to be read, or read again.
    private var requests: [LoadRequest] {
        let changed = Set(evolution.changes.filter(\.needsReading).compactMap { evolution.currentName(of: $0.table) })
        return changed.sorted().map { LoadRequest($0, reason: .schemaChanged) }
            + evolution.added.filter { !changed.contains($0) }.map { LoadRequest($0, reason: .added) }
    }

    /// Nodes that somebody else has put there would be taken for those of a new table.
    private func refuseForeignContent(_ graph: BoltChannel) throws(PipelineError) {
        var mapping = plan.mapping
        mapping.nodes.removeAll { !evolution.added.contains($0.table) }
        try GraphSetup(mapping: mapping).refuseForeignContent(graph)
    }

    private func removeTables(
        _ before: [RememberedTables.Entry], now: [RememberedTables.Entry], _ writer: GraphWriter,
        expecting checkpoint: Checkpoint, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        let kept = Set(now.map(\.names))
        for table in evolution.removed {
            guard let entry = before.first(where: { $0.oid == table.oid }), !kept.contains(entry.names) else {
                report(.warning("\(table.name) is not in the mapping any more: what it has made in the graph stays"))
                continue
            }
            try run(entry.sweeps, writer, expecting: checkpoint)
            report(.schema("\(table.name): it is not in the mapping any more: what it has made leaves the graph"))
        }
    }

    /// What the file makes of a table by now, and did not when the graph was made: only reading it brings that in.
    private func tellOfEdits(
        _ before: [RememberedTables.Entry], now: [RememberedTables.Entry], _ report: (PipelineEvent) -> Void
    ) {
        let followed = Set(evolution.changes.compactMap { evolution.currentName(of: $0.table) })
        for now in now where !followed.contains(now.table) {
            guard let then = before.first(where: { $0.oid == now.oid }), then.fingerprint != now.fingerprint else {
                continue
            }
            let remedy =
                then.names == now.names && !plan.mapping.isReadInOnePiece(now.table)
                ? "`lockstep resync \(now.table)` writes its rows anew, and leaves what the file names no more"
                : "`lockstep run --resnapshot` makes the graph anew"
            report(.warning("\(now.table): the mapping makes something else of it than the graph has: \(remedy)"))
        }
    }

    private func run(
        _ sweeps: [Sweep], _ writer: GraphWriter, expecting checkpoint: Checkpoint
    ) throws(PipelineError) {
        try apply { () throws(ApplyError) in
            for sweep in sweeps { try writer.sweep(sweep, expecting: checkpoint) }
        }
    }

    /// What somebody has to decide on first.
    private func refuse() throws(PipelineError) {
        func lines(_ changes: [SchemaChange]) -> String {
            changes.map { "\n  \($0.table): \($0.what)" + ($0.advice.map { " (\($0))" } ?? "") }.joined()
        }
        if !evolution.pausing.isEmpty {
            let kinds = Set(evolution.pausing.map(\.kind.rawValue)).sorted().joined(separator: ", ")
            throw PipelineError(
                "a table has changed, and the mapping says pause", lines(evolution.pausing),
                remedy:
                    "Edit the mapping as the lines say, or let schemaChanges in it say apply (or ignore) for \(kinds), "
                    + "and start again. Nothing was lost: the checkpoint has not moved.")
        }
        // The others are read while the stream goes on.
        let reading = evolution.changes.filter { evolution.asksForEverything($0, plan.mapping) }
        if !reading.isEmpty {
            throw PipelineError(
                "a table has changed so that it has to be read again", lines(reading),
                remedy: "`lockstep run --resnapshot` reads everything again and makes the graph right.")
        }
    }
}

extension SchemaEvolution {
    /// A table that has to be read again cannot be read by itself.
    func asksForEverything(_ change: SchemaChange, _ mapping: GraphMapping) -> Bool {
        change.needsReading && (currentName(of: change.table).map(mapping.isReadInOnePiece) ?? true)
    }
}
