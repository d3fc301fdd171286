// Part of Lockstep. See LICENSE.

import Glibc
import Threading

@testable import Bolt

/// A server that has said all it has to say before anybody asks, and then hangs up.
enum HostileServer {
    /// Connects a channel to it, by a pair of sockets: no port, no thread, no time.
    static func connect(sending bytes: [UInt8]) throws(BoltError) -> BoltChannel {
        var pair: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
            preconditionFailure("no sockets: errno \(errno)")
        }
        defer { close(pair[1]) }
        let sent = unsafe bytes.withUnsafeBytes { unsafe send(pair[1], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        precondition(sent == bytes.count, "larger than the socket's buffer: give libFuzzer a smaller -max_len")
        shutdown(pair[1], Int32(SHUT_WR))
        var configuration = BoltConfiguration(host: "hostile", user: "u", password: "p")
        configuration.connectTimeout = .seconds(2)
        configuration.readTimeout = .seconds(2)
        configuration.messageBytesMax = 64 << 10
        return try BoltChannel(
            configuration, over: .plain(TCPSocket(adopting: pair[0])), wakeups: [], limit: .seconds(2),
            deadline: .after(.seconds(2)))
    }
}
