// Part of Lockstep. See LICENSE.

/// The exit codes of every command; part of the contract, see docs/cli.md.
enum ExitCode: Int32 {
    case success = 0
    /// The command worked and the answer is no: faults found, sides differ, time-out.
    case negative = 1
    /// Wrong arguments or a mapping file that cannot be used.
    case usage = 2
    /// A server, the data or the network stood in the way.
    case failure = 3
}
