// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping
internal import Threading

/// The file's `schema` in a run and in `setup`: made behind the first read, so that the stream begins sooner.
///
/// It never holds the stream up: what the graph refuses is a warning, and indexes are built beside it.
struct SchemaKeeper: Sendable {
    let settings: PipelineSettings
    let work: SchemaWork
    let report: @Sendable (PipelineEvent) -> Void
    /// Nil where nothing interrupts.
    let abandon: StopSignal?

    /// Makes, changes and drops what differs.
    func bringAbout() throws(PipelineError) {
        try connected { graph throws(BoltError) in
            guard let steps = try readable({ () throws(BoltError) in try work.steps(graph) }) else { return }
            for step in steps where step.action == .refuse {
                let what = "the \(step.what) cannot be made: \(step.reason ?? "")"
                report(step.isLacking ? .schema(what) : .warning(what))
            }
            try work.apply(steps, graph) { step in
                let what =
                    switch step.action {
                    case .create: "made"
                    case .change: "made anew"
                    default: "dropped"
                    }
                report(.schema("\(what) \(step.what) (\(step.name))"))
            } failed: { step, error in
                report(.warning("the \(step.what) could not be made: \(error)\(Self.remedy(error))"))
            }
        }
    }

    /// Nil, and a warning, where the server does not let the schema be read: no reason to end the stream.
    private func readable<Value>(_ body: () throws(BoltError) -> Value) throws(BoltError) -> Value? {
        do throws(BoltError) { return try body() } catch {
            guard error.kind == .server else { throw error }
            report(.warning("the graph's indexes cannot be read: \(error)"))
            return nil
        }
    }

    private static func remedy(_ error: BoltError) -> String {
        guard let code = error.code, code.contains("Forbidden") || code.contains("Security") else { return "" }
        return " (`lockstep setup` makes it, with the rights of a user of role architect)"
    }

    /// Reports how far indexes are until all are built, or failed, or `stop` says so. A lost connection is taken anew.
    func watch(until stop: StopSignal) {
        guard work.mapping.schema.contains(where: \.kind.isIndex) else { return }
        var progress = IndexProgress(report: report)
        while !stop.isStopped {
            do throws(PipelineError) {
                let isDone = try connected { graph throws(BoltError) in
                    while !stop.isStopped {
                        guard let unfinished = try readable({ () throws(BoltError) in try work.unfinished(graph) })
                        else { return true }
                        if progress.note(unfinished) { return true }
                        _ = stop.sleep(for: .seconds(1))
                    }
                    return true
                }
                if isDone { return }
            } catch {
                // Whether the graph is away is for the stream to say.
                _ = stop.sleep(for: .seconds(5))
            }
        }
    }

    /// Waits until every index can be used.
    ///
    /// - Throws: When one failed, or `limit` has passed.
    func awaitOnline(within limit: Duration) throws(PipelineError) {
        let deadline = MonotonicTime.after(limit)
        let stop = StopSignal()
        var progress = IndexProgress(report: report)
        while true {
            let unfinished = try connected { graph throws(BoltError) in try work.unfinished(graph) }
            let isDone = progress.note(unfinished)
            if let failed = unfinished.failed.first {
                throw PipelineError(
                    "an index failed", "\(failed.name): \(failed.reason)",
                    remedy:
                        "\(SchemaItem.dropStatement(failed.name, isIndex: true)); then `lockstep setup` makes it anew.")
            }
            if isDone { return }
            guard MonotonicTime.now < deadline else {
                throw PipelineError(
                    "indexes are still being built",
                    unfinished.populating.map { "\($0.name) \(Int($0.percent)) %" }.joined(separator: ", "),
                    remedy: "The graph goes on building them. `lockstep check` shows how far it is.")
            }
            _ = stop.sleep(for: .milliseconds(200))
        }
    }

    private func connected<Value>(_ body: (BoltChannel) throws(BoltError) -> Value) throws(PipelineError) -> Value {
        try GraphConnection.use(settings.graph, abandon: abandon) { graph throws(PipelineError) in
            do throws(BoltError) { return try body(graph) } catch { throw PipelineError(error) }
        }
    }
}

/// What was told of indexes that are being built.
private struct IndexProgress {
    let report: @Sendable (PipelineEvent) -> Void
    private var shown: [String: Int] = [:]
    private var failed: Set<String> = []

    init(report: @escaping @Sendable (PipelineEvent) -> Void) { self.report = report }

    /// - Returns: True where nothing is left to wait for.
    mutating func note(_ unfinished: SchemaWork.Unfinished) -> Bool {
        for (name, reason) in unfinished.failed where failed.insert(name).inserted {
            report(.warning("the index \(name) failed: \(reason)"))
        }
        let building = Set(unfinished.populating.map(\.name))
        for name in shown.keys.sorted() where !building.contains(name) && !failed.contains(name) {
            report(.schema("\(name) is built"))
            shown[name] = nil
        }
        for (name, percent) in unfinished.populating {
            // In steps of ten.
            let step = Int(percent) / 10
            if shown.updateValue(step, forKey: name) != step {
                report(.schema("\(name) is being built: \(Int(percent)) %"))
            }
        }
        return unfinished.populating.isEmpty
    }
}
