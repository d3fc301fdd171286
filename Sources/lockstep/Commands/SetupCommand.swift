// Part of Lockstep. See LICENSE.

internal import Pipeline

enum SetupCommand: Command {
    static let name = "setup"
    static let summary = "makes publication, slot, schema and constraints"
    static let synopsis = "[-c FILE] [--print-sql]"
    static let details = """
        Safe to run again: only what is missing is made. `lockstep run` does the same where it has the rights; this
        command is for running it once with other rights than the service has.

          -c FILE       the mapping file (default lockstep.yaml)
          --print-sql   print the SQL for PostgreSQL, with a least-privilege role, and change nothing
        """
    static let options: Set<String> = ["config"]
    static let flags: Set<String> = ["print-sql"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        let setup = PipelineSetup(settings: project.settings, file: project.file)
        if arguments.has("print-sql") {
            Terminal.out(try await setup.sql())
            return .success
        }
        let made = try await setup.apply()
        for what in made { Terminal.out("created \(what)") }
        if made.isEmpty { Terminal.out("everything is there already") }
        return .success
    }
}
