// Part of Lockstep. See LICENSE.

import TestServers
import TestSupport
import Testing

/// A database that nobody here designed.
@Suite(.oneAtATime, .postgres())
struct `The Northwind database` {
    @Test(
        .enabled(if: Shared.northwind != nil, "no northwind.sql: name its folder by LOCKSTEP_SHARED"),
        arguments: GraphServer.kinds)
    func `comes right, and stays right through random changes of everything`(kind: GraphServer.Kind) async throws {
        let script = try #require(Shared.northwind)
        try await Project.on(kind, "northwind") { project in
            try await project.postgres.psql(file: script, database: project.database)
            try await project.propose()
            try await project.followRandomChanges(2000)
        }
    }
}
