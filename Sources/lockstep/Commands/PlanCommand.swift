// Part of Lockstep. See LICENSE.

internal import Mapping
internal import Pipeline

enum PlanCommand: Command {
    static let name = "plan"
    static let summary = "prints what is made on both sides, and every Cypher statement"
    static let synopsis = "[-c FILE] [--json]"
    static let details = """
        Changes nothing. The JSON form is a contract (docs/mapping.md): with it and the database alone, any tool can
        compute the graph that is to be expected.

          -c FILE   the mapping file (default lockstep.yaml)
          --json    for machines
        """
    static let options: Set<String> = ["config"]
    static let flags: Set<String> = ["json"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        var plan = try await PipelinePlan.make(settings: project.settings, file: project.file)
        if let failure = await PipelinePlan.addSchemaSteps(to: &plan, settings: project.settings) {
            Terminal.error("lockstep: the graph's schema was not compared: \(failure)")
        }
        Terminal.out(arguments.has("json") ? plan.json : plan.text)
        return .success
    }
}
