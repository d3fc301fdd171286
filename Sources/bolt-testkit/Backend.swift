// Part of Lockstep. See LICENSE.

import Bolt
import Foundation

/// Serves one connection of the suite: one test.
actor Backend {
    struct Failed: Error { let message: String }
    /// The test's own code gave up.
    private struct Given: Error { let id: Int? }

    let peer: Peer
    let clock = TestClock()
    private var count = 0
    var drivers: [Int: BoltDriver] = [:]
    private var sessions: [Int: BoltSession] = [:]
    private var transactions: [Int: BoltTransaction] = [:]
    private var managed: Set<Int> = []
    private var cursors: [Int: BoltCursor] = [:]
    private var errors: [Int: any Error] = [:]
    var bookmarkManagers: [Int: BoltBookmarks] = [:]
    var authManagers: [Int: any BoltAuthManager] = [:]
    var certificateProviders: Set<Int> = []

    init(_ peer: Peer) { self.peer = peer }

    func serve() async {
        while let request = await peer.nextRequest() { await answer(request) }
        for session in sessions.values { await session.close() }
        for driver in drivers.values { await driver.close() }
        // These refer to this object.
        drivers = [:]
        authManagers = [:]
        bookmarkManagers = [:]
    }

    func answer(_ request: JSON) async {
        do {
            let (name, data) = try await handle(request["name"].string ?? "", request["data"])
            peer.send(name, data)
        } catch let error as BoltError {
            peer.send("DriverError", error.json(id: keep(error)))
        } catch let error as CypherValues.UnknownZone {
            peer.send("DriverError", error.json(id: keep(error)))
        } catch is Given {
            peer.send("FrontendError", ["msg": "the test gave up"])
        } catch {
            peer.send("BackendError", ["msg": .string("\(error)")])
        }
    }

    private func keep(_ error: any Error) -> Int {
        count += 1
        errors[count] = error
        return count
    }

    func nextID() -> Int {
        count += 1
        return count
    }

    private func next<Thing>(_ thing: Thing, in things: inout [Int: Thing]) -> JSON {
        count += 1
        things[count] = thing
        return ["id": .int(Int64(count))]
    }

    func find<Thing>(_ things: [Int: Thing], _ data: JSON, _ key: String) throws -> Thing {
        guard let id = data[key].int, let thing = things[Int(id)] else { throw Failed(message: "no such \(key)") }
        return thing
    }

    private func handle(_ name: String, _ data: JSON) async throws -> (String, JSON) {
        switch name {
        case "StartTest": return ("RunTest", [:])
        case "StartSubTest": return ("RunTest", [:])
        case "GetFeatures": return ("FeatureList", ["features": .array(features)])
        case "NewDriver": return ("Driver", next(BoltDriver(try settings(data)), in: &drivers))
        case "DriverClose":
            try await find(drivers, data, "driverId").close()
            return ("Driver", ["id": data["driverId"]])
        case "VerifyConnectivity":
            _ = try await find(drivers, data, "driverId").verifyConnectivity()
            return ("Driver", ["id": data["driverId"]])
        case "GetServerInfo":
            return ("ServerInfo", try await find(drivers, data, "driverId").verifyConnectivity().json())
        case "CheckMultiDBSupport":
            _ = try await find(drivers, data, "driverId").verifyConnectivity()
            return ("MultiDBSupport", ["id": data["driverId"], "available": true])
        case "GetRoutingTable": return try await routingTable(data)
        case "ForcedRoutingTableUpdate": return try await updateRoutingTable(data)
        case "GetConnectionPoolMetrics": return try await poolMetrics(data)
        case "ExecuteQuery": return try await executeQuery(data)
        case "VerifyAuthentication":
            let isTaken = try await find(drivers, data, "driverId").verifyAuthentication(
                try auth(data["authorizationToken"]))
            return ("DriverIsAuthenticated", ["id": data["driverId"], "authenticated": .bool(isTaken)])
        case "CheckSessionAuthSupport":
            let isSupported = try await find(drivers, data, "driverId").supportsSessionAuth()
            return ("SessionAuthSupport", ["id": data["driverId"], "available": .bool(isSupported)])
        case "CheckDriverIsEncrypted":
            let isEncrypted = try find(drivers, data, "driverId").settings.connection.tls != nil
            return ("DriverIsEncrypted", ["encrypted": .bool(isEncrypted)])
        case "NewSession":
            let session = try find(drivers, data, "driverId").session(sessionSettings(data))
            return ("Session", next(session, in: &sessions))
        case "SessionClose":
            try await find(sessions, data, "sessionId").close()
            return ("Session", ["id": data["sessionId"]])
        case "SessionLastBookmarks":
            let bookmarks = try await find(sessions, data, "sessionId").lastBookmarks
            return ("Bookmarks", ["bookmarks": .array(bookmarks.map { .string($0) })])
        case "SessionRun":
            let cursor = try await find(sessions, data, "sessionId").run(
                data["cypher"].string ?? "", try CypherValues.values(data["params"]), try transactionSettings(data))
            return result(cursor)
        case "SessionBeginTransaction":
            let transaction = try await find(sessions, data, "sessionId").beginTransaction(
                try transactionSettings(data))
            return ("Transaction", next(transaction, in: &transactions))
        case "SessionReadTransaction", "SessionWriteTransaction":
            let session = try find(sessions, data, "sessionId")
            let settings = try transactionSettings(data)
            if name == "SessionReadTransaction" {
                try await session.executeRead(settings) { try await self.callBack($0) }
            } else {
                try await session.executeWrite(settings) { try await self.callBack($0) }
            }
            return ("RetryableDone", [:])
        case "TransactionRun":
            let cursor = try await find(transactions, data, "txId").run(
                data["cypher"].string ?? "", try CypherValues.values(data["params"]))
            return result(cursor)
        case "TransactionCommit":
            try await ours(data).commit()
            return ("Transaction", ["id": data["txId"]])
        case "TransactionRollback":
            try await ours(data).rollback()
            return ("Transaction", ["id": data["txId"]])
        case "TransactionClose":
            try await ours(data).close()
            return ("Transaction", ["id": data["txId"]])
        case "ResultNext": return try record(await find(cursors, data, "resultId").next())
        case "ResultPeek": return try record(await find(cursors, data, "resultId").peek())
        case "ResultSingle": return try record(await find(cursors, data, "resultId").single())
        case "ResultList":
            let rows = try await find(cursors, data, "resultId").list()
            let records = try rows.map { JSON.object(["values": .array(try $0.map { try CypherValues.json($0) })]) }
            return ("RecordList", ["records": .array(records)])
        case "ResultSingleOptional":
            let (first, hadOthers) = try await find(cursors, data, "resultId").singleOrNone()
            return (
                "RecordOptional",
                [
                    "record": try first.map { try record($0).1 } ?? .null,
                    "warnings": hadOthers ? ["multiple records, the first is given"] : [],
                ]
            )
        case "ResultConsume": return ("Summary", try await find(cursors, data, "resultId").consume().json())
        default:
            guard let answer = handleManager(name, data) else {
                throw Failed(message: "the request \(name) is not known")
            }
            return answer
        }
    }

    private func ours(_ data: JSON) throws -> BoltTransaction {
        if let id = data["txId"].int, managed.contains(Int(id)) {
            throw Failed(message: "a managed transaction ends by itself")
        }
        return try find(transactions, data, "txId")
    }

    private func executeQuery(_ data: JSON) async throws -> (String, JSON) {
        let config = data["config"]
        var settings = try sessionSettings(config)
        settings.accessMode = config["routing"].string == "r" ? .read : .write
        let result = try await find(drivers, data, "driverId").executeQuery(
            data["cypher"].string ?? "", try CypherValues.values(data["params"]), settings,
            transaction: try transactionSettings(config),
            bookmarks: config["bookmarkManagerId"].int == -1 ? .settings : .earlierQueries)
        let records = try result.records.map { record in
            JSON.object(["values": .array(try record.map { try CypherValues.json($0) })])
        }
        return (
            "EagerResult",
            [
                "keys": .array(result.keys.map { .string($0) }), "records": .array(records),
                "summary": try result.summary.json(),
            ]
        )
    }

    private func result(_ cursor: BoltCursor) -> (String, JSON) {
        var data = next(cursor, in: &cursors).object ?? [:]
        data["keys"] = .array(cursor.keys.map { .string($0) })
        return ("Result", .object(data))
    }

    private func record(_ values: [BoltValue]?) throws -> (String, JSON) {
        guard let values else { return ("NullRecord", [:]) }
        return ("Record", ["values": .array(try values.map { try CypherValues.json($0) })])
    }

    /// Has the test do its part of a managed transaction, and serves it meanwhile.
    private func callBack(_ transaction: BoltTransaction) async throws {
        let data = next(transaction, in: &transactions)
        managed.insert(count)
        peer.send("RetryableTry", data)
        while let request = await peer.nextRequest() {
            switch request["name"].string {
            case "RetryablePositive": return
            case "RetryableNegative":
                if let id = request["data"]["errorId"].int, let error = errors[Int(id)] { throw error }
                throw Given(id: nil)
            default: await answer(request)
            }
        }
        throw Failed(message: "the test hung up")
    }

    // MARK: Settings

    private func settings(_ data: JSON) throws -> BoltDriverSettings {
        var connection = try BoltConfiguration(url: data["uri"].string ?? "")
        connection.notifications = .serverDefault
        connection.auth = try auth(data["authorizationToken"])
        if let agent = data["userAgent"].string { connection.userAgent = agent }
        if let limit = data["connectionTimeoutMs"].int { connection.connectTimeout = .milliseconds(limit) }
        let filter = self.filter(data)
        if let filter { connection.notifications = filter }
        try encrypt(&connection, data)
        var settings = BoltDriverSettings(connection)
        settings.clock = clock.clock
        if let id = data["authTokenManagerId"].int { settings.authManager = authManagers[Int(id)] }
        if let id = data["clientCertificateProviderId"].int {
            settings.clientCertificateProvider = { [self] in try await certificate(of: Int(id)) }
        }
        if let size = data["fetchSize"].int { settings.fetchSize = size }
        if let limit = data["maxTxRetryTimeMs"].int { settings.retryTimeMax = .milliseconds(limit) }
        if let limit = data["livenessCheckTimeoutMs"].int { settings.livenessCheckAfter = .milliseconds(limit) }
        if let size = data["maxConnectionPoolSize"].int { settings.connectionsMax = Int(size) }
        if let limit = data["connectionAcquisitionTimeoutMs"].int { settings.acquisitionTimeout = .milliseconds(limit) }
        if data["telemetryDisabled"].bool == true { settings.sendsTelemetry = false }
        resolve(&settings, data)
        return settings
    }

    private func encrypt(_ connection: inout BoltConfiguration, _ data: JSON) throws {
        if data["encrypted"].bool == true, connection.tls == nil { connection.tls = BoltTLS() }
        if let names = data["trustedCertificates"].array {
            let folder =
                ProcessInfo.processInfo.environment["TK_CUSTOM_CA_DIR"] ?? "/usr/local/share/custom-ca-certificates"
            connection.tls?.trust =
                names.isEmpty ? .anybody : .authorities(files: names.compactMap(\.string).map { "\(folder)/\($0)" })
        }
        if let certificate = Self.certificate(data["clientCertificate"]) {
            connection.tls?.clientCertificate = certificate
        }
    }

    static func certificate(_ json: JSON) -> BoltTLS.ClientCertificate? {
        let data = json["data"]
        guard let file = data["certfile"].string, let key = data["keyfile"].string else { return nil }
        return .init(file: file, keyFile: key, keyPassword: data["password"].string.map { BoltSecret($0) })
    }

    func auth(_ token: JSON) throws -> BoltAuth? {
        let data = token["data"]
        guard let scheme = data["scheme"].string else { return nil }
        let principal = data["principal"].string ?? ""
        let secret = BoltSecret(data["credentials"].string ?? "")
        let realm = data["realm"].string.flatMap { $0.isEmpty ? nil : $0 }
        switch scheme {
        case "none": return BoltAuth.none
        case "basic": return .basic(user: principal, password: secret, realm: realm)
        case "bearer": return .bearer(token: secret)
        case "kerberos": return .kerberos(ticket: secret)
        default:
            let parameters = (data["parameters"].object ?? [:]).compactMapValues(Self.plain)
            return .custom(
                scheme: scheme, principal: principal, credentials: secret, realm: realm, parameters: parameters)
        }
    }

    private static func plain(_ json: JSON) -> BoltValue? {
        switch json {
        case .null: .null
        case .bool(let value): .boolean(value)
        case .int(let value): .integer(value)
        case .double(let value): .float(value)
        case .string(let value): .string(value)
        case .array(let values): .list(values.compactMap(plain))
        case .object(let values): .map(values.compactMapValues(plain))
        }
    }

    private func filter(_ data: JSON) -> BoltNotificationFilter? {
        let severity = data["notificationsMinSeverity"].string.flatMap {
            BoltNotificationFilter.Severity(rawValue: $0.uppercased())
        }
        let categories = data["notificationsDisabledCategories"].array?.compactMap { $0.string?.uppercased() }
        guard severity != nil || categories != nil else { return nil }
        return BoltNotificationFilter(minimumSeverity: severity, disabledCategories: categories)
    }

    private func sessionSettings(_ data: JSON) throws -> BoltSessionSettings {
        var settings = BoltSessionSettings()
        settings.accessMode = data["accessMode"].string == "r" ? .read : .write
        settings.bookmarks = (data["bookmarks"].array ?? []).compactMap(\.string)
        settings.database = data["database"].string
        settings.fetchSize = data["fetchSize"].int
        settings.impersonatedUser = data["impersonatedUser"].string
        settings.auth = try auth(data["authorizationToken"])
        settings.notifications = filter(data)
        if let id = data["bookmarkManagerId"].int { settings.bookmarkManager = bookmarkManagers[Int(id)] }
        return settings
    }

    private func transactionSettings(_ data: JSON) throws -> BoltTransactionSettings {
        BoltTransactionSettings(
            timeout: data["timeout"].int.map { .milliseconds($0) }, metadata: try CypherValues.values(data["txMeta"]))
    }
}
