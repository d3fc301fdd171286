// Part of Lockstep. See LICENSE.

internal import Threading

/// The connections of a driver: so many for each server at most, kept while they are good.
actor BoltPool {
    private struct Idle {
        let link: BoltLink
        let since: MonotonicTime
    }

    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private let settings: BoltDriverSettings
    private var idle: [BoltAddress: [Idle]] = [:]
    /// Connections handed out, and those that are being made.
    private var inUse: [BoltAddress: Int] = [:]
    private var waiters: [BoltAddress: [Waiter]] = [:]
    private var waiterCount = 0
    /// Whether the server passes transactions on.
    private var passesOn: [BoltAddress: Bool] = [:]
    private var isClosed = false
    /// How often a server has declared the credentials of all connections void.
    private var logins: [BoltAddress: Int] = [:]
    /// What the provider of client certificates gave last.
    private var certificate: BoltTLS.ClientCertificate?

    init(_ settings: BoltDriverSettings) { self.settings = settings }

    /// Those handed out, for a choice among servers.
    func connectionsInUse(_ addresses: [BoltAddress]) -> [BoltAddress: Int] {
        inUse.filter { addresses.contains($0.key) }
    }

    func connectionCount(_ address: BoltAddress) -> (inUse: Int, idle: Int) {
        (inUse[address] ?? 0, idle[address]?.count ?? 0)
    }

    /// Every server, as far as it was connected to, passes transactions on to the one that can do them.
    var isRoutedByServers: Bool { !passesOn.isEmpty && passesOn.values.allSatisfy(\.self) }

    /// Gives a connection, one that is there or a new one, and waits where there are too many.
    func acquire(
        _ address: BoltAddress, login: BoltLogin, checksLiveness: Bool = false
    ) async throws(BoltError) -> BoltLink {
        let deadline = MonotonicTime.after(settings.acquisitionTimeout)
        while true {
            guard !isClosed else { throw BoltError(.usage, "the driver was closed", server: address.description) }
            if let found = idle[address]?.popLast() {
                inUse[address, default: 0] += 1
                do throws(BoltError) {
                    let isGood = await isGood(found, deadline: deadline, checksLiveness: checksLiveness)
                    if isGood, try await logOn(found.link, login) { return found.link }
                } catch {
                    await release(found.link)
                    throw error
                }
                await found.link.close()
                free(address)
            } else if inUse[address, default: 0] < settings.connectionsMax {
                inUse[address, default: 0] += 1
                do throws(BoltError) {
                    return try await connect(address, login: login, deadline: deadline)
                } catch {
                    free(address)
                    throw error
                }
            } else if await !wait(address, until: deadline) {
                if Task.isCancelled { throw BoltError(.cancelled, "the task was cancelled", server: nil) }
                throw BoltError(
                    .poolTimeout,
                    "no connection was free within \(settings.acquisitionTimeout): \(settings.connectionsMax) are in use",
                    server: address.description)
            }
        }
    }

    private func connect(
        _ address: BoltAddress, login: BoltLogin, deadline: MonotonicTime
    ) async throws(BoltError) -> BoltLink {
        var configuration = settings.connection
        configuration.host = address.host
        configuration.port = address.port
        try await takeClientCertificate(for: &configuration)
        let auth = try await login.credentials()
        configuration.auth = auth
        if configuration.routing != nil { configuration.routingContext = settings.connection.contextAsRouter }
        let link = BoltLink(
            address, created: settings.clock.now,
            login: .init(auth: auth, manager: login.manager, count: loginCount(address)),
            onRefusal: { [weak self] failure in await self?.refused(failure, at: address) })
        do throws(BoltError) {
            let server = try await connect(link, configuration, deadline: deadline)
            if login.isSessions { try requireUserSwitching(server) }
            passesOn[address] = server.passesTransactionsOn
        } catch {
            await link.close()
            throw error
        }
        return link
    }

    /// Tries each address that the host's name stands for.
    private func connect(
        _ link: BoltLink, _ configuration: BoltConfiguration, deadline: MonotonicTime
    ) async throws(BoltError) -> BoltServer {
        var configuration = configuration
        var addresses = await settings.lookUp?(configuration.host) ?? []
        while addresses.count > 1 {
            configuration.dialedHost = addresses.removeFirst()
            do throws(BoltError) { return try await link.connect(configuration, deadline: deadline) } catch {
                guard error.isConnectionLoss else { throw error }
            }
        }
        configuration.dialedHost = addresses.first
        return try await link.connect(configuration, deadline: deadline)
    }

    private func takeClientCertificate(for configuration: inout BoltConfiguration) async throws(BoltError) {
        guard let provider = settings.clientCertificateProvider else { return }
        do {
            if let new = try await provider() { certificate = new }
        } catch { throw BoltError(callback: "no client certificate was given", error) }
        configuration.tls?.clientCertificate = certificate
    }

    private func isGood(_ found: Idle, deadline: MonotonicTime, checksLiveness: Bool) async -> Bool {
        guard await found.link.isUsable, settings.clock.now - found.link.created < settings.connectionLifetimeMax
        else { return false }
        let idleTime = settings.clock.now - found.since
        guard checksLiveness || settings.livenessCheckAfter.map({ idleTime >= $0 }) ?? false else { return true }
        do throws(BoltError) {
            try await found.link.checkLiveness(deadline: deadline)
            return true
        } catch { return false }
    }

    /// Sees that a connection has the credentials it is to have.
    ///
    /// - Returns: False where it cannot get them, and is of no use.
    private func logOn(_ link: BoltLink, _ login: BoltLogin) async throws(BoltError) -> Bool {
        guard let server = await link.server else { return false }
        if login.isSessions { try requireUserSwitching(server) }
        let new = BoltLink.Login(
            auth: try await login.credentials(), manager: login.manager, count: loginCount(link.address))
        if await link.adopt(new), !login.isForced { return true }
        guard server.version.hasLogon else { return false }
        try await link.logOn(again: new, waits: login.isForced)
        return true
    }

    private func requireUserSwitching(_ server: BoltServer) throws(BoltError) {
        guard !server.version.hasLogon else { return }
        throw BoltError(
            .configuration,
            "user switching is not supported in Bolt \(server.version): credentials of a session need 5.1 (Neo4j 5.5)",
            server: server.address)
    }

    private func loginCount(_ address: BoltAddress) -> Int { logins[address] ?? 0 }

    /// A server said that it does not take credentials, or not for what was asked.
    private func refused(_ failure: BoltFailure, at address: BoltAddress) {
        if failure.code == "Neo.ClientError.Security.AuthorizationExpired" { logins[address, default: 0] += 1 }
    }

    /// Takes a connection back.
    func release(_ link: BoltLink) async {
        await link.release()
        let isGood = await link.isUsable && settings.clock.now - link.created < settings.connectionLifetimeMax
        if isGood && !isClosed {
            idle[link.address, default: []].append(Idle(link: link, since: settings.clock.now))
        } else {
            await link.close()
        }
        free(link.address)
    }

    private func free(_ address: BoltAddress) {
        inUse[address, default: 1] -= 1
        // Members come and go; nothing is kept of those that are not used.
        if inUse[address] == 0 { inUse[address] = nil }
        guard var waiting = waiters[address] else { return }
        waiting.removeFirst().continuation.resume(returning: true)
        waiters[address] = waiting.isEmpty ? nil : waiting
    }

    /// - Returns: False when the deadline passed, or the task was cancelled.
    private func wait(_ address: BoltAddress, until deadline: MonotonicTime) async -> Bool {
        let left = deadline - .now
        guard left > .zero else { return false }
        waiterCount += 1
        let number = waiterCount
        let limit = Task {
            try await Task.sleep(for: left)
            giveUp(number, address)
        }
        defer { limit.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiters[address, default: []].append(Waiter(number: number, continuation: continuation))
                if Task.isCancelled { giveUp(number, address) }
            }
        } onCancel: {
            Task { await giveUp(number, address) }
        }
    }

    private func giveUp(_ number: Int, _ address: BoltAddress) {
        guard let index = waiters[address]?.firstIndex(where: { $0.number == number }) else { return }
        waiters[address]?.remove(at: index).continuation.resume(returning: false)
        if waiters[address]?.isEmpty == true { waiters[address] = nil }
    }

    /// Closes the idle connections to a server that was lost.
    func closeIdle(_ address: BoltAddress) async {
        let links = idle.removeValue(forKey: address) ?? []
        for idle in links { await idle.link.close() }
    }

    /// Closes the idle connections to servers that are none of these.
    func closeIdle(except addresses: Set<BoltAddress>) async {
        passesOn = passesOn.filter { addresses.contains($0.key) }
        for address in idle.keys where !addresses.contains(address) { await closeIdle(address) }
    }

    /// Closes what is idle, and each connection in use when it comes back.
    func close() async {
        isClosed = true
        let links = idle.values.joined().map(\.link)
        idle = [:]
        for waiter in waiters.values.joined() { waiter.continuation.resume(returning: true) }
        waiters = [:]
        for link in links { await link.close() }
    }
}
