// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import PostgreSQL

/// What the mapping file says of views against what the graph has of them, before the stream is followed.
struct ViewFollowing {
    let settings: PipelineSettings
    let plan: Plan
    /// Views that the mapping does not fit to any more, and why not: what the graph has of them stays.
    let unfit: [QualifiedName: String]

    /// Removes what views have made that the file does not have any more, or makes something else of.
    ///
    /// - Returns: What the graph has of each of the mapping's views, in their order.
    func carryOut(
        _ writer: GraphWriter, _ graph: BoltChannel, expecting checkpoint: Checkpoint, _ report: (PipelineEvent) -> Void
    ) throws(PipelineError) -> [ViewState] {
        let before = try ViewState.read(graph, pipeline: settings.name)
        let now = plan.mapping.computed.map { ViewState($0, plan) }
        func transaction(
            _ statement: (cypher: String, parameters: [String: BoltValue])
        ) throws(PipelineError) {
            _ = try apply { () throws(ApplyError) in
                try writer.transaction(statement.cypher, statement.parameters, expecting: checkpoint)
            }
        }
        for old in before where unfit[old.table] == nil {
            if now.contains(where: { $0.isOf(old) }) { continue }
            try apply { () throws(ApplyError) in
                for sweep in old.sweeps { try writer.sweep(sweep, expecting: checkpoint) }
            }
            try transaction(old.removing(pipeline: settings.name))
            let isKept = now.contains { $0.table == old.table }
            report(
                .schema(
                    isKept
                        ? "\(old.table): the mapping makes something else of it: it is read anew"
                        : "\(old.table): it is not in the mapping any more: what it has made leaves the graph"))
        }
        for old in before {
            guard let words = unfit[old.table], old.failure != words else { continue }
            var state = old
            (state.failure, state.isPending) = (words, true)
            try transaction(state.writing(pipeline: settings.name))
            report(.warning("\(old.table) cannot be read until the mapping fits to it again: \(words)"))
        }
        return try now.map { (new) throws(PipelineError) -> ViewState in
            guard var known = before.first(where: { $0.isOf(new) }) else { return new }
            if known.version != new.version {
                (known.version, known.isPending) = (new.version, true)
                try transaction(known.writing(pipeline: settings.name))
            }
            return known
        }
    }
}
