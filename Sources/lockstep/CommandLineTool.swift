// Part of Lockstep. See LICENSE.

internal import Pipeline

/// Finds the command and turns what it throws into a message and an exit code.
enum CommandLineTool {
    private static var commands: [any Command.Type] {
        [
            InitCommand.self, CheckCommand.self, PlanCommand.self, SetupCommand.self, RunCommand.self,
            StatusCommand.self, WaitCommand.self, VerifyCommand.self, ResyncCommand.self, TeardownCommand.self,
        ]
    }

    static func run(_ words: [String]) async -> ExitCode {
        guard let first = words.first else {
            Terminal.error(usage)
            return .usage
        }
        if ["help", "--help", "-h"].contains(first) {
            let command = words.dropFirst().first.flatMap { name in commands.first { $0.name == name } }
            Terminal.out(command.map(help) ?? usage)
            return .success
        }
        if ["version", "--version"].contains(first) {
            Terminal.out("lockstep \(LockstepVersion.text)")
            return .success
        }
        guard let command = commands.first(where: { $0.name == first }) else {
            Terminal.error("lockstep: there is no command \"\(first)\"\n\n\(usage)")
            return .usage
        }
        if words.contains("--help") || words.contains("-h") {
            Terminal.out(help(command))
            return .success
        }
        do {
            let arguments = try Arguments(
                words.dropFirst(), options: command.options, flags: command.flags, takesOperands: command.takesOperands)
            return try await command.run(arguments)
        } catch let error as Arguments.UsageError {
            Terminal.error("lockstep \(first): \(error.message)")
            return .usage
        } catch let error as PipelineError {
            Terminal.error(Terminal.red("lockstep \(first): ") + error.description)
            return error.isConfiguration ? .usage : .failure
        } catch {
            Terminal.error("lockstep \(first): \(error)")
            return .failure
        }
    }

    private static var usage: String {
        var text = """
            Keeps a Neo4j graph in step with a PostgreSQL database.

            usage: lockstep COMMAND [options]

            """
        for command in commands {
            text += "\n  " + command.name.padded(to: 10) + command.summary
        }
        return text + """


            `lockstep help COMMAND` shows its options. Each command reads lockstep.yaml, or the file that -c names.
            Exit codes: 0 done; 1 the answer is no (faults, differences, time-out); 2 wrong arguments or mapping file;
            3 a server, the data or the network stood in the way.
            """
    }

    private static func help(_ command: any Command.Type) -> String {
        "usage: lockstep \(command.name) \(command.synopsis)\n\n\(command.summary)\n\n\(command.details)"
    }
}

extension String {
    /// Filled up with spaces to a width in characters.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
