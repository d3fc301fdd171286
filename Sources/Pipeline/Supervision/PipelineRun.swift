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
    let reload = MappingReload()

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
        var current = MappingReload.Offer(file: file, settings: settings)
        /// The last that an attempt has begun with; nil where that is ``current``.
        var proven: MappingReload.Offer?
        var limits = settings.limits
        var isResnapshotDue = resnapshot
        var lookedAgain = 0
        /// Lets the mapping go that no attempt could begin with.
        func goBack(_ error: PipelineError) throws(PipelineError) {
            guard let before = proven else { throw error }
            report(.warning("\(current.file.file) cannot be gone by, and the mapping before it goes on: \(error)"))
            (current, proven) = (before, nil)
            limits = current.settings.limits
        }
        while !stop.isStopped {
            let attemptStop = stop.child()
            if let offer = reload.begin(attemptStop) {
                proven = proven ?? current
                current = offer
                limits = offer.settings.limits
                backoff.reset()
                lastGood = .now
            }
            let attempt = PipelineAttempt(
                settings: current.settings, file: current.file, limits: limits, resnapshot: isResnapshotDue,
                report: report, stop: attemptStop, abandon: abandon)
            do throws(PipelineError) {
                let checkpoint = try await attempt.run()
                if attempt.hasSnapshotBegun { isResnapshotDue = false }
                // It ended without an error: the stop was asked for, or another mapping offered.
                guard reload.isOffered, !stop.isStopped else { return report(.stopped(checkpoint)) }
                proven = nil
            } catch {
                if stop.isStopped { return }
                if attempt.hasSnapshotBegun { isResnapshotDue = false }
                if attempt.hasProgressed {
                    backoff.reset()
                    lastGood = .now
                    lookedAgain = 0
                }
                if attempt.isPrepared { proven = nil }
                if reload.isOffered { continue }
                if error.disposition == .retry { lastGood = .now }
                switch error.disposition {
                case .stop:
                    try goBack(error)
                    continue
                case .retry, .retryUnlocked: limits = current.settings.limits
                case .retrySoon: backoff.reset()
                case .retryBriefly:
                    if MonotonicTime.now - lastGood >= Self.briefly {
                        try goBack(error)
                        continue
                    }
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
                guard await sleep(pause, attemptStop) || !stop.isStopped else { return }
            }
        }
    }

    private func sleep(_ seconds: Double, _ stop: StopSignal) async -> Bool {
        await DedicatedThread.run(name: "backoff") { stop.sleep(for: .milliseconds(Int64(seconds * 1000))) }
    }
}
