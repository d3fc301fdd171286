// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// Carries out in the graph what has happened to tables since the pipeline last looked. Everything may be repeated: the
/// memory is written last.
struct SchemaFollowing {
    let settings: PipelineSettings
    let evolution: SchemaEvolution
    let memory: [TableMemory]

    /// - Parameter isFirst: Everything is read anyway: there is nothing to carry out.
    func carryOut(
        _ writer: GraphWriter, expecting checkpoint: Checkpoint?, isFirst: Bool, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) {
        if !isFirst {
            try refuse()
            for change in evolution.changes {
                for sweep in change.sweeps { try run(sweep, writer, expecting: checkpoint) }
                report(.schema(change.description))
            }
            if !evolution.changes.isEmpty {
                try apply { () throws(ApplyError) in
                    try SchemaHistory.write(
                        evolution.changes, writer, pipeline: settings.name, expecting: checkpoint)
                }
            }
        }
        guard evolution.memory.sorted(by: { $0.fileName < $1.fileName }) != memory else { return }
        try apply { () throws(ApplyError) in
            try SchemaMemory.write(evolution.memory, writer, pipeline: settings.name, expecting: checkpoint)
        }
    }

    private func run(
        _ sweep: String, _ writer: GraphWriter, expecting checkpoint: Checkpoint?
    ) throws(PipelineError) {
        while true {
            let rows = try apply { () throws(ApplyError) in try writer.transaction(sweep, expecting: checkpoint) }
            guard let count = rows.first?.first?.integerValue, count > 0 else { return }
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
        let reading = evolution.changes.filter(\.needsReading)
        if !reading.isEmpty {
            throw PipelineError(
                "a table has changed so that it has to be read again", lines(reading),
                remedy: "`lockstep run --resnapshot` reads everything again and makes the graph right.")
        }
    }
}
