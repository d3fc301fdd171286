// Part of Lockstep. See LICENSE.

public import Mapping
internal import PostgreSQL
public import Threading
public import Verify

/// Compares both sides of a pipeline, while it runs.
public enum PipelineVerification {
    /// - Parameters:
    ///   - timeout: How long the graph may take to reach a position of the WAL.
    ///   - progress: Called on the comparing thread, now and then.
    public static func run(
        _ settings: PipelineSettings, file: MappingFile, timeout: Duration, stop: StopSignal,
        progress: @escaping @Sendable (Verification.Progress) -> Void
    ) async throws(PipelineError) -> Verification.Report {
        try await DedicatedThread.run(name: "verify") { () throws(PipelineError) in
            let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source, stop: stop)
            }
            let memory = try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                try SchemaMemory.read(graph, pipeline: settings.name)
            }
            let plan = try PipelinePlan.make(file, source, memory: memory)
            let waiting = try WaitForGraph(settings, stop: stop)
            do throws(VerifyError) {
                return try Verification(mapping: plan.mapping, source: settings.source, graph: settings.graph).run(
                    waitForGraph: { try waiting.wait(for: $0, timeout: timeout) },
                    waitForView: { name, lsn in
                        guard let view = plan.mapping.computed.first(where: { $0.table == name }) else { return true }
                        return try waiting.wait(for: view, at: lsn, timeout: timeout)
                    }, progress: progress, stop: stop)
            } catch {
                throw PipelineError(error)
            }
        }
    }
}

extension PipelineError {
    init(_ error: VerifyError) {
        switch error.kind {
        case .postgres(let cause): self.init(cause)
        case .graph(let cause): self.init(cause)
        case .graphBehind:
            self.init("the graph is behind", error.description, remedy: "Start `lockstep run`, or give it --timeout.")
        case .stopped: self.init("stopped", error.description)
        case .waiting, .value, .protocolViolation: self.init("the comparison failed", error.description)
        }
    }
}
