// Part of Lockstep. See LICENSE.

import Foundation
import Synchronization
import Testing

@testable import Bolt

#if canImport(Glibc)
import Glibc
#endif

/// A Bolt server that does what a script says, for what a real one will not do on request.
///
/// The script runs on a thread of its own, once for each connection, and talks blocking; every read gives up after ten
/// seconds. An error thrown by it, a failed expectation included, is a failure of the test that calls ``finish()``.
final class FakeServer: Sendable {
    struct ScriptError: Error, CustomStringConvertible {
        let description: String
    }

    let port: UInt16
    private let done = DispatchSemaphore(value: 0)
    private let failure = Mutex<(any Error)?>(nil)

    /// - Parameter atOnce: Whether the connections have a thread each, instead of one after the other.
    init(
        connections: Int = 1, atOnce: Bool = false, _ script: @escaping @Sendable (FakeConnection) throws -> Void
    ) throws {
        // No server that another test starts is to hold them open.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(listener, address, size) == 0 && listen(listener, 4) == 0
                    && getsockname(listener, address, &size) == 0
            }
        }
        guard bound else { throw ScriptError(description: "cannot listen: errno \(errno)") }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in
            let ended = DispatchGroup()
            for _ in 0..<connections {
                let connection = FakeConnection(descriptor: accept(listener, nil, nil), port: port)
                ended.enter()
                let serve: @Sendable () -> Void = { [self] in
                    do {
                        try script(connection)
                    } catch {
                        failure.withLock { $0 = error }
                    }
                    connection.close()
                    ended.leave()
                }
                if atOnce { Thread.detachNewThread(serve) } else { serve() }
            }
            ended.wait()
            Glibc.close(listener)
            done.signal()
        }
    }

    /// Settings for a channel to this server.
    var configuration: BoltConfiguration {
        var configuration = BoltConfiguration(host: "127.0.0.1", port: port, user: "neo4j", password: "s3cret")
        configuration.connectTimeout = .seconds(10)
        configuration.readTimeout = .seconds(10)
        return configuration
    }

    /// Waits for the script's end and throws what it threw.
    func finish() throws {
        guard done.wait(timeout: .now() + 20) == .success else {
            throw ScriptError(description: "the script did not end within 20 s")
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

/// The script's side of a connection.
final class FakeConnection: Sendable {
    /// The server's.
    let port: UInt16
    private let descriptor: Int32
    private let isClosed = Atomic(false)
    private let tls = Mutex<FakeTLS?>(nil)

    init(descriptor: Int32, port: UInt16) {
        self.descriptor = descriptor
        self.port = port
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    func close() {
        if isClosed.exchange(true, ordering: .relaxed) { return }
        Glibc.close(descriptor)
    }

    /// Encrypts what follows.
    ///
    /// - Returns: The name the client asked for; nil where it gave none.
    @discardableResult
    func secure(_ identity: FakeTLS.Identity) throws -> String? {
        let session = try FakeTLS(descriptor, identity)
        tls.withLock { $0 = session }
        return session.requestedName
    }

    // MARK: Bytes

    func read(_ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                return tls.withLock { tls in
                    if let tls {
                        unsafe tls.read(room)
                    } else {
                        unsafe recv(descriptor, room.baseAddress, room.count, 0)
                    }
                }
            }
            guard got > 0 else {
                throw FakeServer.ScriptError(description: "expected \(count - filled) more bytes, got \(got)")
            }
            filled += got
        }
        return bytes
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[sent...])
                return tls.withLock { tls in
                    if let tls { return unsafe tls.write(rest) }
                    return unsafe Glibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                }
            }
            guard count > 0 else { throw FakeServer.ScriptError(description: "cannot send: errno \(errno)") }
            sent += count
        }
    }

    // MARK: Messages

    /// Reads a request as it is.
    func message() throws -> [UInt8] {
        var message: [UInt8] = []
        while true {
            let header = try read(2)
            let size = Int(header[0]) << 8 | Int(header[1])
            if size == 0 { return message }
            message += try read(size)
        }
    }

    /// Reads a request: its tag and its fields.
    func request() throws -> (tag: UInt8, fields: [BoltValue]) {
        let message = try message()
        var reader = PackStreamReader(unsafe message.span.bytes)
        guard case .structure(let tag, let fields) = try reader.readValue() else {
            throw FakeServer.ScriptError(description: "a request that is no structure")
        }
        try reader.expectEnd()
        return (tag, fields)
    }

    /// Reads a request and checks its tag.
    @discardableResult
    func expect(_ tag: UInt8) throws -> [BoltValue] {
        let request = try request()
        guard request.tag == tag else {
            throw FakeServer.ScriptError(description: "expected request \(tag), got \(request.tag)")
        }
        return request.fields
    }

    func success(_ metadata: [String: BoltValue] = [:]) throws {
        try answer(.structure(tag: 0x70, fields: [.map(metadata)]))
    }

    func failure(_ code: String, _ message: String = "as the script says") throws {
        try answer(.structure(tag: 0x7F, fields: [["code": .string(code), "message": .string(message)]]))
    }

    func ignored() throws { try answer(.structure(tag: 0x7E, fields: [])) }

    func record(_ values: [BoltValue]) throws { try answer(.structure(tag: 0x71, fields: [.list(values)])) }

    func answer(_ value: BoltValue) throws { try send(chunked(packed(value))) }

    func noop() throws { try send([0, 0]) }

    // MARK: Scenes

    /// Reads the proposals and answers.
    func handshake(_ answer: [UInt8] = [0, 0, 8, 5]) throws {
        let proposals = try read(20)
        guard proposals == Handshake(newest: BoltVersion(6, 1)).proposals else {
            throw FakeServer.ScriptError(description: "unexpected proposals \(proposals)")
        }
        try send(answer)
    }

    /// Handshake and login for 5.8.
    func login(hints: [String: BoltValue] = [:]) throws {
        try handshake()
        try expect(0x01)
        try expect(0x6A)
        try success(["server": "Neo4j/5.26.0", "connection_id": "bolt-7", "hints": .map(hints)])
        try success()
    }
}

/// A value's bytes.
func packed(_ value: BoltValue) -> [UInt8] {
    var buffer = PackStreamBuffer()
    buffer.append(value)
    return unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
}

/// A message as it goes over the wire, in chunks of at most `chunk` bytes.
func chunked(_ message: [UInt8], chunk: Int = 0xFFFF) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: message.count, by: chunk) {
        let part = message[start..<min(start + chunk, message.count)]
        bytes += [UInt8(part.count >> 8), UInt8(part.count & 0xFF)] + part
    }
    return bytes + [0, 0]
}
