// Part of Lockstep. See LICENSE.

Signals.ignoreBrokenPipes()
let exitCode = await CommandLineTool.run(Array(CommandLine.arguments.dropFirst()))
Signals.exit(exitCode)
