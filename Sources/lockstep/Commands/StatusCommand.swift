// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Mapping
internal import Pipeline
internal import PostgreSQL

enum StatusCommand: Command {
    static let name = "status"
    static let summary = "shows phase, checkpoint, lag and rate"
    static let synopsis = "[-c FILE] [--json]"
    static let details = """
        Reads both servers; the running process is not asked. The rate is measured over half a second.

          -c FILE   the mapping file (default lockstep.yaml)
          --json    for machines
        """
    static let options: Set<String> = ["config"]
    static let flags: Set<String> = ["json"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        let status = try await PipelineStatus.read(
            project.settings, file: project.file, rateOver: .milliseconds(500))
        if arguments.has("json") {
            Terminal.out(json(status, project.file))
        } else {
            for (name, value) in rows(status, project.settings, project.file) {
                Terminal.out(name.padded(to: 18) + value)
            }
        }
        return .success
    }

    private static func rows(
        _ status: PipelineStatus, _ settings: PipelineSettings, _ file: MappingFile
    ) -> [(String, String)] {
        var rows = [
            ("pipeline", settings.name), ("source", settings.source.description),
            ("graph", settings.graph.description), ("phase", status.phase.rawValue),
        ]
        if let checkpoint = status.checkpoint {
            rows += [
                ("checkpoint", "\(checkpoint.lsn)"),
                (
                    "lag",
                    "\(RunDisplay.bytes(Int64(clamping: status.lagBytes))), \(RunDisplay.fixed(status.lagSeconds, 3)) s"
                ),
                ("applied", "\(checkpoint.changes) rows in \(checkpoint.transactions) transactions"),
            ]
        }
        if let partial = status.checkpoint?.partial {
            rows.append(
                (
                    "partly applied",
                    "transaction at \(partial.commitLSN): \(partial.pass.rawValue), \(partial.changes) changes done"
                ))
        }
        for load in status.loads {
            let state =
                load.pass.map { pass in
                    "\(pass.rawValue), \(Int(load.share * 100)) %, \(load.rows) rows, \(RunDisplay.bytes(load.bytes))"
                        + (pass == .counts ? ", the stream waits until it is read" : "")
                } ?? "waiting"
            rows.append(("loading", "\(load.request.table) (\(load.request.reason.rawValue)): \(state)"))
        }
        for view in status.views {
            rows.append((view.table.isOfQuery ? "query" : "view", "\(view.table): \(text(view))"))
            if let failure = view.failure { rows.append(("", "it cannot be read: \(failure)")) }
        }
        if let waiting = status.waitingReferences {
            rows.append(("waiting", "\(waiting) references to rows that are not there"))
        }
        for table in file.tablesWithCypher { rows.append(("not verified", "what the cypher of \(table) makes")) }
        if let rate = status.changesPerSecond { rows.append(("rate", "\(RunDisplay.fixed(rate, 0)) rows/s")) }
        if let confirmed = status.confirmedLSN {
            rows.append(("slot", "\(settings.slot), confirmed \(confirmed), \(status.walStatus ?? "?")"))
            rows.append(("retained WAL", RunDisplay.bytes(status.retainedWALBytes)))
        } else {
            rows.append(("slot", "\(settings.slot) does not exist"))
        }
        for change in status.schemaChanges.prefix(5) {
            rows.append(("schema", "\(change.at.prefix(19)) \(change.table): \(change.what): \(change.action)"))
            if let advice = change.advice { rows.append(("", advice)) }
        }
        return rows
    }

    private static func text(_ view: ViewState) -> String {
        let pending = view.isPending ? ", changed since" : ""
        guard let at = view.readAt else { return "not read yet" }
        return "\(view.rows) rows, read at \(at.prefix(19)) in \(RunDisplay.fixed(view.seconds, 1)) s" + pending
    }

    private static func json(_ view: ViewState) -> JSONText {
        .object([
            ("table", .string(view.table.description)), ("pending", .bool(view.isPending)),
            ("lsn", view.lsn.map { .string($0.description) } ?? .null),
            ("readAt", view.readAt.map { .string($0) } ?? .null), ("rows", .number(Int(view.rows))),
            ("seconds", .decimal(view.seconds)), ("failure", view.failure.map { .string($0) } ?? .null),
        ])
    }

    private static func json(_ status: PipelineStatus, _ file: MappingFile) -> String {
        let checkpoint = status.checkpoint
        return JSONText.object([
            ("pipeline", .string(file.pipeline)),
            ("phase", .string(status.phase.rawValue)),
            ("checkpoint", checkpoint.map { .string($0.lsn.description) } ?? .null),
            ("currentLsn", .string(status.currentLSN.description)),
            ("confirmedLsn", status.confirmedLSN.map { .string($0.description) } ?? .null),
            ("lagBytes", .number(Int(clamping: status.lagBytes))),
            ("lagSeconds", .decimal(status.lagSeconds)),
            ("rowsApplied", .number(Int(checkpoint?.changes ?? 0))),
            ("transactionsApplied", .number(Int(checkpoint?.transactions ?? 0))),
            (
                "partial",
                checkpoint?.partial.map {
                    .object([
                        ("commitLsn", .string($0.commitLSN.description)), ("pass", .string($0.pass.rawValue)),
                        ("changes", .number($0.changes)),
                    ])
                } ?? .null
            ),
            ("loads", .array(status.loads.map(json))),
            ("views", .array(status.views.map(json))),
            ("rowsPerSecond", status.changesPerSecond.map { .decimal($0) } ?? .null),
            ("waitingReferences", status.waitingReferences.map { .number(Int($0)) } ?? .null),
            ("notVerified", .array(file.tablesWithCypher.map { .string($0.description) })),
            ("schemaChanges", .array(status.schemaChanges.map(json))),
            ("retainedWalBytes", .number(Int(status.retainedWALBytes))),
            ("walStatus", status.walStatus.map { .string($0) } ?? .null),
            ("activePid", status.activePID.map { .number(Int($0)) } ?? .null),
        ]).text()
    }

    private static func json(_ load: TableLoad) -> JSONText {
        .object([
            ("table", .string(load.request.table.description)), ("reason", .string(load.request.reason.rawValue)),
            ("pass", load.pass.map { .string($0.rawValue) } ?? .null), ("share", .decimal(load.share)),
            ("rows", .number(Int(load.rows))), ("bytes", .number(Int(load.bytes))),
        ])
    }

    private static func json(_ change: SchemaChangeRecord) -> JSONText {
        .object([
            ("kind", .string(change.kind)), ("policy", .string(change.policy)), ("table", .string(change.table)),
            ("what", .string(change.what)), ("action", .string(change.action)),
            ("advice", change.advice.map { .string($0) } ?? .null),
            ("lsn", change.lsn.map { .string($0.description) } ?? .null), ("at", .string(change.at)),
        ])
    }
}
