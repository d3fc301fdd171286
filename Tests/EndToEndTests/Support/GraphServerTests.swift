// Part of Lockstep. See LICENSE.

import Bolt
import Foundation
import TestServers
import TestSupport
import Testing

@Suite(.oneAtATime, .serialized)
struct `A shared graph server` {
    @Test(arguments: GraphServer.kinds)
    func `is empty for each that borrows it`(kind: GraphServer.Kind) async throws {
        for _ in 0..<2 {
            try await GraphServer.shared(kind) { server in
                #expect(try await server.query("MATCH (n) RETURN count(n)").rows == [[0]])
                #expect(try await server.query("SHOW CONSTRAINTS").rows.isEmpty)
                try await server.query("CREATE CONSTRAINT c IF NOT EXISTS FOR (n:`A b`) REQUIRE n.k IS UNIQUE")
                try await server.query("CREATE INDEX i IF NOT EXISTS FOR (n:`A b`) ON (n.x)")
                try await server.query("UNWIND range(1, 20010) AS i CREATE (:`A b` {k: i})")
            }
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `is lent to one at a time`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    try await GraphServer.shared(kind) { server in
                        try await server.query("CREATE (:Mine)")
                        #expect(try await server.query("MATCH (n) RETURN count(n)").rows == [[1]])
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

@Suite(.oneAtATime, .serialized)
struct `A private graph server` {
    @Test(arguments: GraphServer.kinds.prefix(1))
    func `keeps what was committed over kill -9 and comes back on its port`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        let server = try await GraphServer(kind)
        try await server.query("CREATE (:Kept {n: 7})")
        try await server.kill9()
        #expect(!server.isRunning)
        #expect(!FreePort.isListening(server.port))
        try await server.start()
        #expect(try await server.query("MATCH (n:Kept) RETURN n.n").rows == [[7]])
        try await server.stop()
        #expect(!FreePort.isListening(server.port))
        try await server.start()
        #expect(try await server.query("MATCH (n:Kept) RETURN n.n").rows == [[7]])
    }

    @Test(arguments: GraphServer.newest)
    func `asks for the password when told to`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        let server = try await GraphServer(kind, authentication: true)
        let user = try #require(server.credentials?.user)
        let wrong = try BoltConfiguration(url: "bolt://\(user)@127.0.0.1:\(server.port)", password: "wrong")
        #expect(throws: BoltError.self) { try BoltChannel(wrong) }
        #expect(try await server.query("RETURN 1").rows == [[1]])
    }
}
