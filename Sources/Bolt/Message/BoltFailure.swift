// Part of Lockstep. See LICENSE.

/// What a server said when it refused or failed a request: a `FAILURE` message.
public struct BoltFailure: Sendable, Hashable {
    /// A reason behind the failure, outermost first; from Bolt 5.7.
    public struct Cause: Sendable, Hashable {
        public let gqlStatus: String
        public let description: String
        public let message: String
        public let diagnosticRecord: [String: BoltValue]
    }

    /// `Neo.<class>.<category>.<title>`; decide on this or on ``gqlStatus``, never on the text.
    public let code: String
    /// For people. It may quote values of the query.
    public let message: String
    /// The GQLSTATUS, five characters; from Bolt 5.7.
    public let gqlStatus: String?
    /// What ``gqlStatus`` means; from Bolt 5.7.
    public let gqlDescription: String?
    /// From Bolt 5.7.
    public let diagnosticRecord: [String: BoltValue]
    /// From Bolt 5.7; empty where the server named none.
    public let causes: [Cause]

    /// What a failure without a GQLSTATUS has instead: "unexpected error".
    static let unknownStatus = "50N42"

    /// The failure as GQL names it. Before Bolt 5.7 the status is `50N42`, which says only that it is an error.
    public var gqlCause: Cause {
        guard let gqlStatus else {
            return Cause(
                gqlStatus: Self.unknownStatus,
                description: "error: general processing exception - unexpected error. \(message)", message: message,
                diagnosticRecord: BoltStatus.diagnosticRecord(nil))
        }
        return Cause(
            gqlStatus: gqlStatus, description: gqlDescription ?? "", message: message,
            diagnosticRecord: diagnosticRecord)
    }

    /// Whether the same work may succeed when it is done again.
    public var isTransient: Bool { BoltFailure.isTransient(code: code) }

    /// The retryable classes of the official drivers.
    ///
    /// Not among them although transient by name: the two that say that somebody ended the transaction on purpose.
    static func isTransient(code: String) -> Bool {
        switch code {
        case "Neo.TransientError.Transaction.Terminated", "Neo.TransientError.Transaction.LockClientStopped": false
        case "Neo.ClientError.Cluster.NotALeader", "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase",
            "Neo.ClientError.Security.AuthorizationExpired":
            true
        default: code.hasPrefix("Neo.TransientError.")
        }
    }

    /// The most causes that are kept, whatever a server sends.
    private static let causesMax = 16

    init(metadata: [String: BoltValue]) {
        code = (metadata["neo4j_code"] ?? metadata["code"])?.stringValue ?? "Neo.DatabaseError.General.UnknownError"
        message = metadata["message"]?.stringValue ?? "the server gave no message"
        gqlStatus = metadata["gql_status"]?.stringValue
        gqlDescription = metadata["description"]?.stringValue
        diagnosticRecord = gqlStatus == nil ? [:] : BoltStatus.diagnosticRecord(metadata["diagnostic_record"])
        var causes: [Cause] = []
        var next = metadata["cause"]?.mapValue
        while let cause = next, causes.count < Self.causesMax {
            causes.append(
                Cause(
                    gqlStatus: cause["gql_status"]?.stringValue ?? Self.unknownStatus,
                    description: cause["description"]?.stringValue ?? "",
                    message: cause["message"]?.stringValue ?? "",
                    diagnosticRecord: BoltStatus.diagnosticRecord(cause["diagnostic_record"])))
            next = cause["cause"]?.mapValue
        }
        self.causes = causes
    }
}
