// Part of Lockstep. See LICENSE.

public import Bolt
public import Mapping
public import PostgreSQL

/// Why a verification could not be brought to its end. A difference is no error, but a finding.
public struct VerifyError: Error, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        case postgres(PostgresError)
        case graph(BoltError)
        /// The graph did not reach a position of the WAL in time.
        case graphBehind(LSN)
        /// Waiting for the graph failed.
        case waiting
        /// A value in a table that the mapping's conversion cannot take over; the pipeline cannot either.
        case value(ValueError)
        /// A server's answer does not have the form that was asked for.
        case protocolViolation
        /// The ``StopSignal`` was given.
        case stopped
    }

    public var kind: Kind
    /// What happened, where, and what to do; without values of rows.
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }

    static let stopped = VerifyError(.stopped, "stopped before the verification was done")

    init(_ error: PostgresError, table: QualifiedName?) {
        if error.kind == .stopped {
            self = .stopped
        } else {
            self.init(.postgres(error), table.map { "\($0): \(error)" } ?? error.description)
        }
    }

    init(_ error: BoltError, comparing what: String) {
        if error.kind == .woken {
            self = .stopped
        } else {
            self.init(.graph(error), "reading \(what): \(error)")
        }
    }
}
