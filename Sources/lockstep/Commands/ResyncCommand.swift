// Part of Lockstep. See LICENSE.

internal import Apply
internal import Pipeline
internal import Synchronization
internal import Threading

enum ResyncCommand: Command {
    static let name = "resync"
    static let summary = "reads tables again while the pipeline runs"
    static let synopsis = "[-c FILE] TABLE… | --all [--where SQL] [--no-wait]"
    static let details = """
        The running process reads the tables beside the stream and makes right what is wrong in the graph: nodes,
        relationships and properties that are missing or other than they should be, and those that no row has made.

          -c FILE       the mapping file (default lockstep.yaml)
          TABLE         as SQL writes it, with or without its schema
          --all         every table of the mapping
          --where SQL   only rows of the one table that meet the condition
          --no-wait     only ask for it; `lockstep status` shows how far it is
        """
    static let options: Set<String> = ["config", "where"]
    static let flags: Set<String> = ["all", "no-wait"]
    static let takesOperands = true

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let tables = arguments.operands
        guard tables.isEmpty == arguments.has("all") else {
            throw Arguments.UsageError(message: "name the tables to read again, or say --all")
        }
        let condition = arguments["where"]
        if condition != nil, tables.count != 1 {
            throw Arguments.UsageError(message: "--where goes with one table")
        }
        let project = try Project(arguments)
        let resync = PipelineResync(settings: project.settings, file: project.file)
        let (requests, isRunning) = try await resync.request(tables, condition: condition)
        for request in requests { Terminal.out("asked for \(request.table)") }
        guard isRunning else {
            Terminal.error("lockstep resync: nobody runs the pipeline; the next `lockstep run` reads it")
            return arguments.has("no-wait") ? .success : .negative
        }
        guard !arguments.has("no-wait") else { return .success }
        let stop = StopSignal()
        Signals.forward(to: stop, abandon: StopSignal())
        let open = Mutex(requests)
        let isDone = try await resync.wait(for: requests, stop: stop) { loads in
            open.withLock { open in
                for request in open where !loads.contains(where: { $0.request.id == request.id }) {
                    Terminal.out("done with \(request.table)")
                }
                open.removeAll { request in !loads.contains { $0.request.id == request.id } }
            }
        }
        return isDone ? .success : .negative
    }
}
