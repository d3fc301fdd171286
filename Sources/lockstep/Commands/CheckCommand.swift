// Part of Lockstep. See LICENSE.

internal import Mapping
internal import Pipeline

enum CheckCommand: Command {
    static let name = "check"
    static let summary = "looks at both servers and the mapping before anything starts"
    static let synopsis = "[-c FILE] [--json]"
    static let details = """
        Reports every fault at once, each with the SQL, Cypher or setting that mends it, and changes nothing. What fails
        in one place keeps nothing from being looked at in another.

          -c FILE   the mapping file (default lockstep.yaml)
          --json    for machines

        Exit code 1 where there is an error, 2 where the mapping file itself cannot be read; warnings and notes are 0.
        """
    static let options: Set<String> = ["config"]
    static let flags: Set<String> = ["json"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let (path, bytes) = try Project.read(arguments)
        let reading = MappingFile.read(bytes, file: path, environment: FileSystem.environment)
        let report = await Preflight.run(reading, file: path)
        Terminal.out(arguments.has("json") ? report.json : report.text(emphasize: emphasize))
        return report.isMappingUnreadable ? .usage : report.hasErrors ? .negative : .success
    }

    private static func emphasize(_ severity: PreflightFinding.Severity, _ word: String) -> String {
        severity == .note ? word : Terminal.bold(word)
    }
}
