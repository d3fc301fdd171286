// Part of Lockstep. See LICENSE.

internal import Mapping
internal import Pipeline
internal import Threading

enum RunCommand: Command {
    static let name = "run"
    static let summary = "reads everything once, then follows every change until it is stopped"
    static let synopsis = "[-c FILE] [--resnapshot] [--quiet]"
    static let details = """
        Starts where it stopped: the checkpoint is in the graph. SIGTERM or Ctrl-C ends it within five seconds, after
        the batch in hand. A server that is down is waited for. SIGHUP has the mapping file read anew.

          -c FILE        the mapping file (default lockstep.yaml)
          --resnapshot   delete what this mapping made in the graph and read everything again
          --quiet        warnings and errors only
        """
    static let options: Set<String> = ["config"]
    static let flags: Set<String> = ["resnapshot", "quiet"]

    static func run(_ arguments: Arguments) async throws -> ExitCode {
        let project = try Project(arguments)
        let stop = StopSignal()
        let abandon = StopSignal()
        Signals.forward(to: stop, abandon: abandon)
        let display = RunDisplay(isQuiet: arguments.has("quiet"))
        let run = PipelineRun(
            settings: project.settings, file: project.file, resnapshot: arguments.has("resnapshot"),
            report: { display.show($0) })
        Signals.onHangUp(stop) {
            do throws(PipelineError) {
                let (path, bytes) = try Project.read(arguments)
                await run.takeOver(
                    MappingFile.read(bytes, file: path, environment: FileSystem.environment), named: path)
            } catch {
                display.show(.warning("the mapping file is not read anew: \(error)"))
            }
        }
        do throws(PipelineError) {
            try await run.run(stop: stop, abandon: abandon)
        } catch {
            display.finish()
            throw error
        }
        display.finish()
        return .success
    }
}
