// Part of Lockstep. See LICENSE.

internal import Pipeline

enum TeardownCommand: Command {
    static let name = "teardown"
    static let summary = "removes slot, publication and checkpoint"
    static let synopsis = "[-c FILE] [--data]"
    static let details = """
        The tables in PostgreSQL are not touched. The graph keeps its nodes unless --data is given.

          -c FILE   the mapping file (default lockstep.yaml)
          --data    delete what this mapping made in the graph too
        """
    static let options: Set<String> = ["config"]
    static let flags: Set<String> = ["data"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        let setup = PipelineSetup(settings: project.settings, file: project.file)
        for what in try await setup.remove(data: arguments.has("data")) { Terminal.out("removed \(what)") }
        return .success
    }
}
