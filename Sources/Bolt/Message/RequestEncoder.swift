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
}

/// Writes requests as framed bytes.
///
/// | tag | request | fields |
/// |---|---|---|
/// | `01` | HELLO | extra: agent, notification filter, before 5.1 credentials, 4.4 `utc` patch |
/// | `6A` | LOGON | credentials |
/// | `02` | GOODBYE | |
/// | `0F` | RESET | |
/// | `10` | RUN | query, parameters, extra (empty in an explicit transaction) |
/// | `11` | BEGIN | extra: bookmarks, tx_timeout in ms, tx_metadata, mode `r`, db |
/// | `12` `13` | COMMIT, ROLLBACK | |
/// | `2F` `3F` | DISCARD, PULL | `{n}`; -1 is all |
///
/// - SeeAlso: https://neo4j.com/docs/bolt/current/bolt/message/
struct RequestEncoder: ~Copyable {
    var outgoing = ChunkWriter()
    private var head = PackStreamBuffer()
    private var tail = PackStreamBuffer()

    mutating func hello(_ configuration: BoltConfiguration, version: BoltVersion) {
        start(0x01, fields: 1)
        let credentials = version.hasLogon ? 0 : Self.credentialCount(configuration)
        let filtersNotifications = version.hasNotificationFilter && configuration.notifications != .serverDefault
        head.appendMapHeader(
            1 + (version.hasBoltAgent ? 1 : 0) + (filtersNotifications ? 1 : 0) + (version.needsUTCPatch ? 1 : 0)
                + credentials)
        head.append("user_agent")
        head.append(configuration.userAgent)
        if version.hasBoltAgent {
            head.append("bolt_agent")
            head.append(Self.boltAgent)
        }
        if filtersNotifications {
            head.append("notifications_minimum_severity")
            switch configuration.notifications {
            case .off, .serverDefault: head.append("OFF")
            case .warning: head.append("WARNING")
            case .information: head.append("INFORMATION")
            }
        }
        if version.needsUTCPatch {
            head.append("patch_bolt")
            head.append(list: ["utc"])
        }
        if credentials > 0 { appendCredentials(configuration) }
        finish()
    }

    mutating func logon(_ configuration: BoltConfiguration) {
        start(0x6A, fields: 1)
        head.appendMapHeader(Self.credentialCount(configuration))
        appendCredentials(configuration)
        finish()
    }

    mutating func begin(_ extra: TransactionExtra) {
        start(0x11, fields: 1)
        Self.append(extra, to: &head)
        finish()
    }

    /// - Parameter extra: Nil in an explicit transaction.
    mutating func run(_ query: String, _ parameters: [String: BoltValue], extra: TransactionExtra?) {
        start(0x10, fields: 3)
        head.append(query)
        head.append(parameters)
        if let extra { Self.append(extra, to: &head) } else { head.appendMapHeader(0) }
        finish()
    }

    /// - Parameter rows: `count` values, which become the list `$rows`.
    mutating func run(_ query: String, rows: borrowing PackStreamBuffer, count: Int, extra: TransactionExtra?) {
        start(0x10, fields: 3)
        head.append(query)
        head.appendMapHeader(1)
        head.append("rows")
        head.appendListHeader(count)
        tail.removeAll()
        if let extra { Self.append(extra, to: &tail) } else { tail.appendMapHeader(0) }
        outgoing.appendMessage(head, rows, tail)
    }

    mutating func pull(_ count: Int64) {
        start(0x3F, fields: 1)
        appendCount(count)
        finish()
    }

    mutating func discard() {
        start(0x2F, fields: 1)
        appendCount(-1)
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

    private mutating func appendCount(_ count: Int64) {
        head.appendMapHeader(1)
        head.append("n")
        head.append(count)
    }

    private static func append(_ extra: TransactionExtra, to buffer: inout PackStreamBuffer) {
        let entries = [
            !extra.bookmarks.isEmpty, extra.timeout != nil, !extra.metadata.isEmpty, extra.mode == .read,
            extra.database != nil,
        ]
        buffer.appendMapHeader(entries.count { $0 })
        if !extra.bookmarks.isEmpty {
            buffer.append("bookmarks")
            buffer.append(list: extra.bookmarks.map { .string($0) })
        }
        if let timeout = extra.timeout {
            buffer.append("tx_timeout")
            buffer.append(timeout.wholeMilliseconds)
        }
        if !extra.metadata.isEmpty {
            buffer.append("tx_metadata")
            buffer.append(extra.metadata)
        }
        if extra.mode == .read {
            buffer.append("mode")
            buffer.append("r")
        }
        if let database = extra.database {
            buffer.append("db")
            buffer.append(database)
        }
    }

    private static func credentialCount(_ configuration: BoltConfiguration) -> Int {
        configuration.user == nil ? 1 : 3
    }

    private mutating func appendCredentials(_ configuration: BoltConfiguration) {
        head.append("scheme")
        guard let user = configuration.user else {
            head.append("none")
            return
        }
        head.append("basic")
        head.append("principal")
        head.append(user)
        head.append("credentials")
        head.append(configuration.password?.reveal() ?? "")
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
