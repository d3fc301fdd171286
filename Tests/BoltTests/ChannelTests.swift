// Part of Lockstep. See LICENSE.

import Synchronization
import Testing
import Threading

@testable import Bolt

@Suite struct `Logging in` {
    @Test func `5.8 introduces the client, then gives the credentials, without waiting between`() throws {
        let server = try FakeServer { connection in
            try connection.handshake()
            // Both are there before anything is answered.
            let hello = try connection.expect(0x01)[0]
            let logon = try connection.expect(0x6A)[0]
            #expect(hello["user_agent"] == "swift-bolt/0.1")
            #expect(hello["bolt_agent"]?["product"] == "swift-bolt/0.1")
            #expect(hello["notifications_minimum_severity"] == "OFF")
            #expect(hello["patch_bolt"] == nil)
            #expect(hello["credentials"] == nil)
            #expect(logon == ["scheme": "basic", "principal": "neo4j", "credentials": "s3cret"])
            try connection.success([
                "server": "Neo4j/5.26.31", "connection_id": "bolt-42",
                "hints": ["connection.recv_timeout_seconds": 7],
            ])
            try connection.success()
            try connection.expect(0x02)
        }
        let channel = try BoltChannel(server.configuration)
        #expect(channel.server.version == BoltVersion(5, 8))
        #expect(channel.server.agent == "Neo4j/5.26.31")
        #expect(channel.server.release == [5, 26, 31])
        #expect(channel.server.isNeo4j)
        #expect(channel.server.connectionID == "bolt-42")
        #expect(channel.server.receiveTimeout == .seconds(7))
        #expect(channel.server.usesUTC)
        channel.close()
        try server.finish()
        #expect(throws: BoltError.self) { try channel.flush() }
        #expect(!channel.isOpen)
    }

    @Test func `4.4 gives the credentials with the introduction and asks for the patch`() throws {
        let server = try FakeServer { connection in
            try connection.handshake([0, 0, 4, 4])
            let hello = try connection.expect(0x01)[0]
            #expect(hello["credentials"] == "s3cret")
            #expect(hello["principal"] == "neo4j")
            #expect(hello["patch_bolt"] == ["utc"])
            #expect(hello["bolt_agent"] == nil)
            #expect(hello["notifications_minimum_severity"] == nil)
            try connection.success(["server": "Neo4j/4.4.30", "patch_bolt": ["utc"]])
        }
        let channel = try BoltChannel(server.configuration)
        try server.finish()
        #expect(channel.server.version == BoltVersion(4, 4))
        #expect(channel.server.usesUTC)
    }

    @Test func `4.4 without the patch gets date-times as its clock shows them`() throws {
        let server = try FakeServer { connection in
            try connection.handshake([0, 0, 4, 4])
            try connection.expect(0x01)
            try connection.success(["server": "Neo4j/4.4.0"])
            let legacy = BoltValue.structure(tag: 0x46, fields: [7200, 5, 3600])
            let parameters = packed(["t": [legacy, ["x": legacy]]])
            #expect(try connection.message() == hex("B310") + packed("RETURN $t") + parameters + [0xA0])
            try connection.expect(0x3F)
            try connection.success(["fields": ["t"]])
            try connection.record([legacy])
            try connection.success()
        }
        let channel = try BoltChannel(server.configuration)
        #expect(!channel.server.usesUTC)
        let time = BoltValue.dateTime(seconds: 3600, nanoseconds: 5, offsetSeconds: 3600)
        #expect(try channel.query("RETURN $t", ["t": [time, ["x": time]]]).rows == [[time]])
        try server.finish()
    }

    @Test func `the choice from a manifest travels with the login`() throws {
        let server = try FakeServer { connection in
            try connection.handshake([0, 0, 1, 0xFF, 2, 0, 4, 4, 4, 0, 2, 8, 5, 0])
            #expect(try connection.read(5) == [0, 0, 8, 5, 0])
            let hello = try connection.expect(0x01)[0]
            #expect(hello["bolt_agent"] != nil)
            let logon = try connection.expect(0x6A)[0]
            #expect(logon == ["scheme": "none"])
            try connection.success(["server": "Neo4j/5.26.0"])
            try connection.success()
        }
        var configuration = server.configuration
        configuration.user = nil
        let channel = try BoltChannel(configuration)
        try server.finish()
        #expect(channel.server.version == BoltVersion(5, 8))
    }

    @Test func `a refused password is an authentication error that does not show it`() throws {
        let server = try FakeServer { connection in
            try connection.handshake()
            try connection.expect(0x01)
            try connection.expect(0x6A)
            try connection.success(["server": "Neo4j/5.26.0"])
            try connection.failure("Neo.ClientError.Security.Unauthorized", "no")
        }
        let error = #expect(throws: BoltError.self) { try BoltChannel(server.configuration) }
        try server.finish()
        #expect(error?.kind == .authentication)
        #expect(error?.code == "Neo.ClientError.Security.Unauthorized")
        #expect(error?.description.contains("s3cret") == false)
        #expect(error?.isConnectionLoss == false)
    }

    @Test func `a login that is refused for now says so`() throws {
        let server = try FakeServer { connection in
            try connection.handshake()
            try connection.expect(0x01)
            try connection.expect(0x6A)
            try connection.failure("Neo.TransientError.General.DatabaseUnavailable")
            try connection.ignored()
        }
        let error = #expect(throws: BoltError.self) { try BoltChannel(server.configuration) }
        #expect(error?.kind == .server)
        #expect(error?.isTransient == true)
        try server.finish()
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let answer: [UInt8]
        let kind: BoltError.Kind
        let words: String
    }

    @Test(arguments: [
        Refusal(testDescription: "an HTTP server", answer: Array("HTTP".utf8), kind: .connect, words: "HTTP"),
        Refusal(testDescription: "nothing in common", answer: [0, 0, 0, 0], kind: .connect, words: "no version"),
        Refusal(testDescription: "garbage", answer: [1, 2, 3, 4], kind: .connect, words: "not answer as a Bolt"),
        Refusal(testDescription: "a hang-up", answer: [], kind: .closed, words: "handshake"),
        Refusal(testDescription: "a hang-up in the answer", answer: [0, 0], kind: .closed, words: "handshake"),
    ])
    func `who is no Bolt server is told by its answer`(refusal: Refusal) throws {
        let server = try FakeServer { connection in try connection.handshake(refusal.answer) }
        let error = #expect(throws: BoltError.self) { try BoltChannel(server.configuration) }
        #expect(error?.kind == refusal.kind)
        #expect(error?.message.contains(refusal.words) == true, "\(String(describing: error))")
        #expect(error?.server == "127.0.0.1:\(server.port)")
        try server.finish()
    }

    @Test func `nobody listening is a connect error`() throws {
        // Its port is free from now on.
        let server = try FakeServer(connections: 0) { _ in }
        try server.finish()
        let error = #expect(throws: BoltError.self) { try BoltChannel(server.configuration) }
        #expect(error?.kind == .connect)
        #expect(error?.isConnectionLoss == true)
    }

    @Test func `a host that does not exist is a connect error`() throws {
        let error = #expect(throws: BoltError.self) { try BoltChannel(BoltConfiguration(host: "no-such-host.invalid")) }
        #expect(error?.kind == .connect)
        #expect(error?.message.contains("no-such-host.invalid") == true)
    }

    @Test func `a server that says nothing is given up after the connect timeout`() throws {
        let release = Wakeup()
        let server = try FakeServer { connection in
            _ = try connection.read(20)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [release], deadline: .after(.seconds(10)))
        }
        var configuration = server.configuration
        configuration.connectTimeout = .milliseconds(100)
        let error = #expect(throws: BoltError.self) { try BoltChannel(configuration) }
        #expect(error?.kind == .timeout)
        release.wake()
        try server.finish()
    }

    @Test func `connecting can be interrupted`() throws {
        let release = Wakeup()
        let server = try FakeServer { connection in
            _ = try connection.read(20)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [release], deadline: .after(.seconds(10)))
        }
        let stop = Wakeup()
        stop.wake()
        let error = #expect(throws: BoltError.self) { try BoltChannel(server.configuration, wakeups: [stop]) }
        #expect(error?.kind == .woken)
        release.wake()
        // Where connecting itself was interrupted the server had nothing to read.
        _ = try? server.finish()
    }
}

@Suite struct `Talking to a server` {
    @Test func `requests are answered in order, and ignored after a failure until a reset`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            let begin = try connection.expect(0x11)[0]
            #expect(begin["tx_timeout"] == 1500)
            #expect(begin["tx_metadata"] == ["app": "test"])
            #expect(begin["mode"] == nil)
            #expect(begin["db"] == "graph")
            for tag: UInt8 in [0x10, 0x3F, 0x10, 0x2F, 0x12] { try connection.expect(tag) }
            try connection.success()
            try connection.success(["fields": ["x"]])
            try connection.record([1])
            try connection.success(["type": "w"])
            try connection.failure("Neo.TransientError.Transaction.DeadlockDetected")
            try connection.ignored()
            try connection.ignored()
            try connection.expect(0x0F)
            try connection.success()
            let run = try connection.expect(0x10)
            #expect(run == ["RETURN 1", ["p": 2], ["db": "graph"]])
            try connection.expect(0x3F)
            try connection.success(["fields": ["1"]])
            try connection.record([1])
            try connection.success(["bookmark": "bm:1"])
        }
        var configuration = server.configuration
        configuration.database = "graph"
        let channel = try BoltChannel(configuration)
        channel.begin(metadata: ["app": "test"], timeout: .milliseconds(1500))
        channel.run("CREATE (n) RETURN n")
        channel.pull()
        channel.run("CREATE (m)")
        channel.discard()
        channel.commit()
        #expect(channel.pendingResponses == 6)
        try channel.flush()
        #expect(try channel.receive() == .success([:]))
        #expect(try channel.receive() == .success(["fields": ["x"]]))
        #expect(try channel.receive() == .record([1]))
        #expect(channel.pendingResponses == 4)
        #expect(try channel.receive() == .success(["type": "w"]))
        guard case .failure(let failure) = try channel.receive() else {
            Issue.record("no failure")
            return
        }
        #expect(failure.isTransient)
        #expect(BoltError(failure, server: "x:1").isTransient)
        #expect(channel.isFailed)
        #expect(try channel.receive() == .ignored)
        #expect(try channel.receive() == .ignored)
        #expect(channel.pendingResponses == 0)
        channel.reset()
        #expect(try channel.receive() == .success([:]))
        #expect(!channel.isFailed)
        let result = try channel.query("RETURN 1", ["p": 2])
        #expect(result.rows == [[1]])
        #expect(channel.lastBookmark == "bm:1")
        try server.finish()
    }

    @Test func `nothing is sent before a flush`() throws {
        let sawNothing = Mutex(false)
        let asked = Wakeup()
        let server = try FakeServer { connection in
            try connection.login()
            asked.wake()
            try connection.expect(0x10)
            sawNothing.withLock { $0 = true }
            try connection.success(["fields": []])
        }
        let channel = try BoltChannel(server.configuration)
        channel.run("RETURN 1")
        #expect(try channel.receiveIfAvailable() == nil)
        #expect(!sawNothing.withLock { $0 })
        try channel.flush()
        #expect(try channel.wait(deadline: .after(.seconds(10))) == .readable)
        #expect(try channel.receive() == .success(["fields": []]))
        try server.finish()
    }

    @Test func `what has arrived can be asked for without waiting`() throws {
        let go = Wakeup()
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [go], deadline: .after(.seconds(10)))
            try connection.noop()
            try connection.success()
            try connection.expect(0x02)
        }
        let channel = try BoltChannel(server.configuration)
        channel.begin()
        try channel.flush()
        #expect(try channel.receiveIfAvailable() == nil)
        let wakeup = Wakeup()
        #expect(try channel.wait(wakeups: [wakeup], deadline: .now) == .timedOut)
        wakeup.wake()
        #expect(try channel.wait(wakeups: [wakeup]) == .woken)
        let error = #expect(throws: BoltError.self) { try channel.receive(deadline: .now) }
        #expect(error?.kind == .deadline)
        channel.interrupts = [wakeup]
        #expect(throws: BoltError.self) { try channel.receive() }
        channel.interrupts = []
        #expect(channel.isOpen)
        go.wake()
        #expect(try channel.wait(deadline: .after(.seconds(10))) == .readable)
        var answer: BoltResponse?
        while answer == nil { answer = try channel.receiveIfAvailable() }
        #expect(answer == .success([:]))
        channel.close()
        try server.finish()
    }

    @Test func `a silent server is taken for lost`() throws {
        let release = Wakeup()
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x10)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [release], deadline: .after(.seconds(10)))
        }
        var configuration = server.configuration
        configuration.readTimeout = .milliseconds(150)
        let channel = try BoltChannel(configuration)
        channel.run("RETURN 1")
        channel.pull()
        let error = #expect(throws: BoltError.self) {
            try channel.flush()
            _ = try channel.receive()
        }
        #expect(error?.kind == .timeout)
        #expect(error?.isConnectionLoss == true)
        #expect(error?.isOutcomeUnknown == true)
        #expect(!channel.isOpen)
        #expect(throws: try #require(error)) { try channel.flush() }
        release.wake()
        try server.finish()
    }

    @Test func `the server's own limit counts, and a sign of life starts it again`() throws {
        let release = Wakeup()
        let server = try FakeServer { connection in
            try connection.login(hints: ["connection.recv_timeout_seconds": 1])
            try connection.expect(0x11)
            for _ in 0..<5 {
                _ = Poll.wait(descriptor: -1, for: [], wakeups: [release], deadline: .after(.milliseconds(400)))
                try connection.noop()
            }
            try connection.success()
            try connection.expect(0x12)
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [release], deadline: .after(.seconds(10)))
        }
        var configuration = server.configuration
        configuration.readTimeout = .milliseconds(50)
        let channel = try BoltChannel(configuration)
        channel.begin()
        try channel.flush()
        #expect(try channel.receive() == .success([:]))
        channel.commit()
        try channel.flush()
        let start = MonotonicTime.now
        let error = #expect(throws: BoltError.self) { try channel.wait() }
        #expect(error?.kind == .timeout)
        #expect(MonotonicTime.now - start >= .milliseconds(900))
        release.wake()
        try server.finish()
    }

    @Test func `an idle connection may be silent`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x02)
        }
        var configuration = server.configuration
        configuration.readTimeout = .milliseconds(20)
        let channel = try BoltChannel(configuration)
        #expect(try channel.wait(deadline: .after(.milliseconds(100))) == .timedOut)
        channel.close()
        try server.finish()
    }

    @Test func `both sides may send more than the pipes hold`() throws {
        let records = 200
        let text = String(repeating: "é", count: 60_000)
        let server = try FakeServer { connection in
            try connection.login()
            // Answers before it has read: 24 MB, while the client sends 24 MB.
            try connection.success(["fields": ["x"]])
            for _ in 0..<records { try connection.record([.string(text)]) }
            try connection.success()
            let fields = try connection.expect(0x10)
            #expect(fields[1]["rows"] == .list(Array(repeating: .string(text), count: records)))
            try connection.expect(0x3F)
            try connection.expect(0x0F)
            try connection.success()
        }
        let channel = try BoltChannel(server.configuration)
        var rows = PackStreamBuffer()
        for _ in 0..<records { rows.append(text) }
        channel.run("UNWIND $rows AS r RETURN r", rows: rows, count: records)
        channel.pull()
        try channel.flush()
        #expect(try channel.receive() == .success(["fields": ["x"]]))
        for _ in 0..<records { #expect(try channel.receive() == .record([.string(text)])) }
        #expect(try channel.receive() == .success([:]))
        try channel.recover()
        try server.finish()
    }

    @Test func `a message larger than allowed closes the connection`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            // The client may hang up at any point of this.
            try? connection.success(["x": .string(String(repeating: "x", count: 5000))])
        }
        var configuration = server.configuration
        configuration.messageBytesMax = 4096
        let channel = try BoltChannel(configuration)
        channel.begin()
        let error = #expect(throws: BoltError.self) { try channel.receive() }
        #expect(error?.kind == .protocolViolation)
        #expect(error?.message.contains("4096") == true)
        try server.finish()
    }

    struct Violation: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
    }

    @Test(arguments: [
        Violation(testDescription: "a record for BEGIN", bytes: chunked([0xB1, 0x71, 0x90])),
        Violation(testDescription: "ignored without a failure", bytes: chunked([0xB0, 0x7E])),
        Violation(testDescription: "an unknown answer", bytes: chunked([0xB1, 0x42, 0xA0])),
        Violation(testDescription: "no structure", bytes: chunked([0x01])),
        Violation(testDescription: "a success without metadata", bytes: chunked([0xB0, 0x70])),
        Violation(testDescription: "a success with a list", bytes: chunked([0xB1, 0x70, 0x90])),
        Violation(testDescription: "more than a message", bytes: chunked([0xB1, 0x70, 0xA0, 0x01])),
        Violation(testDescription: "a cut value", bytes: chunked([0xB1, 0x70, 0xA1, 0x81])),
    ])
    func `what the protocol does not allow closes the connection`(violation: Violation) throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.send(violation.bytes)
        }
        let channel = try BoltChannel(server.configuration)
        channel.begin()
        let error = #expect(throws: BoltError.self) { try channel.receive() }
        #expect(error?.kind == .protocolViolation)
        #expect(!channel.isOpen)
        try server.finish()
    }

    @Test func `a server that shuts down is heard out`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.failure("Neo.TransientError.General.DatabaseUnavailable", "going down")
        }
        let channel = try BoltChannel(server.configuration)
        #expect(try channel.wait(deadline: .after(.seconds(10))) == .readable)
        let error = #expect(throws: BoltError.self) { try channel.receiveIfAvailable() }
        #expect(error?.kind == .closed)
        #expect(error?.message.contains("going down") == true)
        try server.finish()
    }
}

@Suite struct `A connection that is cut` {
    /// Logs in, reads so many requests, answers some and hangs up.
    private func server(requests: Int, answers: Int) throws -> FakeServer {
        try FakeServer { connection in
            try connection.login()
            for _ in 0..<requests { _ = try connection.request() }
            for _ in 0..<answers { try connection.success() }
        }
    }

    private func receiveAll(_ channel: BoltChannel) throws(BoltError) {
        try channel.flush()
        while channel.pendingResponses > 0 { _ = try channel.receive() }
    }

    @Test func `before COMMIT was sent leaves nothing open`() throws {
        let server = try server(requests: 3, answers: 1)
        let channel = try BoltChannel(server.configuration)
        channel.begin()
        channel.run("CREATE (n)")
        channel.discard()
        let error = #expect(throws: BoltError.self) { try receiveAll(channel) }
        #expect(error?.kind == .closed)
        #expect(error?.isConnectionLoss == true)
        #expect(error?.isOutcomeUnknown == false)
        // The answer that had come before was delivered.
        #expect(channel.pendingResponses == 2)
        try server.finish()
    }

    @Test func `after COMMIT was sent leaves its outcome open`() throws {
        let server = try server(requests: 4, answers: 3)
        let channel = try BoltChannel(server.configuration)
        channel.begin()
        channel.run("CREATE (n)")
        channel.discard()
        channel.commit()
        let error = #expect(throws: BoltError.self) { try receiveAll(channel) }
        #expect(error?.isOutcomeUnknown == true)
        #expect(channel.pendingResponses == 1)
        try server.finish()
    }

    @Test func `after COMMIT was answered leaves nothing open`() throws {
        let server = try server(requests: 5, answers: 4)
        let channel = try BoltChannel(server.configuration)
        channel.begin()
        channel.run("CREATE (n)")
        channel.discard()
        channel.commit()
        channel.begin()
        let error = #expect(throws: BoltError.self) { try receiveAll(channel) }
        #expect(error?.isOutcomeUnknown == false)
        try server.finish()
    }

    @Test func `during a query of its own leaves its outcome open`() throws {
        let server = try server(requests: 2, answers: 1)
        let channel = try BoltChannel(server.configuration)
        let error = #expect(throws: BoltError.self) { try channel.query("CREATE (n)") }
        #expect(error?.isOutcomeUnknown == true)
        try server.finish()
    }

    @Test func `while it is idle is noticed`() throws {
        let server = try server(requests: 0, answers: 0)
        let channel = try BoltChannel(server.configuration)
        #expect(try channel.wait(deadline: .after(.seconds(10))) == .readable)
        let error = #expect(throws: BoltError.self) { try channel.receiveIfAvailable() }
        #expect(error?.kind == .closed)
        #expect(error?.isOutcomeUnknown == false)
        try server.finish()
    }

    @Test func `in the middle of a large batch gives the answer that came first`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            // Some of the rows, then why it does not want the rest.
            _ = try connection.read(100_000)
            try connection.failure("Neo.ClientError.Request.Invalid", "enough")
        }
        let channel = try BoltChannel(server.configuration)
        var rows = PackStreamBuffer()
        for row in 0..<2_000_000 { rows.append(Int64(row)) }
        channel.begin()
        channel.run("UNWIND $rows AS r CREATE ({r: r})", rows: rows, count: 2_000_000)
        channel.discard()
        channel.commit()
        // The reset that the hang-up causes may overtake the answers; what arrived has to be delivered.
        var answers: [BoltResponse] = []
        let error = #expect(throws: BoltError.self) {
            try channel.flush()
            while true { answers.append(try channel.receive()) }
        }
        #expect(error?.isConnectionLoss == true)
        #expect(error?.isOutcomeUnknown == false)
        #expect(answers.first == .success([:]))
        try server.finish()
    }
}

@Suite struct `Records as bytes` {
    @Test func `are fetched some at a time`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            let run = try connection.expect(0x10)
            #expect(run[0] == "MATCH (n) RETURN n")
            var next: Int64 = 0
            for isLast in [false, false, true] {
                let pull = try connection.expect(0x3F)[0]
                #expect(pull == ["n": 2])
                if next == 0 { try connection.success(["fields": ["n"]]) }
                for _ in 0..<(isLast ? 1 : 2) {
                    try connection.record([.integer(next), "x"])
                    next += 1
                }
                try connection.success(isLast ? ["type": "r"] : ["has_more": true])
            }
        }
        let channel = try BoltChannel(server.configuration)
        var seen: [Int64] = []
        let summary = try channel.forEachRecord("MATCH (n) RETURN n", fetchSize: 2) {
            reader throws(PackStreamError) in
            #expect(reader.position == 0)
            #expect(try reader.readListHeader() == 2)
            seen.append(try reader.readInteger())
            try reader.skipValue()
            try reader.expectEnd()
        }
        #expect(seen == [0, 1, 2, 3, 4])
        #expect(summary == ["type": "r"])
        try server.finish()
    }

    @Test func `are given up when the body throws, and the channel is usable`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success(["fields": ["n"]])
            for value in 0..<3 { try connection.record([.integer(Int64(value))]) }
            try connection.success(["has_more": true])
            try connection.expect(0x0F)
            try connection.success()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success(["fields": []])
            try connection.success()
        }
        struct Enough: Error, Equatable {}
        let channel = try BoltChannel(server.configuration)
        var count = 0
        do {
            try channel.forEachRecord("MATCH (n) RETURN n", fetchSize: 3) { _ throws(Enough) in
                count += 1
                if count == 2 { throw Enough() }
            }
            Issue.record("no error")
        } catch .body {
            #expect(count == 2)
        }
        #expect(try channel.query("RETURN 1").rows == [])
        try server.finish()
    }

    @Test func `of a query that fails after some are followed by a usable channel`() throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success(["fields": ["n"]])
            try connection.record([1])
            try connection.answer(
                .structure(
                    tag: 0x7F,
                    fields: [
                        [
                            "neo4j_code": "Neo.ClientError.Statement.ArithmeticError", "message": "/ by zero",
                            "gql_status": "22012", "description": "error: data exception - division by zero",
                            "diagnostic_record": ["_classification": "CLIENT_ERROR"],
                            "cause": ["gql_status": "22N00", "message": "because", "description": "d"],
                        ]
                    ]))
            try connection.expect(0x0F)
            try connection.success()
            try connection.expect(0x02)
        }
        let channel = try BoltChannel(server.configuration)
        let error = #expect(throws: BoltError.self) { try channel.query("UNWIND [1, 0] AS x RETURN 1 / x") }
        #expect(error?.kind == .server)
        #expect(error?.code == "Neo.ClientError.Statement.ArithmeticError")
        #expect(error?.gqlStatus == "22012")
        #expect(error?.failure?.diagnosticRecord["OPERATION_CODE"] == "0")
        #expect(error?.failure?.diagnosticRecord["_classification"] == "CLIENT_ERROR")
        #expect(error?.failure?.causes.map(\.gqlStatus) == ["22N00"])
        #expect(error?.isTransient == false)
        #expect(!channel.isFailed)
        channel.close()
        try server.finish()
    }
}
