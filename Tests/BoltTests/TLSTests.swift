// Part of Lockstep. See LICENSE.

import COpenSSL
import Foundation
import TestServers
import TestSupport
import Testing
import Threading

@testable import Bolt

/// A server that encrypts, logs in and answers one query.
private func server(
    _ identity: FakeTLS.Identity, connections: Int = 1, name: String? = "localhost"
) throws -> FakeServer {
    try FakeServer(connections: connections) { connection in
        #expect(try connection.secure(identity) == name)
        try connection.login()
        try connection.expect(0x10)
        try connection.expect(0x3F)
        try connection.success(["fields": ["x"]])
        try connection.record([1])
        try connection.success()
    }
}

/// A server whose client gives up while the connection is being encrypted.
private func refusedServer(_ identity: FakeTLS.Identity) throws -> FakeServer {
    try FakeServer { connection in
        #expect(throws: (any Error).self) {
            try connection.secure(identity)
            // TLS 1.3 has the server done before the client judges: that shows at the first read.
            _ = try connection.read(1)
        }
    }
}

extension FakeServer {
    fileprivate func encrypted(_ trust: BoltTLS.Trust, host: String = "localhost") -> BoltConfiguration {
        var configuration = configuration
        configuration.host = host
        configuration.tls = BoltTLS(trust: trust)
        return configuration
    }
}

private func refusal(_ configuration: BoltConfiguration) -> BoltError? {
    #expect(throws: BoltError.self) { try BoltChannel(configuration) }
}

@Suite(.timeLimit(.minutes(2))) struct `An encrypted connection` {
    let certificates: TestCertificates

    init() async throws { certificates = try await TestCertificates.made.value }

    private var ours: BoltTLS.Trust { .authorities(files: [certificates["authority.pem"]]) }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func `works in both versions`(version: Int32) throws {
        var identity = certificates.server("server")
        identity.newestVersion = version
        let server = try server(identity)
        let channel = try BoltChannel(server.encrypted(ours))
        #expect(try channel.query("RETURN 1").rows == [[1]])
        channel.close()
        try server.finish()
    }

    @Test func `may be to an address, which the certificate names`() throws {
        let server = try server(certificates.server("server"), name: nil)
        let channel = try BoltChannel(server.encrypted(ours, host: "127.0.0.1"))
        #expect(try channel.query("RETURN 1").rows == [[1]])
        try server.finish()
    }

    @Test func `trusts anybody who is to be trusted`() throws {
        for name in ["server", "expired", "elsewhere"] {
            let server = try server(certificates.server(name))
            let channel = try BoltChannel(server.encrypted(.anybody))
            #expect(try channel.query("RETURN 1").rows == [[1]])
            try server.finish()
        }
    }

    @Test func `carries megabytes both ways at once`() throws {
        let big = BoltValue.bytes((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let server = try FakeServer { [certificates] connection in
            try connection.secure(certificates.server("server"))
            try connection.login()
            for _ in 0..<2 {
                // The first answer is sent before the second request is taken: both directions fill up.
                #expect(try connection.expect(0x10)[1]["big"] == big)
                try connection.expect(0x3F)
                try connection.success(["fields": ["x"]])
                try connection.record([big])
                try connection.success()
            }
            try connection.expect(0x02)
        }
        let channel = try BoltChannel(server.encrypted(ours))
        for _ in 0..<2 {
            channel.run("RETURN $big AS x", ["big": big])
            channel.pull()
        }
        try channel.flush()
        var records = 0
        while channel.pendingResponses > 0 {
            if case .record(let values) = try channel.receive() {
                #expect(values == [big])
                records += 1
            }
        }
        #expect(records == 2)
        channel.close()
        try server.finish()
    }

    @Test func `gives what TLS has read ahead without waiting for more`() throws {
        let server = try FakeServer { [certificates] connection in
            try connection.secure(certificates.server("server"))
            try connection.login()
            try connection.expect(0x10)
            try connection.expect(0x3F)
            // One record of TLS with everything in it: after the first read the socket has nothing more to show.
            let answers: [BoltValue] =
                [.structure(tag: 0x70, fields: [["fields": ["x"]]])]
                + (0..<200).map { .structure(tag: 0x71, fields: [.list([.integer($0)])]) }
                + [.structure(tag: 0x70, fields: [[:]])]
            try connection.send(answers.flatMap { chunked(packed($0)) })
            try connection.expect(0x02)
        }
        let channel = try BoltChannel(server.encrypted(ours))
        channel.run("UNWIND range(0, 199) AS x RETURN x")
        channel.pull()
        try channel.flush()
        var answers = 0
        while channel.pendingResponses > 0 {
            #expect(try channel.wait(deadline: .after(.seconds(5))) == .readable)
            while try channel.receiveIfAvailable() != nil { answers += 1 }
        }
        #expect(answers == 202)
        channel.close()
        try server.finish()
    }

    @Test func `that is cut is a lost connection`() throws {
        let server = try FakeServer { [certificates] connection in
            try connection.secure(certificates.server("server"))
            try connection.login()
            try connection.expect(0x10)
            connection.close()
        }
        let channel = try BoltChannel(server.encrypted(ours))
        let error = #expect(throws: BoltError.self) { try channel.query("RETURN 1") }
        #expect(error?.kind == .closed)
        #expect(error?.isConnectionLoss == true)
        #expect(error?.isOutcomeUnknown == true)
        try server.finish()
    }
}

@Suite(.timeLimit(.minutes(2))) struct `A connection that cannot be encrypted says why` {
    let certificates: TestCertificates

    init() async throws { certificates = try await TestCertificates.made.value }

    private var ours: BoltTLS.Trust { .authorities(files: [certificates["authority.pem"]]) }

    @Test(arguments: [
        ("expired", BoltTLSFault.expired, "expired"), ("elsewhere", .wrongHost, "not for 'localhost'"),
    ])
    func `a certificate that is not good`(name: String, fault: BoltTLSFault, words: String) throws {
        let server = try refusedServer(certificates.server(name))
        let error = refusal(server.encrypted(ours))
        #expect(error?.kind == .tls)
        #expect(error?.tlsFault == fault)
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        #expect(error?.isConnectionLoss == false)
        try server.finish()
    }

    @Test func `an address the certificate does not name`() throws {
        let server = try refusedServer(certificates.server("elsewhere"))
        #expect(refusal(server.encrypted(ours, host: "127.0.0.1"))?.tlsFault == .wrongHost)
        try server.finish()
    }

    @Test func `an authority nobody trusts`() throws {
        for trust in [BoltTLS.Trust.system, .authorities(files: [certificates["stranger.pem"]])] {
            let server = try refusedServer(certificates.server("server"))
            let error = refusal(server.encrypted(trust))
            #expect(error?.tlsFault == .unknownAuthority)
            #expect(error?.message.contains("+ssc") == true)
            try server.finish()
        }
        // One that signed itself.
        let server = try refusedServer(certificates.server("stranger"))
        #expect(refusal(server.encrypted(ours))?.tlsFault == .unknownAuthority)
        try server.finish()
    }

    @Test func `a server without TLS`() throws {
        let silent = try FakeServer { connection in _ = try connection.read(5) }
        #expect(refusal(silent.encrypted(ours))?.tlsFault == .notTLS)
        try silent.finish()
        let bolt = try FakeServer { connection in
            _ = try connection.read(20)
            try connection.send([0, 0, 8, 5])
            _ = try? connection.read(1 << 16)
        }
        #expect(refusal(bolt.encrypted(ours))?.tlsFault == .notTLS)
        try bolt.finish()
    }

    @Test func `a server of HTTP`() throws {
        let server = try FakeServer { connection in
            _ = try connection.read(5)
            try connection.send(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
            _ = try? connection.read(1 << 16)
        }
        let error = refusal(server.encrypted(ours))
        #expect(error?.tlsFault == .http)
        #expect(error?.message.contains("7687") == true)
        try server.finish()
    }

    @Test func `a server of TLS that is asked without`() throws {
        let server = try FakeServer { [certificates] connection in
            #expect(throws: FakeTLS.Refused.self) { try connection.secure(certificates.server("server")) }
        }
        // This one just goes away; others send an alert first.
        #expect(refusal(server.configuration)?.message.contains("TLS") == true)
        try server.finish()
        let alerting = try FakeServer { connection in
            _ = try connection.read(20)
            try connection.send([0x15, 3, 1, 0, 2, 2, 70])
        }
        let error = refusal(alerting.configuration)
        #expect(error?.kind == .connect)
        #expect(error?.message.contains("bolt+s://") == true, "\(String(describing: error))")
        try alerting.finish()
    }

    @Test func `a server of nothing but old versions`() throws {
        var identity = certificates.server("server")
        identity.newestVersion = TLS1_1_VERSION
        let server = try refusedServer(identity)
        #expect(refusal(server.encrypted(ours))?.tlsFault == .nothingInCommon)
        try server.finish()
    }

    @Test func `a server that says nothing`() throws {
        let done = DispatchSemaphore(value: 0)
        let server = try FakeServer { connection in
            _ = try connection.read(5)
            done.wait()
        }
        var configuration = server.encrypted(ours)
        configuration.connectTimeout = .milliseconds(300)
        #expect(refusal(configuration)?.kind == .timeout)
        done.signal()
        try server.finish()
    }

    @Test func `an interruption`() throws {
        let wakeup = Wakeup()
        let done = DispatchSemaphore(value: 0)
        let server = try FakeServer { connection in
            _ = try connection.read(5)
            wakeup.wake()
            done.wait()
        }
        let error = #expect(throws: BoltError.self) { try BoltChannel(server.encrypted(ours), wakeups: [wakeup]) }
        #expect(error?.kind == .woken)
        done.signal()
        try server.finish()
    }

    @Test func `a file that cannot be used`() throws {
        let server = try FakeServer(connections: 3) { _ in }
        #expect(refusal(server.encrypted(.authorities(files: ["/nowhere/ca.pem"])))?.tlsFault == .badFile)
        var configuration = server.encrypted(ours)
        configuration.tls?.clientCertificate = .init(file: certificates["client.pem"], keyFile: "/nowhere/key")
        #expect(refusal(configuration)?.tlsFault == .badFile)
        configuration.tls?.clientCertificate = .init(
            file: certificates["client.pem"], keyFile: certificates["locked.key"], keyPassword: "s3cret-not")
        let error = refusal(configuration)
        #expect(error?.tlsFault == .badFile)
        #expect(error?.description.contains("s3cret") == false)
        try server.finish()
    }
}

@Suite(.timeLimit(.minutes(2))) struct `A server that asks who the client is` {
    let certificates: TestCertificates

    init() async throws { certificates = try await TestCertificates.made.value }

    private func encrypted(_ server: FakeServer) -> BoltConfiguration {
        server.encrypted(.authorities(files: [certificates["authority.pem"]]))
    }

    @Test(arguments: [("client.key", BoltSecret?.none), ("locked.key", "s3cret")])
    func `gets the certificate`(key: String, password: BoltSecret?) throws {
        let server = try server(certificates.server("server", clientAuthority: "authority"))
        var configuration = encrypted(server)
        configuration.tls?.clientCertificate = .init(
            file: certificates["client.pem"], keyFile: certificates[key], keyPassword: password)
        #expect(try BoltChannel(configuration).query("RETURN 1").rows == [[1]])
        try server.finish()
    }

    @Test func `gets from a driver the certificate that is the right one by then`() async throws {
        let identity = certificates.server("server", clientAuthority: "authority")
        let count = TestCounter()
        let server = try FakeServer(connections: 3) { connection in
            guard count.next() < 3 else {
                #expect(throws: FakeTLS.Refused.self) { try connection.secure(identity) }
                return
            }
            try connection.secure(identity)
            try connection.login(BoltVersion(5, 8))
            try connection.query()
            try connection.expect(0x02)
        }
        let time = StandingClock()
        var settings = BoltDriverSettings(encrypted(server))
        settings.clock = time.clock
        let asked = TestCounter()
        settings.clientCertificateProvider = { [certificates] in
            switch asked.next() {
            case 1: .init(file: certificates["client.pem"], keyFile: certificates["client.key"])
            case 2: nil  // The same still.
            default: .init(file: certificates["gone.pem"], keyFile: certificates["gone.key"])
            }
        }
        let driver = BoltDriver(settings)
        for _ in 0..<2 {
            #expect(try await driver.session().run("x").single() == [1])
            // Too old to be used again.
            time.advance(settings.connectionLifetimeMax)
        }
        let error = await #expect(throws: BoltError.self) { try await driver.session().run("x") }
        #expect(error?.tlsFault == .badFile)
        #expect(asked.count == 3)
        await driver.close()
        try server.finish()
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func `refuses a client without one`(version: Int32) throws {
        var identity = certificates.server("server", clientAuthority: "authority")
        identity.newestVersion = version
        let server = try refusedServer(identity)
        let error = refusal(encrypted(server))
        #expect(error?.kind == .tls)
        #expect(error?.tlsFault == .clientCertificate || version == TLS1_2_VERSION, "\(String(describing: error))")
        try server.finish()
    }
}

@Suite(.timeLimit(.minutes(10))) struct `Neo4j with TLS` {
    @Test(arguments: GraphServer.kinds.filter(\.isNeo4j))
    func `is talked to, and a client without TLS is told`(kind: GraphServer.Kind) async throws {
        try kind.requireAvailable()
        let certificates = try await TestCertificates.made.value
        let server = try await GraphServer(
            kind,
            settings: [
                "server.bolt.tls_level": "OPTIONAL", "dbms.ssl.policy.bolt.enabled": "true",
                "dbms.ssl.policy.bolt.base_directory": certificates.folder.path,
                "dbms.ssl.policy.bolt.private_key": "server.key",
                "dbms.ssl.policy.bolt.public_certificate": "server.pem", "dbms.ssl.policy.bolt.client_auth": "NONE",
            ])
        for host in ["localhost", "127.0.0.1"] {
            var configuration = BoltConfiguration(host: host, port: UInt16(server.port))
            configuration.tls = BoltTLS(trust: .authorities(files: [certificates["authority.pem"]]))
            let rows = try await DedicatedThread.run(name: "tls") { [configuration] () throws(BoltError) in
                try BoltChannel(configuration).query("UNWIND range(1, 100000) AS x RETURN x").rows.count
            }
            #expect(rows == 100_000)
            configuration.tls?.trust = .system
            let error = await #expect(throws: BoltError.self) {
                try await DedicatedThread.run(name: "tls") { [configuration] () throws(BoltError) in
                    _ = try BoltChannel(configuration)
                }
            }
            #expect(error?.tlsFault == .unknownAuthority)
        }
    }
}
