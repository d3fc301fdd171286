// Part of Lockstep. See LICENSE.

internal import Threading

/// A cluster: knows which member does what for which database, and has one do what is needed.
///
/// A table that has expired, or has nobody left for what is needed, is asked for anew: from the routers that it names,
/// from the address in the URL, from any other router that is known, until one gives a usable table. Members that
/// cannot be reached, or whose connection is lost, leave all tables and the pool at once; the next table may have them
/// again.
actor Router: ConnectionProvider {
    private let pool: BoltPool
    private let settings: BoltDriverSettings
    private let context: [String: String]
    private var tables: [String?: BoltRoutingTable] = [:]
    /// One task at a time asks for a database's table; the others find it when it is their turn.
    private var locks: [String?: TaskLock] = [:]
    private var homes = HomeDatabases()
    private var turn = 0

    init(_ settings: BoltDriverSettings, pool: BoltPool) {
        self.settings = settings
        self.pool = pool
        context = settings.connection.contextAsRouter
    }

    private var initial: BoltAddress { settings.connection.endpoint }

    // MARK: Connections

    func acquire(_ need: ConnectionNeed) async throws(BoltError) -> Connection {
        guard case .home = need.database else {
            return try await acquire(need, in: need.database.name)
        }
        if let connection = try await acquireByGuess(need) { return connection }
        let table = try await discover(nil, need)
        homes[need] = table.database
        return try await acquire(need, in: table.database)
    }

    func learn(home database: String, for need: ConnectionNeed) -> DatabaseChoice {
        homes[need] = database
        return .named(database)
    }

    /// Where the cluster passes transactions on by itself, what was the home database lately is a good guess: the server
    /// corrects it when the transaction begins.
    ///
    /// - Returns: Nil where it has to be asked for.
    private func acquireByGuess(_ need: ConnectionNeed) async throws(BoltError) -> Connection? {
        guard let guess = homes[need], await pool.isRoutedByServers else { return nil }
        let link: BoltLink
        do throws(BoltError) {
            link = try await acquire(need, in: guess).link
        } catch {
            homes[need] = nil
            if error.kind == .cancelled || error.kind == .poolTimeout { throw error }
            return nil
        }
        // It may have been the first of a member that does not.
        if await pool.isRoutedByServers { return Connection(link: link, database: .home) }
        await pool.release(link)
        return nil
    }

    private func acquire(_ need: ConnectionNeed, in database: String?) async throws(BoltError) -> Connection {
        try await refresh(database, need)
        var reason: BoltError?
        while let address = await choose(need.mode, database) {
            do throws(BoltError) {
                let link = try await pool.acquire(address, login: need.login, checksLiveness: need.checksLiveness)
                await link.watch { [self] error in await noted(error, at: address, database) }
                return Connection(link: link, database: .named(database))
            } catch {
                guard error.isMemberAway else { throw error }
                reason = error
                await drop(address)
            }
        }
        let work = need.mode == .read ? "reads" : "writes"
        let name = database.map { " from '\($0)'" } ?? ""
        throw BoltError(
            .noMember,
            "the cluster has no member now that \(work)\(name)" + (reason.map { "; the last one tried: \($0)" } ?? ""),
            server: nil)
    }

    private func choose(_ mode: BoltAccessMode, _ database: String?) async -> BoltAddress? {
        guard let members = tables[database]?.members(mode), !members.isEmpty else { return nil }
        let inUse = await pool.connectionsInUse(members)
        defer { turn &+= 1 }
        return BoltRoutingTable.leastConnected(members, inUse: inUse, turn: turn)
    }

    // MARK: What fails

    /// Draws the conclusions from what failed on a connection to `address`.
    ///
    /// - Returns: The error for the session.
    private func noted(_ error: BoltError, at address: BoltAddress, _ database: String?) async -> BoltError {
        var error = error
        if error.isConnectionLoss {
            await drop(address)
            error.isMemberLost = true
        }
        switch error.code {
        case "Neo.ClientError.Cluster.NotALeader", "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase":
            tables[database]?.removeWriter(address)
        case "Neo.TransientError.General.DatabaseUnavailable", "Neo.TransientError.Database.DatabaseUnavailable":
            await drop(address)
        default: break
        }
        return error
    }

    private func drop(_ address: BoltAddress) async {
        for database in tables.keys { tables[database]?.remove(address) }
        await pool.closeIdle(address)
    }

    // MARK: Tables

    func table(_ database: String?) -> BoltRoutingTable? { tables[database] }

    /// Sees that there is a table for `database` that has somebody for what is needed, as far as the cluster has.
    private func refresh(_ database: String?, _ need: ConnectionNeed) async throws(BoltError) {
        if isFresh(database, need) { return }
        let lock = locks[database] ?? TaskLock()
        locks[database] = lock
        try await lock.lock()
        defer { lock.unlock() }
        // Whoever was here before may have asked already.
        if !isFresh(database, need) { _ = try await discover(database, need) }
    }

    private func isFresh(_ database: String?, _ need: ConnectionNeed) -> Bool {
        tables[database]?.isFresh(for: need.mode, now: settings.clock.now) ?? false
    }

    /// Asks one router after the other for a table, and keeps it.
    ///
    /// - Parameter database: Nil for the home database, which the table then names.
    /// - Throws: Of kind noRouter where none gave one; what the server said where the next one would say the same.
    @discardableResult
    func discover(_ database: String?, _ need: ConnectionNeed) async throws(BoltError) -> BoltRoutingTable {
        let table = tables[database]
        let known = (table?.routers ?? []).filter { $0 != initial }
        let others = tables.values.flatMap(\.routers).filter { $0 != initial && !known.contains($0) }
        let asksInitialFirst = table?.cameWithoutWriters ?? true
        var reason: BoltError?
        if asksInitialFirst, let table = try await askInitial(database, need, &reason) { return table }
        if let table = try await ask(known, database, need, &reason) { return table }
        if !asksInitialFirst, let table = try await askInitial(database, need, &reason) { return table }
        if let table = try await ask(others.uniqued(), database, need, &reason) { return table }
        throw BoltError(
            .noRouter,
            "no router of the cluster gave a routing table" + (reason.map { "; the last one tried: \($0)" } ?? ""),
            server: nil, failure: nil, tlsFault: reason?.tlsFault)
    }

    private func askInitial(
        _ database: String?, _ need: ConnectionNeed, _ reason: inout BoltError?
    ) async throws(BoltError) -> BoltRoutingTable? {
        let addresses = await settings.resolver?(initial) ?? [initial]
        let table = try await ask(addresses, database, need, &reason)
        if table == nil { await drop(initial) }
        return table
    }

    private func ask(
        _ routers: [BoltAddress], _ database: String?, _ need: ConnectionNeed, _ reason: inout BoltError?
    ) async throws(BoltError) -> BoltRoutingTable? {
        for router in routers {
            do throws(BoltError) {
                let table = try await fetch(router, database, need)
                await keep(table)
                return table
            } catch {
                if error.endsDiscovery { throw error }
                reason = error
                await drop(router)
            }
        }
        return nil
    }

    private func fetch(
        _ router: BoltAddress, _ database: String?, _ need: ConnectionNeed
    ) async throws(BoltError) -> BoltRoutingTable {
        while true {
            let link = try await pool.acquire(router, login: need.login)
            let wasIdle = await link.wasReleased
            do throws(BoltError) {
                let extra = TransactionExtra(
                    database: database, bookmarks: try await need.bookmarks(),
                    impersonatedUser: database == nil ? need.impersonatedUser : nil)
                let answer = try await link.route(context, extra)
                await pool.release(link)
                return try BoltRoutingTable(answer, database: database, server: router, now: settings.clock.now)
            } catch {
                await pool.release(link)
                // It may have died unnoticed in the pool, and the others there with it.
                guard wasIdle, error.isConnectionLoss else { throw error }
                await pool.closeIdle(router)
            }
        }
    }

    private func keep(_ table: BoltRoutingTable) async {
        for (database, old) in tables where old.isForgotten(now: settings.clock.now) {
            tables[database] = nil
            locks[database] = nil
        }
        tables[table.database] = table
        await pool.closeIdle(except: tables.values.reduce(into: []) { $0.formUnion($1.servers) })
    }
}

extension BoltError {
    /// Another member may be there where this one is not.
    fileprivate var isMemberAway: Bool {
        isConnectionLoss || kind == .tls || kind == .server && isTransient && !isSecurityFailure
    }

    /// Another router would say the same.
    fileprivate var endsDiscovery: Bool {
        switch kind {
        case .configuration, .usage, .cancelled, .callback: return true
        default: break
        }
        switch code {
        case "Neo.ClientError.Database.DatabaseNotFound", "Neo.ClientError.Transaction.InvalidBookmark",
            "Neo.ClientError.Transaction.InvalidBookmarkMixture", "Neo.ClientError.Statement.TypeError",
            "Neo.ClientError.Statement.ArgumentError", "Neo.ClientError.Request.Invalid":
            return true
        case "Neo.ClientError.Security.AuthorizationExpired": return false
        default: return code?.hasPrefix("Neo.ClientError.Security.") ?? false
        }
    }
}

extension [BoltAddress] {
    fileprivate func uniqued() -> [BoltAddress] {
        var seen: Set<BoltAddress> = []
        return filter { seen.insert($0).inserted }
    }
}
