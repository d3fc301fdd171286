// Part of Lockstep. See LICENSE.

// Signals are blocked before the first thread starts, so that only the one that waits for them gets them.
Signals.block()

let exitCode = await CommandLineTool.run(Array(CommandLine.arguments.dropFirst()))
Signals.exit(exitCode)
