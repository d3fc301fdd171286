// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing

/// The sample that comes with Lockstep: uuid and composite keys, self references, several foreign keys to one table, join
/// tables with properties.
@Suite(.oneAtATime, .postgres())
struct `The ContextNexus sample` {
    /// `LOCKSTEP_SAMPLE_ROWS=100000` is the size that releases are tested with.
    static let rows = ProcessInfo.processInfo.environment["LOCKSTEP_SAMPLE_ROWS"].flatMap { Int($0) } ?? 5000
    static let folder = Shared.repository.appending(path: "samples/contextnexus")

    @Test(arguments: GraphServer.newest)
    func `comes right, and stays right through random changes of everything`(kind: GraphServer.Kind) async throws {
        try await Project.on(kind, "nexus") { project in
            for file in ["schema.sql", "generate.sql"] {
                try await project.postgres.psql(
                    file: Self.folder.appending(path: file), database: project.database,
                    variables: ["rows": "\(Self.rows)"])
            }
            try await project.propose()
            try await project.followRandomChanges(1000)
        }
    }
}
