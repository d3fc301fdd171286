// Part of Lockstep. See LICENSE.

import Bolt

extension BoltError {
    /// The name the suite expects, which is that of the Python driver's class.
    var pythonName: String {
        func neo4j(_ name: String) -> String { "<class 'neo4j.exceptions.\(name)'>" }
        if isOutcomeUnknown && isConnectionLoss && duringCommit { return neo4j("IncompleteCommit") }
        if isMemberLost { return neo4j("SessionExpired") }
        switch kind {
        case .noMember: return neo4j("SessionExpired")
        case .noRouter: return neo4j("ServiceUnavailable")
        case .connect, .timeout, .closed, .tls, .deadline, .woken, .cancelled: return neo4j("ServiceUnavailable")
        case .poolTimeout: return neo4j("ClientError")
        case .configuration: return neo4j("ConfigurationError")
        case .protocolViolation: return "<class 'neo4j._exceptions.BoltProtocolError'>"
        case .usage: return "<class 'ValueError'>"
        case .transactionEnded: return neo4j("TransactionError")
        case .resultEnded: return neo4j("ResultConsumedError")
        case .resultFailed: return neo4j("ResultFailedError")
        case .notSingle: return neo4j("ResultNotSingleError")
        case .callback: return "<class 'Exception'>"
        case .server, .authentication: return neo4j(serverName)
        }
    }

    private var duringCommit: Bool { isCommitUnknown }

    private var serverName: String {
        switch code ?? "" {
        case "Neo.ClientError.Cluster.NotALeader": "NotALeader"
        case "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase": "ForbiddenOnReadOnlyDatabase"
        case "Neo.ClientError.Security.AuthorizationExpired": "TransientError"
        case "Neo.ClientError.Security.Unauthorized": "AuthError"
        case "Neo.ClientError.Security.TokenExpired": "TokenExpired"
        case "Neo.ClientError.Security.Forbidden": "Forbidden"
        case "Neo.ClientError.Statement.SyntaxError": "CypherSyntaxError"
        case "Neo.TransientError.Transaction.Terminated", "Neo.TransientError.Transaction.LockClientStopped":
            "ClientError"
        case let code where code.hasPrefix("Neo.TransientError."): "TransientError"
        case let code where code.hasPrefix("Neo.DatabaseError."): "DatabaseError"
        default: "ClientError"
        }
    }

    private var pythonMessage: String {
        if kind == .resultFailed { return "\(message) (\(serverName))" }
        if message.hasPrefix("user switching"), let version = message.firstMatch(of: /Bolt (\d+)\.(\d+)/) {
            return "User switching is not supported for Bolt Protocol Version(\(version.1), \(version.2))"
        }
        return failure?.message ?? message
    }

    func json(id: Int) -> JSON {
        var code = code
        switch code {
        case "Neo.TransientError.Transaction.Terminated": code = "Neo.ClientError.Transaction.Terminated"
        case "Neo.TransientError.Transaction.LockClientStopped": code = "Neo.ClientError.Transaction.LockClientStopped"
        default: break
        }
        var data: [String: JSON] = [
            "id": .int(Int64(id)), "errorType": .string(pythonName),
            "msg": .string(pythonMessage),
            "code": code.map { .string($0) } ?? .null, "retryable": .bool(isRetryable),
        ]
        if let failure {
            let gql = failure.gqlCause
            data.merge(Self.status(gql.gqlStatus, gql.description, gql.diagnosticRecord, failure.causes[...])) { $1 }
        }
        return .object(data)
    }

    private static func status(
        _ status: String, _ description: String, _ record: [String: BoltValue],
        _ causes: ArraySlice<BoltFailure.Cause>
    ) -> [String: JSON] {
        let raw = record["_classification"]?.stringValue
        let known = ["CLIENT_ERROR", "TRANSIENT_ERROR", "DATABASE_ERROR"]
        var cause: JSON = .null
        if let next = causes.first {
            var data = Self.status(next.gqlStatus, next.description, next.diagnosticRecord, causes.dropFirst())
            data["msg"] = .string(next.message)
            cause = ["name": "GqlError", "data": .object(data)]
        }
        return [
            "gqlStatus": .string(status), "statusDescription": .string(description),
            "classification": .string(raw.flatMap { known.contains($0) ? $0 : nil } ?? "UNKNOWN"),
            "rawClassification": raw.map { .string($0) } ?? .null,
            "diagnosticRecord": .object(record.compactMapValues { try? CypherValues.json($0) }), "cause": cause,
        ]
    }
}

extension CypherValues.UnknownZone {
    func json(id: Int) -> JSON {
        [
            "id": .int(Int64(id)), "errorType": "<class 'neo4j.exceptions.BrokenRecordError'>",
            "msg": .string("the time zone '\(name)' is not known here"), "code": nil, "retryable": false,
        ]
    }
}
