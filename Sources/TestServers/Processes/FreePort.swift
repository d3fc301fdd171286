// Part of Lockstep. See LICENSE.

internal import Foundation
internal import Synchronization

/// Loopback TCP ports that nobody listens on.
///
/// Taken below the range that the kernel gives to outgoing connections, so that a server that is stopped finds its port
/// still free when it starts again; and never given twice by this process.
public enum FreePort {
    private static let given = Mutex<Set<Int>>([])

    /// - Throws: ``TestServerError`` when a thousand tries found none.
    public static func take() throws -> Int {
        for _ in 0..<1000 {
            let port = Int.random(in: 20_000..<32_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            if isFree(port) { return port }
        }
        throw TestServerError("no free loopback port between 20000 and 32000")
    }

    private static func isFree(_ port: Int) -> Bool {
        unsafe withLoopbackSocket(port: port) { descriptor, address, size in
            var yes: Int32 = 1
            unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            return unsafe bind(descriptor, address, size) == 0
        }
    }

    /// Whether somebody accepts connections on the port.
    public static func isListening(_ port: Int) -> Bool {
        unsafe withLoopbackSocket(port: port) { descriptor, address, size in
            unsafe connect(descriptor, address, size) == 0
        }
    }

    static func withLoopbackSocket<Result>(
        port: Int, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        #endif
        precondition(descriptor >= 0, "socket failed: errno \(errno)")
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body(descriptor, $0, size) }
        }
    }
}
