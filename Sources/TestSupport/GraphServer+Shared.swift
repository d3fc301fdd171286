// Part of Lockstep. See LICENSE.

internal import Synchronization
public import TestServers

extension GraphServer {
    /// Lends a server of this kind that runs and is empty, to one caller at a time. Of Neo4j the test process keeps one.
    ///
    /// The others wait, so tests of different suites may ask at once. A server may be stopped or killed inside. A kind
    /// that is missing here cancels the test, which then shows as skipped, with the reason.
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
    /// Neo4j's.
    private var server: GraphServer?
    /// ArcadeDB's of the next turn.
    private var next: Task<GraphServer, any Error>?
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
        switch kind {
        case .arcadeDB: return try await unusedServer()
        case .neo4j:
            guard let server else {
                let made = try await GraphServer(kind)
                server = made
                return made
            }
            if !server.isRunning { try await server.start() }
            try await server.removeEverything()
            return server
        }
    }

    /// A server that nobody has had; the one for the next turn starts meanwhile, in time that this turn's test waits.
    ///
    /// ArcadeDB starts in a second and a half, and deletes 5,000 nodes in that time; and labels, relationship types and
    /// the types of constrained properties would outlive their last node there.
    private func unusedServer() async throws -> GraphServer {
        let starting = next ?? startOne()
        next = nil
        let unused = try await starting.value
        next = startOne()
        return unused
    }

    private func startOne() -> Task<GraphServer, any Error> { Task { [kind] in try await GraphServer(kind) } }
}
