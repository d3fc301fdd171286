// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import Testing

extension Project {
    /// Compares both sides completely: by `lockstep verify --full`, and by the independent `accept/compare.py` where it
    /// is there.
    ///
    /// - Parameters:
    ///   - note: Printed where they differ: a seed, for instance.
    ///   - allowingMore: The graph may have what the plan does not name.
    func expectEqual(
        _ note: String = "", allowingMore: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let verified = try await lockstep("verify", "--full")
        #expect(verified.exit == .code(0), "\(note)\n\(verified)", sourceLocation: sourceLocation)
        guard let script = Shared.compareScript else { return }
        let plan = folder.appending(path: "plan.json")
        try await succeed("plan", "--json").write(to: plan, atomically: true, encoding: .utf8)
        let compared = try await compare(by: script, plan, allowingMore: allowingMore)
        #expect(compared.exit == .code(0), "\(note)\n\(compared)", sourceLocation: sourceLocation)
    }

    private func compare(by script: URL, _ plan: URL, allowingMore: Bool) async throws -> Outcome {
        let files = ["out", "err"].map { folder.appending(path: "compare.\($0)") }
        for file in files { try? FileManager.default.removeItem(at: file) }
        var command = [
            "/usr/bin/python3", script.path, "--plan", plan.path, "--source", postgres.url(database: database),
            "--graph", graph.credentials == nil ? "bolt://nobody:nothing@127.0.0.1:\(graph.port)" : graph.boltURL,
        ]
        if allowingMore { command.append("--graph-only") }
        let process = try ChildProcess(command, output: files[0], errors: files[1])
        let exit = try await process.waitForExit(within: .seconds(120))
        let texts = files.map { (try? String(contentsOf: $0, encoding: .utf8)) ?? "" }
        return Outcome(exit: exit, output: texts[0], errors: texts[1])
    }
}

/// Material of other people that tests use where it is there: in `LOCKSTEP_SHARED`, or beside the repository.
enum Shared {
    static let folder: URL? = {
        let environment = ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"]
        let beside = repository.deletingLastPathComponent().appending(path: "shared")
        let folder = environment.flatMap { $0.isEmpty ? nil : URL(filePath: $0) } ?? beside
        return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
    }()

    static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func file(_ path: String) -> URL? {
        guard let file = folder?.appending(path: path), FileManager.default.fileExists(atPath: file.path) else {
            return nil
        }
        return file
    }

    static let northwind = file("data/northwind.sql")
    /// It needs Debian's python3-psycopg2.
    static let compareScript: URL? = {
        guard let script = file("accept/compare.py") else { return nil }
        let check = try? ChildProcess(
            ["/usr/bin/python3", "-c", "import psycopg2"], output: URL(filePath: "/dev/null"))
        return check?.blockUntilExit() == .code(0) ? script : nil
    }()
}
