// Part of Lockstep. See LICENSE.

/// Whether a transaction may write; a cluster chooses the member by it.
public enum BoltAccessMode: Sendable, Hashable {
    case read, write
}

/// What a transaction, explicit or auto-commit, begins with.
struct TransactionExtra {
    var database: String?
    var bookmarks: [String] = []
    var metadata: [String: BoltValue] = [:]
    var timeout: Duration?
    var mode = BoltAccessMode.write
    /// From Bolt 4.4.
    var impersonatedUser: String?
    /// From Bolt 5.2; nil for what the connection asks for.
    var notifications: BoltNotificationFilter?

    func entries(_ version: BoltVersion) -> [(key: String, value: BoltValue)] {
        var entries: [(String, BoltValue)] = []
        if !bookmarks.isEmpty { entries.append(("bookmarks", .list(bookmarks.map { .string($0) }))) }
        if let timeout { entries.append(("tx_timeout", .integer(timeout.wholeMilliseconds))) }
        if !metadata.isEmpty { entries.append(("tx_metadata", .map(metadata))) }
        if mode == .read { entries.append(("mode", "r")) }
        if let database { entries.append(("db", .string(database))) }
        if let impersonatedUser { entries.append(("imp_user", .string(impersonatedUser))) }
        return entries + (notifications?.entries(version) ?? [])
    }
}

/// Writes requests as framed bytes.
///
/// | tag | request | fields |
/// |---|---|---|
/// | `01` | HELLO | extra: agent, notification filter, routing context, before 5.1 credentials, 4.3 and 4.4 `utc` patch |
/// | `6A` `6B` | LOGON, LOGOFF | credentials; nothing |
/// | `02` | GOODBYE | |
/// | `0F` | RESET | |
/// | `10` | RUN | query, parameters, extra (empty in an explicit transaction) |
/// | `11` | BEGIN | extra: bookmarks, tx_timeout in ms, tx_metadata, mode `r`, db, imp_user |
/// | `12` `13` | COMMIT, ROLLBACK | |
/// | `2F` `3F` | DISCARD, PULL | `{n}`, -1 is all; `qid` where it is not the last query's |
/// | `66` | ROUTE | context, bookmarks, `{db, imp_user}`, before 4.4 the database |
/// | `54` | TELEMETRY | the kind of transaction |
///
/// - SeeAlso: https://neo4j.com/docs/bolt/current/bolt/message/
struct RequestEncoder: ~Copyable {
    var outgoing = ChunkWriter()
    private var head = PackStreamBuffer()
    private var tail = PackStreamBuffer()

    /// The version agreed on, which decides what some requests hold.
    var version = BoltVersion(5, 0)

    mutating func hello(_ configuration: BoltConfiguration, version: BoltVersion) {
        self.version = version
        var entries: [(key: String, value: BoltValue)] = [("user_agent", .string(configuration.userAgent))]
        if version.hasBoltAgent { entries.append(("bolt_agent", .map(Self.boltAgent))) }
        entries += configuration.notifications.entries(version)
        if let context = configuration.routingContext {
            entries.append(("routing", .map(context.mapValues { .string($0) })))
        }
        if version.needsUTCPatch { entries.append(("patch_bolt", ["utc"])) }
        if !version.hasLogon { entries += configuration.credentials.entries }
        start(0x01, fields: 1)
        append(entries)
        finish()
    }

    mutating func logon(_ auth: BoltAuth) {
        start(0x6A, fields: 1)
        append(auth.entries)
        finish()
    }

    mutating func logoff() { bare(0x6B) }

    mutating func begin(_ extra: TransactionExtra) {
        start(0x11, fields: 1)
        append(extra.entries(version))
        finish()
    }

    mutating func route(_ context: [String: String], _ extra: TransactionExtra) {
        start(0x66, fields: 3)
        head.append(context.mapValues { .string($0) })
        head.append(list: extra.bookmarks.map { .string($0) })
        if version >= BoltVersion(4, 4) {
            var entries: [(key: String, value: BoltValue)] = []
            if let database = extra.database { entries.append(("db", .string(database))) }
            if let user = extra.impersonatedUser { entries.append(("imp_user", .string(user))) }
            append(entries)
        } else {
            head.append(extra.database.map { .string($0) } ?? .null)
        }
        finish()
    }

    mutating func telemetry(_ kind: Int64) {
        start(0x54, fields: 1)
        head.append(kind)
        finish()
    }

    /// - Parameter extra: Nil in an explicit transaction.
    mutating func run(_ query: String, _ parameters: [String: BoltValue], extra: TransactionExtra?) {
        start(0x10, fields: 3)
        head.append(query)
        head.append(parameters)
        append(extra?.entries(version) ?? [])
        finish()
    }

    /// - Parameter rows: `count` values, which become the list `$rows` beside the parameters.
    mutating func run(
        _ query: String, _ parameters: [String: BoltValue] = [:], rows: borrowing PackStreamBuffer, count: Int,
        extra: TransactionExtra?
    ) {
        start(0x10, fields: 3)
        head.append(query)
        head.appendMapHeader(parameters.count + 1)
        for (name, value) in parameters {
            head.append(name)
            head.append(value)
        }
        head.append("rows")
        head.appendListHeader(count)
        tail.removeAll()
        Self.append(extra?.entries(version) ?? [], to: &tail)
        outgoing.appendMessage(head, rows, tail)
    }

    /// - Parameter query: The `qid` of another query than the last one.
    mutating func pull(_ count: Int64, query: Int64? = nil) { take(0x3F, count, query) }

    mutating func discard(query: Int64? = nil) { take(0x2F, -1, query) }

    private mutating func take(_ tag: UInt8, _ count: Int64, _ query: Int64?) {
        start(tag, fields: 1)
        append([("n", .integer(count))] + (query.map { [("qid", .integer($0))] } ?? []))
        finish()
    }

    mutating func commit() { bare(0x12) }
    mutating func rollback() { bare(0x13) }
    mutating func reset() { bare(0x0F) }
    mutating func goodbye() { bare(0x02) }

    // MARK: Parts

    private mutating func start(_ tag: UInt8, fields: Int) {
        head.removeAll()
        head.appendStructureHeader(tag: tag, fields: fields)
    }

    private mutating func finish() { outgoing.appendMessage(head) }

    private mutating func bare(_ tag: UInt8) {
        start(tag, fields: 0)
        finish()
    }

    private mutating func append(_ entries: [(key: String, value: BoltValue)]) { Self.append(entries, to: &head) }

    private static func append(_ entries: [(key: String, value: BoltValue)], to buffer: inout PackStreamBuffer) {
        buffer.appendMapHeader(entries.count)
        for (key, value) in entries {
            buffer.append(key)
            buffer.append(value)
        }
    }

    private static let boltAgent: [String: BoltValue] = [
        "product": "swift-bolt/0.1", "platform": .string(platform), "language": "Swift/6",
    ]

    private static var platform: String {
        #if os(Linux)
        let system = "Linux"
        #else
        let system = "macOS"
        #endif
        #if arch(arm64)
        return "\(system); arm64"
        #else
        return "\(system); x86_64"
        #endif
    }
}

extension Duration {
    /// Rounded up: 0 would mean no limit at all.
    fileprivate var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        if overflow { return .max }
        return milliseconds + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
