// Part of Lockstep. See LICENSE.

internal import Pipeline
internal import Synchronization

enum SetupCommand: Command {
    static let name = "setup"
    static let summary = "makes publication, slot, schema, constraints and indexes"
    static let synopsis = "[-c FILE] [--timeout SECONDS] [--print-sql]"
    static let details = """
        Safe to run again: only what is missing is made. `lockstep run` does the same where it has the rights; this
        command is for running it once with other rights than the service has.

        Once the first read is done it also makes, changes and drops what the file's `schema` says, and waits until
        the graph has built it; before that `lockstep run` does, behind the first read.

          -c FILE            the mapping file (default lockstep.yaml)
          --timeout SECONDS  how long indexes may take to be built (default 3600)
          --print-sql        print the SQL for PostgreSQL, with a least-privilege role, and change nothing

        Exit code 1: the graph refused an index or a constraint.
        """
    static let options: Set<String> = ["config", "timeout"]
    static let flags: Set<String> = ["print-sql"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        let setup = PipelineSetup(settings: project.settings, file: project.file)
        if arguments.has("print-sql") {
            Terminal.out(try await setup.sql())
            return .success
        }
        let limit = try arguments.seconds("timeout", default: 3600)
        let refusals = Atomic<Int>(0)
        let changes = Atomic<Int>(0)
        let made = try await setup.apply(indexesWithin: limit) { event in
            switch event {
            case .schema(let what):
                changes.add(1, ordering: .relaxed)
                Terminal.out(what)
            case .warning(let what):
                refusals.add(1, ordering: .relaxed)
                Terminal.error("lockstep: \(what)")
            default: break
            }
        }
        for what in made { Terminal.out("created \(what)") }
        let isRefused = refusals.load(ordering: .relaxed) > 0
        if made.isEmpty, !isRefused, changes.load(ordering: .relaxed) == 0 {
            Terminal.out("everything is there already")
        }
        return isRefused ? .negative : .success
    }
}
