// Part of Lockstep. See LICENSE.

import Foundation

exit(await BenchmarkTool.run(Array(CommandLine.arguments.dropFirst())))
