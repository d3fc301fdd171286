// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Capture
public import Mapping
internal import PostgreSQL
public import Threading

/// Runs a pipeline until it is stopped or meets something that only an operator can mend.
///
/// There is one way to recover, whatever failed: everything is dropped, and after a pause the next attempt begins from the
/// checkpoint in the graph, as it would after `kill -9`.
public struct PipelineRun: Sendable {
    private static let briefly: Duration = .seconds(15)

    let settings: PipelineSettings
    let file: MappingFile
    /// Throw the graph's content of this mapping away and read everything again.
    let resnapshot: Bool
    let report: @Sendable (PipelineEvent) -> Void

    public init(
        settings: PipelineSettings, file: MappingFile, resnapshot: Bool = false,
        report: @escaping @Sendable (PipelineEvent) -> Void
    ) {
        self.settings = settings
        self.file = file
        self.resnapshot = resnapshot
        self.report = report
    }

    /// - Parameters:
    ///   - stop: Ends the run after the batch in hand.
    ///   - abandon: Ends it at once; whatever is not committed comes again at the next start.
    public func run(stop: StopSignal, abandon: StopSignal) async throws(PipelineError) {
        var backoff = Backoff()
        var lastGood = MonotonicTime.now
        var limits = settings.limits
        var isResnapshotDue = resnapshot
        var lookedAgain = 0
        while !stop.isStopped {
            let attempt = PipelineAttempt(
                settings: settings, file: file, limits: limits, resnapshot: isResnapshotDue, report: report,
                stop: stop.child(), abandon: abandon)
            do throws(PipelineError) {
                try await attempt.run()
                // It ended without an error: the stop was asked for.
                return
            } catch {
                if stop.isStopped { return }
                if attempt.hasSnapshotBegun { isResnapshotDue = false }
                if attempt.hasProgressed {
                    backoff.reset()
                    lastGood = .now
                    lookedAgain = 0
                }
                if error.disposition == .retry { lastGood = .now }
                switch error.disposition {
                case .stop: throw error
                case .retry: limits = settings.limits
                case .retrySoon: backoff.reset()
                case .retryBriefly: guard MonotonicTime.now - lastGood < Self.briefly else { throw error }
                case .retrySmaller:
                    guard limits.rows > 1 else {
                        var final = error
                        final.disposition = .stop
                        throw final
                    }
                    limits.rows = max(1, limits.rows / 4)
                    limits.bytes = max(64 << 10, limits.bytes / 4)
                    // A transaction by itself may be what was too large.
                    limits.wholeRows = max(limits.rows, limits.wholeRows / 4)
                    limits.wholeBytes = max(limits.bytes, limits.wholeBytes / 4)
                case .schemaChanged:
                    lookedAgain += 1
                    // Every attempt comes at least as far as the catalog that it reads; one that does not makes no haste.
                    if lookedAgain < 3 { continue }
                case .isolate(let transactions):
                    limits.isolatedTransactions = transactions
                    continue
                }
                let pause = backoff.next()
                report(.retrying(error, seconds: pause))
                guard await sleep(pause, stop) else { return }
            }
        }
    }

    private func sleep(_ seconds: Double, _ stop: StopSignal) async -> Bool {
        await DedicatedThread.run(name: "backoff") { stop.sleep(for: .milliseconds(Int64(seconds * 1000))) }
    }
}
