// Part of Lockstep. See LICENSE.

import Foundation
import TestServers
import TestSupport
import Testing
import Threading

@testable import Bolt

/// A query in a transaction of its own that gives one record.
private func answerOne(_ connection: FakeConnection, _ value: BoltValue = 1, bookmark: String = "b:1") throws {
    try connection.expect(0x10)
    try connection.expect(0x3F)
    try connection.success(["fields": ["x"]])
    try connection.record([value])
    try connection.success(["bookmark": .string(bookmark), "type": "r"])
}

@Suite(.timeLimit(.minutes(2))) struct `A driver` {
    private func driver(
        _ server: FakeServer, _ change: (inout BoltDriverSettings) -> Void = { _ in }
    ) -> BoltDriver {
        var settings = BoltDriverSettings(server.configuration)
        change(&settings)
        return BoltDriver(settings)
    }

    @Test func `uses one connection for one session after the other, and waits for its bookmark`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try answerOne(connection, bookmark: "b:1")
            #expect(try connection.expect(0x10)[2]["bookmarks"] == ["b:1"])
            try connection.expect(0x3F)
            try connection.success(["fields": ["x"]])
            try connection.success()
            try answerOne(connection)
            try connection.expect(0x02)
        }
        let driver = driver(server)
        let session = driver.session()
        #expect(try await session.run("RETURN 1").list() == [[1]])
        #expect(await session.lastBookmarks == ["b:1"])
        #expect(try await session.run("RETURN 1").list() == [])
        await session.close()
        #expect(try await driver.session().run("RETURN 1").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test func `waits for servers without holding the threads that tasks share`() async throws {
        let count = ProcessInfo.processInfo.activeProcessorCount + 1
        let asked = DispatchSemaphore(value: 0)
        let gate = DispatchSemaphore(value: 0)
        let server = try FakeServer(connections: count, atOnce: true) { connection in
            try connection.login()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            asked.signal()
            guard gate.wait(timeout: .now() + 10) == .success else {
                throw FakeServer.ScriptError(description: "no task ran while answers were awaited")
            }
            try connection.success(["fields": ["x"]])
            try connection.record([1])
            try connection.success()
            try connection.expect(0x02)
        }
        let driver = driver(server)
        // Opens the gate from a task that is there before, once every server owes an answer.
        let (all, continuation) = AsyncStream.makeStream(of: Void.self)
        Thread.detachNewThread {
            for _ in 0..<count { asked.wait() }
            continuation.finish()
        }
        async let opened: Void = {
            for await _ in all {}
            for _ in 0..<count { gate.signal() }
        }()
        try await withThrowingTaskGroup(of: [BoltValue].self) { group in
            for _ in 0..<count {
                group.addTask { try await driver.session().run("RETURN 1").single() }
            }
            for try await record in group { #expect(record == [1]) }
        }
        await opened
        await driver.close()
        try server.finish()
    }

    @Test func `asks for records as they are taken`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x10)
            try connection.success(["fields": ["x"]])
            for fetch in 0..<3 {
                #expect(try connection.expect(0x3F)[0] == ["n": 2])
                for row in 0..<2 { try connection.record([.integer(Int64(fetch * 2 + row))]) }
                try connection.success(["has_more": .boolean(true)])
            }
            // Nobody wants the rest.
            #expect(try connection.expect(0x2F)[0] == ["n": -1])
            try connection.success(["type": "r", "stats": ["nodes-created": 3]])
            try connection.expect(0x02)
        }
        let driver = driver(server) { $0.fetchSize = 2 }
        let cursor = try await driver.session().run("UNWIND range(0, 99) AS x RETURN x")
        #expect(cursor.keys == ["x"])
        #expect(try await cursor.peek() == [0])
        for number in 0..<5 { #expect(try await cursor.next() == [.integer(Int64(number))]) }
        let summary = try await cursor.consume()
        #expect(summary.counters == ["nodes-created": 3])
        #expect(summary.queryType == "r")
        let error = await #expect(throws: BoltError.self) { try await cursor.next() }
        #expect(error?.kind == .resultEnded)
        await driver.close()
        try server.finish()
    }

    @Test(arguments: 0..<4)
    func `gives the only record, or none, and says whether there were others`(count: Int) async throws {
        let server = try FakeServer { connection in
            try connection.login()
            for fetch in 0..<2 {
                if fetch == 0 {
                    try connection.expect(0x10)
                    try connection.expect(0x3F)
                    try connection.success(["fields": ["x"]])
                } else {
                    #expect(try connection.expect(0x3F)[0] == ["n": -1])
                }
                let records = fetch == 0 ? min(count, 2) : count - 2
                for _ in 0..<records { try connection.record([1]) }
                try connection.success(fetch == 0 && count > 2 ? ["has_more": .boolean(true)] : ["type": "r"])
                if count <= 2 { break }
            }
            try connection.expect(0x02)
        }
        let driver = driver(server) { $0.fetchSize = 2 }
        let cursor = try await driver.session().run("x")
        let (record, hadOthers) = try await cursor.singleOrNone()
        #expect(record == (count == 0 ? nil : [1]))
        #expect(hadOthers == (count > 1))
        #expect(try await cursor.singleOrNone().record == nil)
        #expect(try await cursor.consume().queryType == "r")
        await driver.close()
        try server.finish()
    }

    @Test func `keeps no session that nobody uses, closed or not`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try answerOne(connection)
            try connection.expect(0x11)
            try connection.success()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success(["fields": ["x"]])
            try connection.success(["has_more": true])
            try connection.expect(0x2F)
            try connection.success()
            try connection.expect(0x12)
            try connection.success()
            try connection.expect(0x02)
        }
        let driver = driver(server)
        weak var used: BoltSession?
        do {
            let session = driver.session()
            used = session
            #expect(try await session.run("RETURN 1").list() == [[1]])
            let transaction = try await session.beginTransaction()
            _ = try await transaction.run("RETURN 1")
            try await transaction.commit()
        }
        try await eventually("the session is gone") { used == nil }
        await driver.close()
        try server.finish()
    }

    @Test func `asks again where an answer brings neither records nor their end`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x10)
            try connection.success(["fields": ["x"]])
            try connection.expect(0x3F)
            try connection.success(["has_more": true])
            try connection.expect(0x3F)
            try connection.record([1])
            try connection.success()
            try connection.expect(0x02)
        }
        let driver = driver(server)
        #expect(try await driver.session().run("RETURN 1").list() == [[1]])
        await driver.close()
        try server.finish()
    }

    @Test func `takes the first that answers of the addresses that stand for one server`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try answerOne(connection)
            try connection.expect(0x02)
        }
        let nobody = BoltAddress(host: "127.0.0.1", port: UInt16(try FreePort.take()))
        let there = BoltAddress(host: "127.0.0.1", port: server.port)
        let driver = driver(server) { $0.resolver = { _ in [nobody, there, nobody] } }
        #expect(try await driver.session().run("RETURN 1").list() == [[1]])
        await driver.close()
        try server.finish()
    }

    @Test func `keeps several results of a transaction apart`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            for query in 0..<2 as Range<Int64> {
                try connection.expect(0x10)
                try connection.expect(0x3F)
                try connection.success(["fields": ["x"], "qid": .integer(query)])
                try connection.record([.integer(query * 10)])
                try connection.success(["has_more": .boolean(true)])
            }
            // A list wants all of it.
            #expect(try connection.expect(0x3F)[0] == ["n": -1, "qid": 0])
            try connection.record([1])
            try connection.success()
            #expect(try connection.expect(0x2F)[0] == ["n": -1])
            try connection.success()
            try connection.expect(0x12)
            try connection.success(["bookmark": "b:9"])
            try connection.expect(0x02)
        }
        let driver = driver(server) { $0.fetchSize = 1 }
        let session = driver.session()
        let transaction = try await session.beginTransaction()
        let first = try await transaction.run("first")
        let second = try await transaction.run("second")
        #expect(try await first.list() == [[0], [1]])
        #expect(try await second.next() == [10])
        try await transaction.commit()
        #expect(await session.lastBookmarks == ["b:9"])
        let error = await #expect(throws: BoltError.self) { try await second.next() }
        #expect(error?.kind == .resultEnded)
        await #expect(throws: BoltError.self) { try await transaction.run("third") }
        await driver.close()
        try server.finish()
    }

    @Test func `tries a managed transaction again where that may help, and only there`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.failure("Neo.TransientError.Transaction.DeadlockDetected")
            try connection.ignored()
            try connection.expect(0x0F)
            try connection.success()
            try connection.expect(0x11)
            try connection.success()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            try connection.success(["fields": ["x"], "qid": 0])
            try connection.success()
            try connection.expect(0x12)
            try connection.success()
            // Once more, and this time for good.
            try connection.expect(0x11)
            try connection.failure("Neo.ClientError.Security.Forbidden")
            try connection.expect(0x0F)
            try connection.success()
            try connection.expect(0x02)
        }
        let driver = driver(server)
        let session = driver.session()
        try await session.executeWrite { _ = try await $0.run("CREATE ()").consume() }
        let error = await #expect(throws: BoltError.self) { try await session.executeWrite { _ in } }
        #expect(error?.code == "Neo.ClientError.Security.Forbidden")
        await driver.close()
        try server.finish()
    }

    @Test func `never repeats a commit whose outcome is not known`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            try connection.expect(0x12)
        }
        let driver = driver(server)
        let error = await #expect(throws: BoltError.self) { try await driver.session().executeWrite { _ in } }
        #expect(error?.isOutcomeUnknown == true)
        #expect(error?.isCommitUnknown == true)
        #expect(error?.isRetryable == false)
        await driver.close()
        try server.finish()
    }

    @Test func `makes no more connections than allowed, and says so in time`() async throws {
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x11)
            try connection.success()
            try connection.expect(0x13)
            try connection.success()
            try answerOne(connection)
            try connection.expect(0x02)
        }
        let driver = driver(server) {
            $0.connectionsMax = 1
            $0.acquisitionTimeout = .seconds(1)
        }
        let transaction = try await driver.session().beginTransaction()
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("RETURN 1") }
        #expect(error?.kind == .poolTimeout)
        try await transaction.rollback()
        #expect(try await driver.session().run("RETURN 1").single() == [1])
        await driver.close()
        try server.finish()
    }

    @Test func `tries a connection that was idle, and takes another where it is gone`() async throws {
        let count = TestCounter()
        let server = try FakeServer(connections: 2) { connection in
            try connection.login()
            try answerOne(connection)
            if count.next() == 1 { return }
            try connection.expect(0x02)
        }
        let driver = driver(server) { $0.livenessCheckAfter = .zero }
        for _ in 0..<2 { #expect(try await driver.session().run("RETURN 1").single() == [1]) }
        await driver.close()
        try server.finish()
    }

    @Test func `ends the query of a task that is cancelled`() async throws {
        let running = Wakeup()
        let server = try FakeServer { connection in
            try connection.login()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            running.wake()
            try connection.expect(0x0F)
            try connection.failure("Neo.TransientError.Transaction.Terminated")
            try connection.ignored()
            try connection.success()
            try answerOne(connection)
            try connection.expect(0x02)
        }
        let driver = driver(server)
        let task = Task { () -> BoltError.Kind? in
            do throws(BoltError) {
                _ = try await driver.session().run("slow")
                return nil
            } catch { return error.kind }
        }
        await DedicatedThread.run(name: "wait") {
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [running], deadline: .after(.seconds(10)))
        }
        task.cancel()
        #expect(await task.value == .cancelled)
        #expect(try await driver.session().run("RETURN 1").single() == [1])
        await driver.close()
        try server.finish()
    }
}

@Suite(.timeLimit(.minutes(10))) struct `A driver on a real server` {
    @Test(arguments: GraphServer.kinds)
    func `reads and writes`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { server in
            var configuration = try BoltConfiguration(url: server.boltURL)
            configuration.database = GraphServer.database
            let driver = BoltDriver(configuration)
            let written = try await driver.session().executeWrite { transaction in
                try await transaction.run("UNWIND range(1, 5000) AS x CREATE (:Counted {x: x})").consume().counters
            }
            #expect(written["nodes-created"] == 5000)
            let read = try await driver.session().executeRead { transaction in
                try await transaction.run("MATCH (n:Counted) RETURN n.x").list().count
            }
            #expect(read == 5000)
            await #expect(throws: BoltError.self) { try await driver.session().run("RETURN nothing") }
            #expect(try await driver.session().run("RETURN 1").single() == [1])
            await driver.close()
        }
    }

    @Test(arguments: GraphServer.kinds)
    func `is routed to the only member that there is`(kind: GraphServer.Kind) async throws {
        try await GraphServer.shared(kind) { server in
            var configuration = try BoltConfiguration(url: server.boltURL)
            configuration.routing = [:]
            // In this one by name, in the other as the home database.
            for database in [GraphServer.database, nil] {
                configuration.database = database
                let driver = BoltDriver(configuration)
                _ = try await driver.executeQuery("CREATE (:Routed)")
                var settings = BoltSessionSettings()
                settings.accessMode = .read
                let read = try await driver.executeQuery("MATCH (n:Routed) RETURN n IS NOT NULL", [:], settings)
                #expect(read.records.first == [true])
                await driver.close()
            }
        }
    }
}
