// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import Testing
import Threading

/// A `lockstep` process with what it says.
final class RunningLockstep: Sendable {
    let process: ChildProcess
    private let outputFile: URL
    private let errorsFile: URL

    init(_ command: [String], environment: [String: String], folder: URL) throws {
        let stem = folder.appending(path: UUID().uuidString)
        outputFile = stem.appendingPathExtension("out")
        errorsFile = stem.appendingPathExtension("err")
        process = try ChildProcess(command, environment: environment, output: outputFile, errors: errorsFile)
    }

    // A failed test leaves no process behind.
    deinit {
        guard process.isRunning else { return }
        process.send(signal: SIGKILL)
        process.blockUntilExit()
    }

    var output: String { Self.read(outputFile) }
    var errors: String { Self.read(errorsFile) }
    var log: String { output + errors }

    /// Waits until it has said something.
    func says(_ text: String, within limit: Duration = .seconds(30)) async throws {
        do {
            try await eventually("lockstep says \"\(text)\"", within: limit) { log.contains(text) }
        } catch {
            throw TestServerError("\(error)\nIt said:\n\(log.suffix(3000))")
        }
    }

    /// Waits until it has read tables beside the stream, each for so many times.
    func loads(_ tables: String..., times: Int = 1, within limit: Duration = .seconds(60)) async throws {
        do {
            try await eventually("lockstep has loaded \(tables)", within: limit) {
                let lists = log.split(separator: "\n").compactMap { line in
                    line.firstRange(of: "loaded: ").map {
                        line[$0.upperBound...].prefix { $0 != "=" }.split(separator: " ")
                    }
                }
                let loaded = lists.joined().map { String($0.split(separator: ",")[0]) }
                return tables.allSatisfy { table in loaded.count { $0 == table } >= times }
            }
        } catch {
            throw TestServerError("\(error)\nIt said:\n\(log.suffix(3000))")
        }
    }

    /// Ends it by SIGTERM, or another signal, as an operator would.
    func stop(signal: Int32 = SIGTERM, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let began = MonotonicTime.now
        process.send(signal: signal)
        let exit = try await process.waitForExit(within: .seconds(30))
        let log = log
        #expect(exit == .code(0), "\(log.suffix(3000))", sourceLocation: sourceLocation)
        // Half a second for a machine that does other things too.
        #expect(MonotonicTime.now - began < .milliseconds(5500), sourceLocation: sourceLocation)
    }

    /// Ends it by SIGKILL, as the kernel would.
    func kill9() async throws {
        process.send(signal: SIGKILL)
        try await process.waitForExit()
    }

    private static func read(_ file: URL) -> String {
        String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self)
    }
}
