// Part of Lockstep. See LICENSE.

import Foundation

#if canImport(Glibc)
import Glibc
#endif

/// A socket to or from 127.0.0.1 that blocks; closed with its owner.
final class LoopbackSocket: Sendable {
    let descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    static func connect(port: Int) throws -> LoopbackSocket {
        let socket = try make()
        guard unsafe withAddress(port: port, { unsafe Foundation.connect(socket.descriptor, $0, $1) }) == 0 else {
            throw BenchmarkError("no connection to port \(port): errno \(errno)")
        }
        return socket
    }

    /// - Returns: A socket that listens, and its port.
    static func listen() throws -> (LoopbackSocket, port: Int) {
        let socket = try make()
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withAddress(port: 0, { unsafe bind(socket.descriptor, $0, $1) }) == 0
        guard isBound, Foundation.listen(socket.descriptor, 8) == 0 else {
            throw BenchmarkError("no port to listen on: errno \(errno)")
        }
        _ = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(socket.descriptor, $0, &size)
            }
        }
        return (socket, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Nil once the socket has been shut down.
    func accept() -> LoopbackSocket? {
        let accepted = Foundation.accept(descriptor, nil, nil)
        return accepted >= 0 ? LoopbackSocket(accepted) : nil
    }

    func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Waits for bytes.
    ///
    /// - Returns: Nothing at the end of the stream.
    func read() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = unsafe max(0, recv(descriptor, buffer.baseAddress, buffer.count, 0))
        }
    }

    /// - Returns: False when the other side is gone.
    func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func make() throws -> LoopbackSocket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw BenchmarkError("no socket: errno \(errno)") }
        return LoopbackSocket(descriptor)
    }

    private static func withAddress<Result>(
        port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
