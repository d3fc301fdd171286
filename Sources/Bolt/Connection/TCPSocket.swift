// Part of Lockstep. See LICENSE.

internal import Threading

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A connected socket that never blocks: what the connection reads from and writes to.
final class TCPSocket {
    /// What came of a read or a write.
    enum Outcome: Equatable {
        case bytes(Int)
        /// Nothing can be done now; wait for the descriptor.
        case wouldBlock
        /// The other side has finished sending.
        case end
        /// An `errno`.
        case failed(Int32)
        /// TLS on top of the socket failed.
        case refused(TLSFailure)
    }

    enum ConnectFailure: Error {
        /// The name means no address; the reason in words.
        case unknownHost(String)
        /// No address answered; the `errno` of the last one tried.
        case refused(Int32)
        case timedOut
        case woken
    }

    /// Negative once closed.
    private(set) var descriptor: Int32

    /// Takes over a descriptor of a socket, which is closed here.
    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        configure()
    }

    deinit { close() }

    func close() {
        guard descriptor >= 0 else { return }
        _ = closeDescriptor(descriptor)
        descriptor = -1
    }

    func receive(into room: UnsafeMutableRawBufferPointer) -> Outcome {
        while true {
            let count = unsafe recv(descriptor, room.baseAddress, room.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if let outcome = outcome(of: errno) { return outcome }
        }
    }

    func send(_ bytes: RawSpan) -> Outcome {
        #if canImport(Glibc)
        let flags = Int32(MSG_NOSIGNAL)
        #else
        let flags: Int32 = 0  // SO_NOSIGPIPE is set instead.
        #endif
        while true {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe sendBytes(descriptor, buffer.baseAddress, buffer.count, flags)
            }
            if count >= 0 { return .bytes(count) }
            if let outcome = outcome(of: errno) { return outcome }
        }
    }

    /// - Returns: Nil when the call is to be made again.
    private func outcome(of error: Int32) -> Outcome? {
        switch error {
        case EINTR: nil
        case EAGAIN, EWOULDBLOCK: .wouldBlock
        default: .failed(error)
        }
    }

    // MARK: Connecting

    /// Connects to the first address of `host` that answers.
    ///
    /// Looking up the name blocks for as long as the system's resolver takes.
    static func connect(
        host: String, port: UInt16, deadline: MonotonicTime, wakeups: [Wakeup]
    ) throws(ConnectFailure) -> TCPSocket {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        unsafe hints.ai_socktype = SOCK_STREAM
        #endif
        unsafe hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard status == 0 else { throw .unknownHost(unsafe String(cString: gai_strerror(status))) }
        defer { unsafe freeaddrinfo(found) }
        var addresses = 0
        var next = unsafe found
        while let address = unsafe next {
            addresses += 1
            unsafe next = address.pointee.ai_next
        }
        var failure = ConnectFailure.unknownHost("no address")
        unsafe next = found
        while let address = unsafe next {
            // Each address gets its share of the time that is left, so that a silent one does not use up all.
            let share = (deadline - .now) / addresses
            do throws(ConnectFailure) {
                return try unsafe connect(address.pointee, deadline: .after(share), wakeups: wakeups)
            } catch {
                if case .woken = error { throw error }
                failure = error
            }
            addresses -= 1
            unsafe next = address.pointee.ai_next
        }
        throw failure
    }

    private static func connect(
        _ address: addrinfo, deadline: MonotonicTime, wakeups: [Wakeup]
    ) throws(ConnectFailure) -> TCPSocket {
        let descriptor = unsafe socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { throw .refused(errno) }
        let connection = TCPSocket(adopting: descriptor)
        if unsafe connectDescriptor(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return connection }
        guard errno == EINPROGRESS || errno == EINTR else { throw .refused(errno) }
        let events = Poll.wait(descriptor: descriptor, for: .writable, wakeups: wakeups, deadline: deadline)
        if events.contains(.writable) {
            var error: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
            if error == 0 { return connection }
            throw .refused(error)
        }
        throw events.contains(.woken) ? .woken : .timedOut
    }

    private func configure() {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Requests are gathered before they are sent: waiting for more would only delay them.
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        // A host that went away without a word is noticed within about a minute, also on a connection that is idle.
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10)
        set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
        #if canImport(Glibc)
        set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 30)
        #else
        set(Int32(IPPROTO_TCP), TCP_KEEPALIVE, 30)
        set(SOL_SOCKET, SO_NOSIGPIPE, 1)
        #endif
    }

    /// Options are wishes: a connection without them still works.
    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// The system's words for an `errno`.
func errorText(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

// The C functions, under names that methods of the class do not hide.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }

private func sendBytes(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    unsafe send(descriptor, start, count, flags)
}

private func connectDescriptor(
    _ descriptor: Int32, _ address: UnsafeMutablePointer<sockaddr>?, _ size: socklen_t
) -> Int32 {
    unsafe connect(descriptor, address, size)
}
