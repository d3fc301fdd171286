// Part of Lockstep. See LICENSE.

import TestServers
import TestSupport
import Testing
import Threading

@testable import Bolt

/// What only a real server can show: every kind that is here, one after the other.
@Suite(.serialized)
struct `Against real servers` {
    @Test(arguments: GraphServer.kinds)
    func `it connects and learns what the server is`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            let server = channel.server
            #expect(server.isNeo4j != server.isArcadeDB)
            #expect(server.release.count >= 2)
            #expect(server.version >= BoltVersion(4, 4))
            if server.isNeo4j { #expect(server.receiveTimeout != nil) }
            let result = try channel.query("RETURN 1 AS one, 'zwölf' AS two, [1, 2.5, null, true] AS three")
            #expect(result.fields == ["one", "two", "three"])
            #expect(result.rows == [[1, "zwölf", [1, 2.5, .null, true]]])
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `each version of the protocol works`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let best = try graph.channel().server.version
            var spoken: Set<BoltVersion> = []
            // ArcadeDB speaks nothing before 4.4.
            let oldest = kind.isNeo4j ? BoltVersion(4, 2) : BoltVersion(4, 4)
            for version in BoltVersion.supported where version <= best && version >= oldest {
                var configuration = try graph.configuration()
                configuration.newestVersion = version
                let channel = try BoltChannel(configuration)
                spoken.insert(channel.server.version)
                #expect(channel.server.version <= version)
                // 4.2 knows nothing of the patch: the instant goes in local time there, both ways.
                #expect(channel.server.usesUTC == (channel.server.version > BoltVersion(4, 2)))
                let instant = BoltValue.dateTime(seconds: 1_700_000_000, nanoseconds: 5_000, offsetSeconds: 19_800)
                channel.begin(timeout: .seconds(30), mode: .read)
                channel.run("UNWIND $list AS x RETURN x", ["list": [instant, "text", 1]])
                channel.pull(2)
                channel.discard()
                channel.commit()
                try channel.flush()
                var records: [[BoltValue]] = []
                while channel.pendingResponses > 0 {
                    switch try channel.receive() {
                    case .record(let values): records.append(values)
                    case .failure(let failure): Issue.record("\(channel.server.version): \(failure)")
                    case .success, .ignored: break
                    }
                }
                #expect(records == [[instant], ["text"]])
                #expect(channel.lastBookmark?.isEmpty == false)
                let error = #expect(throws: BoltError.self) { try channel.query("RETURN nothing") }
                #expect(error?.kind == .server)
                #expect(try channel.query("RETURN 1").rows == [[1]])
            }
            #expect(spoken.isSuperset(of: [oldest, BoltVersion(4, 4), BoltVersion(5, 0), BoltVersion(5, 4)]))
            #expect(spoken.contains(best))
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `a pipelined transaction of raw rows is written and read back`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            try channel.query("MATCH (n:BoltRows) DETACH DELETE n")
            var rows = PackStreamBuffer()
            for id in 0..<5000 {
                rows.appendListHeader(3)
                rows.append(Int64(id))
                rows.append("name of \(id) " + String(repeating: "x", count: 80))
                if id % 7 == 0 { rows.appendNull() } else { rows.append(Double(id) / 3) }
            }
            channel.begin(metadata: ["app": "BoltTests"], timeout: .seconds(30))
            channel.run(
                "UNWIND $rows AS r CREATE (n:BoltRows {id: r[0]}) SET n.name = r[1], n.part = r[2]", rows: rows,
                count: 5000
            )
            channel.pull()
            channel.run("MATCH (n:BoltRows) RETURN count(n)")
            channel.pull()
            channel.commit()
            #expect(channel.pendingResponses == 6)
            try channel.flush()
            var answers: [BoltResponse] = []
            while channel.pendingResponses > 0 { answers.append(try channel.receive(deadline: .after(.seconds(60)))) }
            #expect(answers.count == 7)
            #expect(answers.contains(.record([5000])))
            for answer in answers {
                if case .failure(let failure) = answer { Issue.record("\(failure)") }
            }
            var ids = 0
            var sum: Int64 = 0
            try channel.forEachRecord(
                "MATCH (n:BoltRows) RETURN n.id, n.name, n.part ORDER BY n.id", fetchSize: 700
            ) { reader throws(PackStreamError) in
                #expect(try reader.readListHeader() == 3)
                sum += try reader.readInteger()
                let name = try reader.readString()
                #expect(name.hasPrefix("name of \(ids) "))
                #expect(try reader.readNullIfPresent() == (ids % 7 == 0))
                if ids % 7 != 0 { #expect(try reader.readFloat() == Double(ids) / 3) }
                ids += 1
            }
            #expect(ids == 5000)
            #expect(sum == 5000 * 4999 / 2)
            try channel.query("MATCH (n:BoltRows) DETACH DELETE n")
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `values come back as they were sent`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            var generator = SplitMix(seed: 5)
            var values: [BoltValue] = [
                .date(days: 20_000), .localTime(nanoseconds: 86_399_999_999_999),
                .time(nanoseconds: 1_000, offsetSeconds: -3600), .localDateTime(seconds: -1, nanoseconds: 999_999_999),
                .dateTime(seconds: 1_700_000_000, nanoseconds: 5_000, offsetSeconds: 19_800),
                .duration(months: 14, days: -3, seconds: 62, nanoseconds: 7),
            ]
            if !channel.server.isArcadeDB {
                // ArcadeDB has no points of its own, gives byte arrays as lists and loses zone names.
                values += [
                    .point(BoltPoint(srid: 7203, x: 1.5, y: -2)),
                    .point(BoltPoint(srid: 4979, x: 12.5, y: 55.5, z: 3)),
                    .dateTimeZone(seconds: 1_700_000_000, nanoseconds: 1, zone: "Europe/Copenhagen"),
                ]
                for _ in 0..<200 { values.append(BoltValue.random(using: &generator, depth: 3, scalars: .parameters)) }
            }
            for value in values {
                let back = try channel.query("RETURN $value AS value", ["value": value]).rows[0][0]
                #expect(back == value)
            }
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `graph values arrive`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            channel.begin()
            channel.run(
                "CREATE (a:BoltA {x: 1})-[r:TO {w: 2.5}]->(b:BoltB:BoltC {y: 'z'}) RETURN a, r, b")
            channel.pull()
            channel.run("MATCH p = (:BoltA)-[:TO]->(:BoltB) RETURN p")
            channel.pull()
            channel.rollback()
            try channel.flush()
            var records: [[BoltValue]] = []
            while channel.pendingResponses > 0 {
                switch try channel.receive() {
                case .record(let values): records.append(values)
                case .failure(let failure): Issue.record("\(failure)")
                case .success, .ignored: break
                }
            }
            try #require(records.count == 2)
            let a = try #require(records[0][0].nodeValue)
            let r = try #require(records[0][1].relationshipValue)
            let b = try #require(records[0][2].nodeValue)
            #expect(a.labels == ["BoltA"])
            #expect(a.properties == ["x": 1])
            #expect(r.type == "TO")
            #expect(r.properties == ["w": 2.5])
            #expect(r.ends?.startID == a.id)
            #expect(r.ends?.endID == b.id)
            #expect(Set(b.labels) == ["BoltB", "BoltC"])
            guard case .path(let path) = records[1][0] else {
                Issue.record("no path: \(records[1])")
                return
            }
            #expect(path.nodes.map(\.id) == [a.id, b.id])
            #expect(path.relationships.map(\.type) == ["TO"])
            #expect(path.indices == [1, 1])
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `a failing statement in a pipelined transaction makes the rest ignored`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            try channel.query("MATCH (n:BoltFence) DETACH DELETE n")
            channel.begin()
            channel.run("CREATE (:BoltFence {step: 1})")
            channel.discard()
            channel.run("UNWIND [0] AS x RETURN 1 / x AS held")
            channel.pull()
            channel.run("CREATE (:BoltFence {step: 2})")
            channel.discard()
            channel.commit()
            try channel.flush()
            var answers: [BoltResponse] = []
            while channel.pendingResponses > 0 { answers.append(try channel.receive()) }
            #expect(channel.isFailed)
            let failures = answers.compactMap { answer in
                if case .failure(let failure) = answer { failure } else { nil }
            }
            #expect(failures.count == 1)
            #expect(answers.suffix(3) == [.ignored, .ignored, .ignored])
            if channel.server.isNeo4j { #expect(failures.first?.code == "Neo.ClientError.Statement.ArithmeticError") }
            try channel.recover()
            let left = try channel.query("MATCH (n:BoltFence) RETURN count(n)").rows
            #expect(left == [[0]])
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `a query that fails leaves the channel usable`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            for _ in 0..<3 {
                let error = #expect(throws: BoltError.self) { try channel.query("THIS IS NOT CYPHER") }
                #expect(error?.kind == .server)
                #expect(error?.code?.hasPrefix("Neo.") == true)
                #expect(error?.isTransient == false)
                #expect(error?.isConnectionLoss == false)
                if channel.server.version >= BoltVersion(5, 7) { #expect(error?.gqlStatus?.count == 5) }
                #expect(try channel.query("RETURN 1").rows == [[1]])
            }
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `records stream by fetches and can be given up`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let channel = try graph.channel()
            var sum: Int64 = 0
            try channel.forEachRecord(
                "UNWIND range(1, 100000) AS x RETURN x", fetchSize: 5000
            ) { reader throws(PackStreamError) in
                _ = try reader.readListHeader()
                sum += try reader.readInteger()
            }
            #expect(sum == 100_000 * 100_001 / 2)
            struct Enough: Error {}
            let error = #expect(throws: BoltStreamError<Enough>.self) {
                try channel.forEachRecord("UNWIND range(1, 100000) AS x RETURN x") { _ throws(Enough) in throw Enough()
                }
            }
            if case .body = error {} else { Issue.record("\(String(describing: error))") }
            #expect(try channel.query("RETURN 2").rows == [[2]])
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `two sessions on one node conflict rightly`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { graph in
            let first = try graph.channel()
            let second = try graph.channel()
            try first.query("MATCH (n:BoltLock) DETACH DELETE n")
            try first.query("CREATE (:BoltLock {id: 1, n: 0})")
            let bump = "MATCH (c:BoltLock {id: 1}) SET c.lock = $who SET c.n = c.n + 1 RETURN c.n"
            first.begin()
            first.run(bump, ["who": "first"])
            first.pull()
            try first.flush()
            while first.pendingResponses > 0 { _ = try first.receive() }
            second.begin(timeout: .seconds(20))
            second.run(bump, ["who": "second"])
            second.pull()
            second.commit()
            try second.flush()
            // While the first holds the node, the second waits for it, or goes on and conflicts at one of the commits.
            var failures: [BoltFailure] = []
            let limit = MonotonicTime.after(.milliseconds(500))
            while second.pendingResponses > 0, try second.wait(deadline: limit) == .readable {
                if case .failure(let failure) = try second.receiveIfAvailable() { failures.append(failure) }
            }
            #expect(second.pendingResponses > 0 || !second.server.isNeo4j)
            first.commit()
            try first.flush()
            while first.pendingResponses > 0 || second.pendingResponses > 0 {
                let channel = first.pendingResponses > 0 ? first : second
                if case .failure(let failure) = try channel.receive() { failures.append(failure) }
            }
            if first.isFailed { try first.recover() }
            let n = try first.query("MATCH (c:BoltLock {id: 1}) RETURN c.n").rows
            #expect(failures.count <= 1)
            if let failure = failures.first {
                #expect(failure.isTransient)
                #expect(n == [[1]])
            } else {
                #expect(n == [[2]])
            }
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `a wrong password is an authentication error`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        // The shared one need not ask for a password.
        let graph = try await GraphServer(kind, authentication: true)
        let good = try graph.channel()
        var configuration = try graph.configuration()
        configuration.password = "certainly wrong"
        let error = #expect(throws: BoltError.self) { try BoltChannel(configuration) }
        #expect(error?.kind == .authentication)
        #expect(error?.description.contains("certainly wrong") == false)
        #expect(try good.query("RETURN 1").rows == [[1]])
    }
}

extension GraphServer {
    fileprivate func configuration() throws -> BoltConfiguration {
        var configuration = try BoltConfiguration(url: boltURL)
        configuration.database = Self.database
        return configuration
    }

    fileprivate func channel() throws -> BoltChannel { try BoltChannel(configuration()) }
}
