// Part of Lockstep. See LICENSE.

internal import Threading

/// What bytes go over: a socket as it is, or TLS on one.
enum Wire {
    case plain(TCPSocket)
    case encrypted(TLSStream)

    var descriptor: Int32 {
        switch self {
        case .plain(let socket): socket.descriptor
        case .encrypted(let stream): stream.descriptor
        }
    }

    /// A read may give something although the descriptor shows nothing: TLS reads ahead.
    var hasMoreToRead: Bool {
        switch self {
        case .plain: false
        case .encrypted(let stream): stream.hasMoreToRead
        }
    }

    /// What to wait for before the next read.
    var readWaitsFor: PollEvents {
        switch self {
        case .plain: .readable
        case .encrypted(let stream): stream.readWaitsFor
        }
    }

    func receive(into room: UnsafeMutableRawBufferPointer) -> TCPSocket.Outcome {
        switch self {
        case .plain(let socket): unsafe socket.receive(into: room)
        case .encrypted(let stream): unsafe stream.receive(into: room)
        }
    }

    func send(_ bytes: RawSpan) -> TCPSocket.Outcome {
        switch self {
        case .plain(let socket): socket.send(bytes)
        case .encrypted(let stream): stream.send(bytes)
        }
    }

    func close() {
        switch self {
        case .plain(let socket): socket.close()
        case .encrypted(let stream): stream.close()
        }
    }
}

extension Wire {
    /// Connects within ``BoltConfiguration/connectTimeout``, and encrypts the connection where the settings ask for it.
    static func connect(
        _ configuration: BoltConfiguration, deadline: MonotonicTime, wakeups: [Wakeup]
    ) throws(BoltError) -> Wire {
        let socket = try TCPSocket.connect(
            configuration, deadline: min(deadline, .after(configuration.connectTimeout)), wakeups: wakeups)
        guard let settings = configuration.tls else { return .plain(socket) }
        let address = configuration.address
        let stream: TLSStream
        do throws(TLSFailure) {
            stream = try TLSStream(socket, host: configuration.host, settings: settings)
        } catch { throw BoltError(error, server: address) }
        while true {
            let progress: TLSStream.Progress
            do throws(TLSFailure) {
                progress = try stream.handshake()
            } catch { throw BoltError(error, server: address) }
            guard case .waiting(let events) = progress else { return .encrypted(stream) }
            let ready = Poll.wait(descriptor: stream.descriptor, for: events, wakeups: wakeups, deadline: deadline)
            if !ready.isDisjoint(with: [.readable, .writable]) { continue }
            if ready.contains(.woken) { throw BoltError(.woken, "interrupted while connecting", server: address) }
            throw BoltError(.timeout, "the server has not taken up TLS in the time for connecting", server: address)
        }
    }
}
