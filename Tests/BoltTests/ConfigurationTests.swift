// Part of Lockstep. See LICENSE.

import Testing

@testable import Bolt

@Suite struct `A Bolt URL` {
    @Test func `gives all settings`() throws {
        let configuration = try BoltConfiguration(url: "bolt://neo4j:s3cret@graph.example:7777/movies")
        #expect(configuration.host == "graph.example")
        #expect(configuration.port == 7777)
        #expect(configuration.user == "neo4j")
        #expect(configuration.password?.reveal() == "s3cret")
        #expect(configuration.database == "movies")
        #expect(configuration.address == "graph.example:7777")
    }

    @Test func `needs no more than a host`() throws {
        for url in ["bolt://localhost", "bolt://localhost/", "bolt://localhost:7687", "BOLT://localhost"] {
            let configuration = try BoltConfiguration(url: url)
            #expect(configuration == BoltConfiguration(host: "localhost", port: 7687))
        }
    }

    @Test func `names a cluster by its scheme, and what its routers are to know by parameters`() throws {
        #expect(try BoltConfiguration(url: "bolt://h").routing == nil)
        #expect(try BoltConfiguration(url: "neo4j://h").routing == [:])
        let configuration = try BoltConfiguration(url: "neo4j+s://u:p@h:7/db?region=eu%20west&policy=near")
        #expect(configuration.routing == ["region": "eu west", "policy": "near"])
        #expect(configuration.address == "h:7")
        #expect(configuration.database == "db")
        #expect(try BoltConfiguration(url: "neo4j://h?a=b").routing == ["a": "b"])
    }

    @Test func `says by its scheme whether and how the connection is encrypted`() throws {
        for (scheme, trust) in [
            ("bolt", nil), ("neo4j", nil), ("bolt+s", BoltTLS.Trust.system), ("neo4j+s", .system),
            ("BOLT+SSC", .anybody),
            ("neo4j+ssc", .anybody),
        ] {
            #expect(try BoltConfiguration(url: "\(scheme)://localhost").tls?.trust == trust)
        }
        #expect(try BoltConfiguration(url: "bolt+s://u@h").description == "bolt+s://u@h:7687")
        #expect(try BoltConfiguration(url: "neo4j+ssc://h/db").description == "neo4j+ssc://h:7687/db")
    }

    @Test func `may name an IPv6 address`() throws {
        let configuration = try BoltConfiguration(url: "bolt://u@[::1]:7688/db")
        #expect(configuration.host == "::1")
        #expect(configuration.port == 7688)
        #expect(configuration.address == "[::1]:7688")
        #expect(try BoltConfiguration(url: "bolt://[fe80::1%25eth0]").host == "fe80::1%25eth0")
        #expect(try BoltConfiguration(url: "bolt://[::1]").port == 7687)
    }

    @Test func `is percent-decoded in user, password and database`() throws {
        let configuration = try BoltConfiguration(url: "bolt://us%65r%40x:p%3Aa%2Fs%25%c3%9f@h/d%20b")
        #expect(configuration.user == "user@x")
        #expect(configuration.password?.reveal() == "p:a/s%ß")
        #expect(configuration.database == "d b")
    }

    @Test func `may hold '@' and ':' in a password as they are`() throws {
        #expect(try BoltConfiguration(url: "bolt://u:p@ss:word@h").password?.reveal() == "p@ss:word")
    }

    @Test func `gives way to a password given apart`() throws {
        #expect(try BoltConfiguration(url: "bolt://u:old@h", password: "new%41").password?.reveal() == "new%41")
        #expect(try BoltConfiguration(url: "bolt://u@h", password: "new").password?.reveal() == "new")
    }

    @Test(arguments: [
        ("localhost:7687", "scheme"), ("http://localhost", "scheme 'http'"),
        ("bolt+x://localhost", "scheme 'bolt+x'"), ("bolt://", "no host"), ("bolt://:7687", "no host"),
        ("bolt://u:s3cret@:7687", "no host"), ("bolt://h:0", "port"), ("bolt://h:65536", "port"), ("bolt://h:", "port"),
        ("bolt://u:s3cret@h:x", "port"), ("bolt://::1", "brackets"), ("bolt://[::1", "']'"), ("bolt://[::1]7", "after"),
        ("bolt://u:s3cret%4@h", "%25"), ("bolt://u:s3cret%zz@h", "%25"), ("bolt://u:s3cret%ff@h", "UTF-8"),
        ("bolt://h/a/b", "database"), ("bolt://u:s3cret?@h", "%3F"), ("bolt://h?x=1", "%3F"),
        ("neo4j://h?x", "?name=value"), ("neo4j://h?x=1&x=2", "twice"), ("neo4j://h/db?address=a", "host"),
        ("neo4j://h?x=%4", "'x'"), ("bolt://:s3cret@h", "user"),
    ])
    func `is refused with what is wrong and without the password`(url: String, words: String) {
        let error = #expect(throws: BoltError.self) { try BoltConfiguration(url: url) }
        #expect(error?.kind == .configuration)
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.description.contains("s3cret") == false)
    }
}

@Suite struct `Secrets` {
    @Test func `do not print`() throws {
        let configuration = try BoltConfiguration(url: "bolt://neo4j:s3cret@h:7687/db")
        #expect(configuration.description == "bolt://neo4j@h:7687/db")
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("s3cret"))
        #expect(dumped.contains("neo4j"))
        for text in ["\(configuration)", String(reflecting: configuration), String(reflecting: configuration.password)]
        {
            #expect(!text.contains("s3cret"))
        }
        var secret = ""
        dump(BoltSecret("s3cret"), to: &secret)
        #expect(!secret.contains("s3cret"))
    }
}

@Suite struct `What a server says` {
    private func failure(_ code: String) -> BoltFailure { BoltFailure(metadata: ["code": .string(code)]) }

    @Test(arguments: [
        "Neo.TransientError.Transaction.DeadlockDetected", "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
        "Neo.ClientError.Cluster.NotALeader", "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
        "Neo.ClientError.Security.AuthorizationExpired",
    ])
    func `may be worth another try`(code: String) { #expect(failure(code).isTransient) }

    @Test(arguments: [
        "Neo.TransientError.Transaction.Terminated", "Neo.TransientError.Transaction.LockClientStopped",
        "Neo.ClientError.Statement.SyntaxError", "Neo.ClientError.Security.Unauthorized",
        "Neo.DatabaseError.General.UnknownError", "Neo.ClientError.Schema.ConstraintValidationFailed", "",
    ])
    func `may be final`(code: String) { #expect(!failure(code).isTransient) }

    @Test func `may be nothing`() {
        let failure = BoltFailure(metadata: [:])
        #expect(failure.code == "Neo.DatabaseError.General.UnknownError")
        #expect(!failure.message.isEmpty)
        #expect(failure.gqlStatus == nil)
    }

    @Test func `is cut where it has causes without end`() {
        var cause: BoltValue = ["gql_status": "22N00"]
        for _ in 0..<100 { cause = ["gql_status": "22N00", "cause": cause] }
        let failure = BoltFailure(metadata: ["neo4j_code": "Neo.X.Y.Z", "gql_status": "50N42", "cause": cause])
        #expect(failure.causes.count == 16)
    }

    @Test func `tells servers apart`() {
        func server(_ agent: String) -> BoltServer {
            BoltServer(address: "h:1", version: BoltVersion(5, 4), hello: ["server": .string(agent)])
        }
        let arcade = server("Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)")
        #expect(arcade.isArcadeDB && !arcade.isNeo4j && !arcade.isMemgraph)
        let memgraph = server("Neo4j/v5.11.0 compatible graph database server - Memgraph")
        #expect(memgraph.isMemgraph && !memgraph.isNeo4j && !memgraph.isArcadeDB)
        let neo4j = server("Neo4j/2026.09.0")
        #expect(neo4j.isNeo4j && !neo4j.isArcadeDB && !neo4j.isMemgraph)
        #expect(neo4j.release == [2026, 9, 0])
        #expect(server("").release == [])
        #expect(server("Neo4j/5.27.0-2025040").release == [5, 27, 0])
    }

    @Test func `does not promise traffic by odd hints`() {
        func limit(_ hint: BoltValue) -> Duration? {
            BoltServer(
                address: "h:1", version: BoltVersion(5, 4),
                hello: ["hints": ["connection.recv_timeout_seconds": hint]]
            ).receiveTimeout
        }
        #expect(limit(120) == .seconds(120))
        for hint: BoltValue in [0, -1, "120", 1.5, .null] { #expect(limit(hint) == nil) }
        #expect(limit(.integer(.max)) == .seconds(86_400))
    }
}
