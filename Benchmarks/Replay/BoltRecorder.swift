// Part of Lockstep. See LICENSE.

import Foundation
import Synchronization

/// Stands between Lockstep and the graph for one run and keeps every byte that Lockstep sends.
final class BoltRecorder: Sendable {
    /// Where to connect instead of to the graph.
    let port: Int
    private let listener: LoopbackSocket
    private let upstream: Int
    private let connections = Mutex<[[UInt8]]>([])

    init(upstream: Int) throws {
        self.upstream = upstream
        (listener, port) = try LoopbackSocket.listen()
        Thread.detachNewThread { [self] in
            while let client = listener.accept() { serve(client) }
        }
    }

    func stop() { listener.shutDown() }

    /// What was sent over each connection, in the order in which they were made.
    var all: [[UInt8]] { connections.withLock { $0 } }

    /// What was sent over the connection that most was sent over: the writer's.
    var longest: [UInt8] { connections.withLock { $0.max { $0.count < $1.count } } ?? [] }

    private func serve(_ client: LoopbackSocket) {
        guard let server = try? LoopbackSocket.connect(port: upstream) else { return client.shutDown() }
        let index = connections.withLock { all in
            all.append([])
            return all.count - 1
        }
        Thread.detachNewThread { [self] in
            while case let bytes = client.read(), !bytes.isEmpty, server.write(bytes[...]) {
                connections.withLock { $0[index] += bytes }
            }
            server.shutDown()
        }
        Thread.detachNewThread {
            while case let bytes = server.read(), !bytes.isEmpty, client.write(bytes[...]) {}
            client.shutDown()
        }
    }
}
