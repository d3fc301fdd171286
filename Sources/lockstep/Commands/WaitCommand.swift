// Part of Lockstep. See LICENSE.

internal import Pipeline
internal import PostgreSQL
internal import Threading

enum WaitCommand: Command {
    static let name = "wait"
    static let summary = "waits until the graph has reached a position of the WAL"
    static let synopsis = "[-c FILE] [--lsn LSN] [--timeout SECONDS]"
    static let details = """
        Read your writes: run it after a commit, and the graph shows what was committed.

          -c FILE             the mapping file (default lockstep.yaml)
          --lsn LSN           the position, as pg_current_wal_lsn() prints it (default: the current one)
          --timeout SECONDS   how long at the most (default 60); then the exit code is 1
        """
    static let options: Set<String> = ["config", "lsn", "timeout"]
    static let flags: Set<String> = []

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        let timeout = try arguments.seconds("timeout", default: 60)
        var wanted: LSN?
        if let text = arguments["lsn"] {
            guard let lsn = LSN(text) else {
                throw Arguments.UsageError(message: "--lsn takes a position such as 0/153B1F8, not \"\(text)\"")
            }
            wanted = lsn
        }
        let lsn = wanted
        let stop = StopSignal()
        Signals.forward(to: stop, abandon: StopSignal())
        let settings = project.settings
        let (reached, target) = try await DedicatedThread.run(name: "wait") { () throws(PipelineError) in
            let waiting = try WaitForGraph(settings, stop: stop)
            var target = lsn ?? .zero
            if lsn == nil { target = try waiting.currentLSN() }
            return (try waiting.wait(for: target, timeout: timeout), target)
        }
        if reached {
            Terminal.out("the graph has reached \(target)")
            return .success
        }
        Terminal.error(
            "lockstep wait: the graph has not reached \(target) in time; `lockstep status` tells where it is")
        return .negative
    }
}
