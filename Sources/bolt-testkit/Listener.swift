// Part of Lockstep. See LICENSE.

import Foundation
import Synchronization
import Threading

#if canImport(Glibc)
import Glibc
#endif

struct SocketError: Error { let what: String }

/// Where the suite connects: once for each test.
final class Listener: Sendable {
    private let descriptor: Int32

    init(port: UInt16) throws {
        signal(SIGPIPE, SIG_IGN)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let descriptor = descriptor
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0, listen(descriptor, 16) == 0 else { throw SocketError(what: "cannot listen: \(errno)") }
    }

    func accept() async throws -> Peer {
        let descriptor = descriptor
        return try await DedicatedThread.run(name: "accept") { () throws in
            let peer = Glibc.accept(descriptor, nil, nil)
            guard peer >= 0 else { throw SocketError(what: "cannot accept: \(errno)") }
            return Peer(descriptor: peer)
        }
    }
}

/// One connection of the suite: requests in, responses out, each between two marker lines.
final class Peer: Sendable {
    private let descriptor: Int32
    private let unread = Mutex<[UInt8]>([])

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// - Returns: Nil when the suite has hung up.
    func nextRequest() async -> JSON? {
        await DedicatedThread.run(name: "request") { [self] in
            var lines: [UInt8]?
            while let line = readLine() {
                switch String(decoding: line, as: UTF8.self) {
                case "#request begin": lines = []
                case "#request end":
                    return lines.flatMap { try? JSONDecoder().decode(JSON.self, from: Data($0)) }
                default: lines? += line
                }
            }
            return nil
        }
    }

    private func readLine() -> [UInt8]? {
        unread.withLock { unread in
            while true {
                if let end = unread.firstIndex(of: 10) {
                    let line = Array(unread[..<end])
                    unread.removeFirst(end + 1)
                    return line.last == 13 ? line.dropLast() : line
                }
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                let count = recv(descriptor, &bytes, bytes.count, 0)
                guard count > 0 else { return nil }
                unread += bytes[..<count]
            }
        }
    }

    func send(_ name: String, _ data: JSON) {
        let response: JSON = ["name": .string(name), "data": data]
        guard let text = try? JSONEncoder().encode(response) else { return }
        let bytes = Array("#response begin\n".utf8) + text + Array("\n#response end\n".utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.send(descriptor, buffer.baseAddress! + sent, buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }
}
