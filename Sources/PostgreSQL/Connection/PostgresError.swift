// Part of Lockstep. See LICENSE.

/// What went wrong between us and a PostgreSQL server.
///
/// Made of the server's own words where there are any. Row values and secrets are left out: the detail of a data or
/// constraint error, and whatever a parser quoted from a connection string.
public struct PostgresError: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// The connection string cannot be read.
        case configuration
        /// No server answered: name not found, connection refused, host unreachable.
        case connect
        /// The server, or `pg_hba.conf`, refused the user.
        case authentication
        case missingDatabase
        /// TLS could not be agreed on, or the server's certificate was refused.
        case tls
        /// The server is starting, stopping, in recovery, or has no connection or memory left.
        case unavailable
        /// An established connection broke.
        case closed
        /// A deadlock or a serialisation failure: the same again may succeed.
        case conflict
        case timeout
        /// The ``StopSignal`` was given.
        case stopped
        case privilege
        /// A table, slot, publication or other object is not there.
        case missingObject
        /// Another session has the object, for instance a slot.
        case objectInUse
        /// Not possible in the server's present state or configuration.
        case state
        /// Any other error that the server reported.
        case server
        /// The server's answer is not what was asked for.
        case protocolViolation
    }

    public var kind: Kind
    /// The five characters of the SQL standard, where the server gave them.
    public var sqlState: String?
    public var message: String
    public var detail: String?
    public var hint: String?
    /// Which character of the statement it is about, from 1 on, where the server knows.
    public var position: Int?
    /// `host:port/database`.
    public var server: String

    public init(
        _ kind: Kind, sqlState: String? = nil, _ message: String, detail: String? = nil, hint: String? = nil,
        server: String
    ) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
        self.detail = detail
        self.hint = hint
        self.server = server
    }

    /// The same attempt may succeed later without anybody changing anything.
    public var isTransient: Bool {
        switch kind {
        case .connect, .unavailable, .closed, .conflict, .timeout: true
        case .configuration, .authentication, .missingDatabase, .tls, .stopped, .privilege, .missingObject,
            .objectInUse, .state, .server, .protocolViolation:
            false
        }
    }
}

extension PostgresError: CustomStringConvertible {
    /// One line: where, what, and what PostgreSQL advises.
    public var description: String {
        var text = "PostgreSQL at \(server): \(message)"
        if let sqlState { text += " (SQLSTATE \(sqlState))" }
        if let detail { text += ". \(detail)" }
        if let hint { text += ". Hint: \(hint)" }
        return text
    }
}

extension PostgresError {
    /// Builds the error for what the server reported with an SQLSTATE.
    init(sqlState: String, message: String, detail: String?, hint: String?, server: String) {
        // Class 22 (data) and 23 (constraints) quote values of rows.
        let quotesValues = sqlState.hasPrefix("22") || sqlState.hasPrefix("23")
        self.init(
            Kind(sqlState: sqlState), sqlState: sqlState, quotesValues ? Self.withoutQuotation(message) : message,
            detail: quotesValues ? nil : detail, hint: hint, server: server)
    }

    /// Cuts what a parser quoted from its input: `invalid integer: "…"` becomes `invalid integer`.
    static func withoutQuotation(_ message: String) -> String {
        let bytes = message.utf8
        guard let quote = bytes.firstIndex(of: UInt8(ascii: "\"")) else { return message }
        var end = quote
        while end > bytes.startIndex, [UInt8(ascii: " "), UInt8(ascii: ":")].contains(bytes[bytes.index(before: end)]) {
            end = bytes.index(before: end)
        }
        return String(message[..<end])
    }
}

extension PostgresError.Kind {
    /// - SeeAlso: https://www.postgresql.org/docs/current/errcodes-appendix.html
    init(sqlState: String) {
        switch sqlState {
        case "28000", "28P01": self = .authentication
        case "3D000": self = .missingDatabase
        case "57P01", "57P02", "57P03", "57P05": self = .unavailable
        case "25P03": self = .closed
        case "40001", "40P01": self = .conflict
        case "42501": self = .privilege
        case "42704", "42P01", "3F000", "42703", "42883": self = .missingObject
        case "55006", "55P03": self = .objectInUse
        case "55000", "53400": self = .state
        case "57014": self = .timeout
        default:
            switch sqlState.prefix(2) {
            case "08": self = sqlState == "08P01" ? .protocolViolation : .closed
            case "53", "58": self = .unavailable
            default: self = .server
            }
        }
    }
}
