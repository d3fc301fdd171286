// Part of Lockstep. See LICENSE.

internal import Threading

extension BoltChannel {
    /// Agrees on a version. A reply to the server's manifest is left to be sent together with the login.
    func shakeHands(deadline: MonotonicTime) throws(BoltError) -> BoltVersion {
        let handshake = Handshake(newest: configuration.newestVersion)
        let proposals = handshake.proposals
        unsafe encoder.outgoing.appendUnframed(proposals.span.bytes)
        try flush(deadline: deadline)
        var received: [UInt8] = []
        while true {
            let progress: Handshake.Progress
            do throws(Handshake.Failure) {
                progress = try handshake.answer(to: received)
            } catch {
                throw BoltError(.connect, error.explanation, server: configuration.address)
            }
            switch progress {
            case .agreed(let version, let reply):
                unsafe encoder.outgoing.appendUnframed(reply.span.bytes)
                return version
            case .needs(let count):
                let bytes = try transport.readUnframed(count)
                if bytes.isEmpty {
                    try transport.waitToRead(isAnswerOwed: true, deadline: deadline, wakeups: interrupts)
                }
                received += bytes
            }
        }
    }

    /// Introduces the client and gives the credentials, both in one go.
    func logIn(_ version: BoltVersion, deadline: MonotonicTime) throws(BoltError) {
        encoder.hello(configuration, version: version)
        wrote(.hello)
        if version.hasLogon {
            encoder.logon(configuration.credentials)
            wrote(.logon)
        }
        try flush(deadline: deadline)
        let hello = try receiveLogin(deadline: deadline)
        let logon = version.hasLogon ? try receiveLogin(deadline: deadline) : [:]
        server = BoltServer(address: configuration.address, version: version, hello: hello, logon: logon)
        transport.silenceMax = server.receiveTimeout ?? configuration.readTimeout
    }

    private func receiveLogin(deadline: MonotonicTime) throws(BoltError) -> [String: BoltValue] {
        switch try receive(deadline: deadline) {
        case .success(let metadata): return metadata
        case .failure(let failure):
            let isRefused = failure.code.hasPrefix("Neo.ClientError.Security.")
            throw BoltError(
                isRefused ? .authentication : .server, "the server refused the login: \(failure.message)",
                server: configuration.address, failure: failure)
        case .ignored, .record:
            throw BoltError(.protocolViolation, "the server did not answer the login", server: configuration.address)
        }
    }
}

extension TCPSocket {
    static func connect(
        _ configuration: BoltConfiguration, deadline: MonotonicTime, wakeups: [Wakeup]
    ) throws(BoltError) -> TCPSocket {
        do throws(ConnectFailure) {
            return try connect(
                host: configuration.dialedHost ?? configuration.host, port: configuration.port, deadline: deadline,
                wakeups: wakeups)
        } catch {
            let address = configuration.address
            switch error {
            case .unknownHost(let reason):
                throw BoltError(.connect, "the host '\(configuration.host)' is not known: \(reason)", server: address)
            case .refused(let code):
                throw BoltError(.connect, "cannot connect: \(errorText(code)); is the server running?", server: address)
            case .timedOut:
                throw BoltError(.timeout, "cannot connect within \(configuration.connectTimeout)", server: address)
            case .woken:
                throw BoltError(.woken, "interrupted while connecting", server: address)
            }
        }
    }
}

extension Handshake.Failure {
    fileprivate var explanation: String {
        switch self {
        case .noCommonVersion:
            "the server speaks no version of Bolt that is spoken here (4.2 to 4.4, 5.0 to 5.8, 6.0, 6.1)"
        case .http: "the port speaks HTTP; Bolt has a port of its own, usually \(BoltConfiguration.defaultPort)"
        case .tls: "the port speaks TLS; use bolt+s://"
        case .notProposed(let version): "the server chose Bolt \(version), which was not proposed"
        case .malformed: "the server does not answer as a Bolt server"
        }
    }
}
