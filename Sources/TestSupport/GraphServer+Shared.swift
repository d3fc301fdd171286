// Part of Lockstep. See LICENSE.

internal import Synchronization
public import TestServers

extension GraphServer {
    /// Lends the one server of this kind that the test process keeps: started when first asked for, empty at each call,
    /// to one caller at a time.
    ///
    /// The others wait, so tests of different suites may ask at once. A server that was stopped or killed inside is
    /// started again for the next. A kind that is missing here cancels the test, which then shows as skipped, with the
    /// reason.
    ///
    /// - Throws: ``TestServerError`` when it cannot be started; what `body` throws.
    public static func shared<Result>(
        _ kind: Kind, _ body: @concurrent (GraphServer) async throws -> sending Result
    ) async throws -> sending Result {
        try kind.requireAvailable()
        let slot = SharedSlot.of(kind)
        await slot.enter()
        do {
            let server = try await slot.cleanServer()
            let result = try await body(server)
            await slot.leave()
            return result
        } catch {
            await slot.leave()
            throw error
        }
    }
}

/// One kind's shared server and the queue before it.
private actor SharedSlot {
    private static let all = Mutex<[GraphServer.Kind: SharedSlot]>([:])

    static func of(_ kind: GraphServer.Kind) -> SharedSlot {
        all.withLock { slots in
            if let slot = slots[kind] { return slot }
            let slot = SharedSlot(kind)
            slots[kind] = slot
            return slot
        }
    }

    private let kind: GraphServer.Kind
    private var server: GraphServer?
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private init(_ kind: GraphServer.Kind) { self.kind = kind }

    func enter() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    /// The turn passes straight to the next that waits.
    func leave() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }

    func cleanServer() async throws -> GraphServer {
        guard let server else {
            let made = try await GraphServer(kind)
            server = made
            return made
        }
        if !server.isRunning { try await server.start() }
        try await server.wipe()
        return server
    }
}
