// Part of Lockstep. See LICENSE.

// The driver's side of neo4j-drivers/testkit: serves its requests on TCP 9876 (or TEST_BACKEND_PORT).

import Foundation

let port = ProcessInfo.processInfo.environment["TEST_BACKEND_PORT"].flatMap { UInt16($0) } ?? 9876
let listener = try Listener(port: port)
while true {
    let peer = try await listener.accept()
    Task { await Backend(peer).serve() }
}
