// Part of Lockstep. See LICENSE.

internal import Mapping
internal import Pipeline
internal import PostgreSQL
internal import Synchronization
internal import Threading
internal import Verify

enum VerifyCommand: Command {
    static let name = "verify"
    static let summary = "compares every mapped row and relationship with the graph"
    static let synopsis = "--full [-c FILE] [--json] [--show N] [--timeout SECONDS]"
    static let details = """
        Works while changes go on: what seems to differ is looked at again until it is sure. `lockstep run` has to be
        running. Names of properties that differ are printed, values never. Exit code 1 when anything differs.

          --full              everything (the only form as yet)
          -c FILE             the mapping file (default lockstep.yaml)
          --show N            print the first N differences (default 20)
          --timeout SECONDS   how long the graph may take to catch up (default 60)
          --json              for machines
        """
    static let options: Set<String> = ["config", "show", "timeout"]
    static let flags: Set<String> = ["full", "json"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        guard arguments.has("full") else {
            throw Arguments.UsageError(message: "--full is needed: compare everything")
        }
        let shown = arguments["show"] ?? "20"
        guard let limit = Int(shown), limit >= 0 else {
            throw Arguments.UsageError(message: "--show takes a number, not \"\(shown)\"")
        }
        let timeout = try arguments.seconds("timeout", default: 60)
        let project = try Project(arguments)
        let stop = StopSignal()
        Signals.forward(to: stop, abandon: StopSignal())
        let line = ProgressLine()
        let report = try await PipelineVerification.run(
            project.settings, file: project.file, timeout: timeout, stop: stop, progress: { line.show($0) })
        line.clear()
        if arguments.has("json") {
            Terminal.out(json(report))
        } else {
            write(report, limit)
        }
        return report.isEqual ? .success : .negative
    }

    private static func write(_ report: Verification.Report, _ limit: Int) {
        for finding in report.findings.prefix(limit) { Terminal.out(finding.description) }
        if report.differences > min(limit, report.findings.count) { Terminal.out("…") }
        for table in report.tables where table.differences + table.unsettled + table.unchecked > 0 {
            var text = "\(table.what) of \(table.table): \(table.rows) rows, \(table.inGraph) in the graph"
            if table.differences > 0 { text += ", \(table.differences) differences" }
            if table.unsettled > 0 { text += ", \(table.unsettled) changed on every look" }
            if table.unchecked > 0 { text += ", \(table.unchecked) more suspected and not looked at again" }
            Terminal.out(text)
        }
        for table in report.custom { Terminal.out("not verified: what the cypher of \(table) makes") }
        let seconds = RunDisplay.fixed(report.duration / .seconds(1), 1)
        let verdict = report.isEqual ? "equal" : "\(report.differences) differences"
        Terminal.out("\(verdict): \(report.rows) nodes and relationships compared in \(seconds) s")
    }

    private static func json(_ report: Verification.Report) -> String {
        JSONText.object([
            ("equal", .bool(report.isEqual)),
            ("differences", .number(report.differences)),
            ("unsettled", .number(report.unsettled)),
            ("unchecked", .number(report.unchecked)),
            ("seconds", .decimal(report.duration / .seconds(1))),
            (
                "comparisons",
                .array(
                    report.tables.map { table in
                        .object([
                            ("what", .string(table.what)), ("table", .string(table.table.description)),
                            ("rows", .number(table.rows)), ("inGraph", .number(table.inGraph)),
                            ("differences", .number(table.differences)), ("unsettled", .number(table.unsettled)),
                            ("unchecked", .number(table.unchecked)),
                        ])
                    })
            ),
            ("notVerified", .array(report.custom.map { .string($0.description) })),
            (
                "findings",
                .array(
                    report.findings.map { finding in
                        .object([
                            ("kind", .string(finding.kind.rawValue)), ("what", .string(finding.what)),
                            ("table", .string(finding.table.description)), ("key", .string(finding.key)),
                            ("properties", .array(finding.properties.map { .string($0) })),
                        ])
                    })
            ),
        ]).text()
    }

    /// One moving line on a terminal, nothing elsewhere.
    private final class ProgressLine: Sendable {
        private let last = Mutex(MonotonicTime(nanoseconds: 0))

        func show(_ progress: Verification.Progress) {
            guard Terminal.isErrorTerminal else { return }
            let isDue = last.withLock { last in
                guard MonotonicTime.now - last > .milliseconds(100) else { return false }
                last = .now
                return true
            }
            guard isDue else { return }
            let step =
                switch progress.step {
                case .readingSource: "reading PostgreSQL"
                case .waitingForGraph: "waiting for the graph"
                case .readingGraph: "reading the graph"
                case .lookingAgain: "looking again"
                }
            let text = "\(progress.comparison + 1)/\(progress.comparisons) \(progress.what): \(step) \(progress.count)"
            Terminal.errorRaw("\r\u{1B}[K" + String(text.prefix(Terminal.columns - 1)))
        }

        func clear() {
            if Terminal.isErrorTerminal { Terminal.errorRaw("\r\u{1B}[K") }
        }
    }
}
