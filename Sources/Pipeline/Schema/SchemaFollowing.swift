// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Carries out in the graph what has happened to tables since the pipeline last looked, in the database and in the mapping
/// file. Everything may be repeated: the memory is written last. An edit of the file may also be taken back at any moment: what
/// is about to be made otherwise is remembered as unsettled first.
struct SchemaFollowing {
    private let settings: PipelineSettings
    private let plan: Plan
    private let evolution: SchemaEvolution
    private let memory: [TableMemory]
    /// What the graph was made by; nil where everything is read anyway.
    private let before: RememberedTables?
    private let now: RememberedTables
    private let edits: [MappingEdit]

    init(
        settings: PipelineSettings, plan: Plan, evolution: SchemaEvolution, memory: [TableMemory],
        before: RememberedTables?
    ) {
        self.settings = settings
        self.plan = plan
        self.evolution = evolution
        self.memory = memory
        self.before = before
        var now = RememberedTables(plan)
        if let others = evolution.toldOf ?? before?.others { now.others?.formIntersection(others) }
        // What is left alone for want of a key is still what it was made of.
        now.entries += before?.entries.filter { evolution.keyless.contains($0.oid) } ?? []
        self.now = now
        edits = MappingEdit.all(from: before, to: now, evolution, plan)
    }

    /// Tables whose publication may be altered: they are going to be read beside the stream, or less is made of their rows.
    var mayBeAltered: [QualifiedName] {
        requests.map(\.table) + edits.filter { $0.change.policy == .apply }.map(\.table)
    }

    /// Tables beside the mapping that are not new.
    var others: Set<OID> { now.others ?? [] }

    private var changes: [SchemaChange] { evolution.changes + edits.filter { !isTold($0) }.map(\.change) }

    /// It is what a change of the table has made necessary.
    private func isTold(_ edit: MappingEdit) -> Bool { evolution.changes.contains { $0.id == edit.change.id } }

    /// Before anything is altered: refuses what somebody has to decide on first, and remembers what is about to be made
    /// otherwise.
    func begin(
        _ writer: GraphWriter, _ graph: BoltChannel, expecting checkpoint: Checkpoint
    ) throws(PipelineError) {
        try refuse()
        try refuseForeignContent(graph)
        guard let before else { return }
        let unsettled = before.unsettled(by: edits, until: now, without: evolution.removed.map(\.oid))
        guard unsettled.entries != before.entries else { return }
        try apply { () throws(ApplyError) in
            try writer.write(
                checkpoint, and: [unsettled.writing(pipeline: settings.name)], expecting: checkpoint)
        }
    }

    func carryOut(
        _ writer: GraphWriter, _ graph: BoltChannel, expecting checkpoint: Checkpoint, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        for change in evolution.changes {
            try run(before?.sweeps(for: change, now: now) ?? [], writer, expecting: checkpoint)
            report(.schema(change.description))
        }
        for edit in edits {
            try run(edit.sweeps, writer, expecting: checkpoint)
            guard !isTold(edit) else { continue }
            let words = edit.change.description
            report(edit.change.policy == .ignore ? .warning(words) : .schema(words))
        }
        let told = Set(evolution.changes.compactMap(\.advice))
        for name in evolution.oldNames where !told.contains(name.advice) { report(.schema(name.description)) }
        try removeTables(writer, expecting: checkpoint, report)
        let setup = GraphSetup(mapping: plan.mapping)
        let former = Set(edits.compactMap(\.formerConstraint))
        if !former.isEmpty { try setup.createConstraints(graph, replacing: former) }
        try setup.dropKeyConstraints(before?.entries.compactMap(\.content.label) ?? [], graph)
        if !changes.isEmpty {
            try apply { () throws(ApplyError) in
                try SchemaHistory.write(changes, writer, pipeline: settings.name, expecting: checkpoint)
            }
        }
        let adopted = Set(evolution.adopting.map(\.name))
        for table in evolution.added where !adopted.contains(table) {
            report(.schema("\(table): it is in the mapping now: it is read while the stream goes on"))
        }
        let loads = LoadStore.putting(requests.map { TableLoad($0) }, pipeline: settings.name)
        let statements = [now.writing(pipeline: settings.name), loads] + memories
        try apply { () throws(ApplyError) in
            try writer.write(checkpoint, and: statements, expecting: checkpoint)
        }
    }

    /// Where everything is read anyway: there is nothing to carry out.
    func remember(_ writer: GraphWriter, expecting checkpoint: Checkpoint?) throws(PipelineError) {
        for (cypher, parameters) in memories {
            try apply { () throws(ApplyError) in
                _ = try writer.transaction(cypher, parameters, expecting: checkpoint)
            }
        }
    }

    private var memories: [(cypher: String, parameters: [String: BoltValue])] {
        evolution.memory.sorted { $0.fileName < $1.fileName } == memory
            ? [] : SchemaMemory.writing(evolution.memory, pipeline: settings.name)
    }

    /// What has to be read, or read again.
    private var requests: [LoadRequest] {
        let changed = Set(evolution.changes.filter(\.needsReading).compactMap { evolution.currentName(of: $0.table) })
        let edited = edits.filter { $0.change.needsReading && !changed.contains($0.table) }
        return changed.sorted().map { request($0, .schemaChanged) }
            + evolution.added.filter { !changed.contains($0) }.map { request($0, .added) }
            + edited.map { request($0.table, $0.isMoved ? .added : .mappingChanged) }
    }

    private func request(_ table: QualifiedName, _ reason: LoadRequest.Reason) -> LoadRequest {
        LoadRequest(table, reason: reason, behind: plan.mapping.catalogLSN)
    }

    /// Nodes that somebody else has put there would be taken for those of a new table.
    private func refuseForeignContent(_ graph: BoltChannel) throws(PipelineError) {
        let own = before?.names ?? []
        let moved = edits.filter(\.isMoved).map(\.table)
        var mapping = plan.mapping
        mapping.nodes.removeAll { node in
            own.contains(node.label) || !(evolution.added.contains(node.table) || moved.contains(node.table))
        }
        try GraphSetup(mapping: mapping).refuseForeignContent(graph, isFollowed: true)
    }

    /// Tables that the file has lost.
    private func removeTables(
        _ writer: GraphWriter, expecting checkpoint: Checkpoint, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        // What is going to be read has made nothing yet.
        let kept = Set(
            now.entries.filter { entry in before?.entry(of: entry)?.content.names == entry.content.names }.map(
                \.content.names))
        for table in evolution.removed {
            guard let entry = before?.entries.first(where: { $0.oid == table.oid }), !kept.contains(entry.content.names)
            else {
                report(.warning("\(table.name) is not in the mapping any more: what it has made in the graph stays"))
                continue
            }
            try run(entry.sweeps, writer, expecting: checkpoint)
            report(.schema("\(table.name): it is not in the mapping any more: what it has made leaves the graph"))
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
        let pausing = changes.filter { $0.policy == .pause }
        if !pausing.isEmpty {
            let kinds = Set(pausing.map(\.kind.rawValue)).sorted().joined(separator: ", ")
            throw PipelineError(
                "a table has changed, and the mapping says pause", lines(pausing),
                remedy:
                    "Edit the mapping as the lines say, or let schemaChanges in it say apply (or ignore) for \(kinds), "
                    + "and start again. Nothing was lost: the checkpoint has not moved.")
        }
    }
}
