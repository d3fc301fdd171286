// Part of Lockstep. See LICENSE.

/// What went wrong on a Bolt connection, where, and what can be done.
public struct BoltError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The URL or a setting is wrong; nothing was tried.
        case configuration
        /// The server could not be reached, or does not answer as a Bolt server in a version spoken here.
        case connect
        /// The connection could not be encrypted, or the server is not the one asked for: ``BoltError/tlsFault`` says
        /// why. Another attempt ends the same way, until somebody changes something.
        case tls
        /// The server was silent for longer than it may be; the connection is closed.
        case timeout
        /// The caller's deadline passed; the connection is as it was.
        case deadline
        /// A wake-up was woken; the connection is as it was, once it has been made.
        case woken
        /// The server sent what the protocol does not allow; the connection is closed.
        case protocolViolation
        /// The server did not accept the credentials; the connection is closed.
        case authentication
        /// The server refused or failed a request: ``BoltError/failure`` has the details.
        case server
        /// The connection was lost, or closed by ``BoltChannel/close()``.
        case closed
        /// No connection of the driver's was free in time.
        case poolTimeout
        /// No member of the cluster gave a routing table.
        case noRouter
        /// The cluster has no member, now, that could be reached and does what is needed.
        case noMember
        /// The task was cancelled; what the server did for it was ended.
        case cancelled
        /// The call does not fit what was called before it.
        case usage
        /// The transaction has ended, or failed, before.
        case transactionEnded
        /// The result was consumed, or its transaction or session has ended.
        case resultEnded
        /// Another query of the same transaction failed.
        case resultFailed
        /// Exactly one record was asked for.
        case notSingle
        /// Something of the caller's that the driver asked, such as an auth manager, threw.
        case callback
    }

    public let kind: Kind
    /// What happened and what to do, without secrets. A server's own text may quote values of the query.
    public let message: String
    /// `host:port`; nil where no server is involved.
    public let server: String?
    /// What the server said, for ``Kind/server`` and ``Kind/authentication``.
    public let failure: BoltFailure?
    /// For ``Kind/tls``.
    public let tlsFault: BoltTLSFault?
    /// The connection was lost while a `COMMIT`, or an auto-commit query, was on its way: whether the server did it is
    /// not known. Never repeat such work without asking the server.
    public let isOutcomeUnknown: Bool

    init(
        _ kind: Kind, _ message: String, server: String?, failure: BoltFailure? = nil, tlsFault: BoltTLSFault? = nil,
        isOutcomeUnknown: Bool = false
    ) {
        self.kind = kind
        self.message = message
        self.server = server
        self.failure = failure
        self.tlsFault = tlsFault
        self.isOutcomeUnknown = isOutcomeUnknown
    }

    /// The error that a failed request is; for requests that were sent and answered one by one.
    public init(_ failure: BoltFailure, server: String) {
        self.init(.server, failure.message, server: server, failure: failure)
    }

    init(_ failure: TLSFailure, server: String) {
        self.init(.tls, failure.message, server: server, tlsFault: failure.fault)
    }

    init(callback what: String, _ error: any Error) {
        self.init(.callback, "\(what): \(error)", server: nil)
    }

    /// `Neo.<class>.<category>.<title>`, where the server gave one.
    public var code: String? { failure?.code }

    /// ``isOutcomeUnknown`` because of a `COMMIT`, not of a query in a transaction of its own.
    public internal(set) var isCommitUnknown = false

    /// The connection that was lost led to a member of a cluster; others may be there for the same work.
    public internal(set) var isMemberLost = false

    /// The auth manager has, or gets, credentials that the server may take.
    var isAnsweredByAuthManager = false

    /// The server does not take the credentials, or not for this.
    var isSecurityFailure: Bool { code?.hasPrefix("Neo.ClientError.Security.") ?? false }

    /// From Bolt 5.7.
    public var gqlStatus: String? { failure?.gqlStatus }

    /// The server says that the same work may succeed when it is done again: deadlocks, memory, a change of leader.
    public var isTransient: Bool { failure?.isTransient ?? false }

    /// Another transaction deleted what the statement had found and not yet read: the same again finds what is there.
    /// The server counts it among the client's errors.
    public var isOvertaken: Bool { code == "Neo.ClientError.Statement.EntityNotFound" }

    /// The connection could not be made or is gone; a new one may work.
    public var isConnectionLoss: Bool {
        switch kind {
        case .connect, .timeout, .closed, .noRouter, .noMember: true
        default: false
        }
    }

    public var description: String {
        var text = server.map { "\($0): " } ?? ""
        if let code { text += "\(code): " }
        text += message
        if let gqlStatus { text += " (GQLSTATUS \(gqlStatus))" }
        if isOutcomeUnknown { text += "; whether the server committed is not known" }
        return text
    }

    func withOutcomeUnknown() -> BoltError {
        BoltError(kind, message, server: server, failure: failure, tlsFault: tlsFault, isOutcomeUnknown: true)
    }
}
