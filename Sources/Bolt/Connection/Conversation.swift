// Part of Lockstep. See LICENSE.

/// Which answers a server owes, and what state that leaves it in; no bytes, no socket.
///
/// Requests are noted when they are written, answers when they arrive; the two run apart as far as the pipeline is
/// long. What is written next depends on the requests (``isInTransaction``), what an answer means on the answers
/// (``isFailed``).
struct Conversation {
    enum Request: UInt8 {
        case hello, logon, logoff, begin, run, pull, discard, commit, rollback, reset, route, telemetry
    }

    enum Violation: Error, Hashable {
        /// An answer although none is owed.
        case unexpectedAnswer
        /// A record in answer to something else than `PULL`.
        case unexpectedRecord
        /// A request ignored although none had failed and none was interrupted.
        case unexpectedIgnored
        /// `RESET` has to succeed.
        case resetFailed
    }

    private struct Owed {
        let request: Request
        /// The server may commit when it does this.
        let commits: Bool
        /// Bytes written since the beginning of the connection when the request was complete.
        let end: UInt64
    }

    private var owed: [Owed] = []
    private var first = 0
    private var resetsOwed = 0

    /// The requests written so far leave an explicit transaction open, if all of them succeed.
    private(set) var isInTransaction = false
    /// A request failed, and everything up to the next `RESET` is ignored.
    private(set) var isFailed = false

    /// Answers still owed.
    var pending: Int { owed.count - first }

    /// What the next answer belongs to.
    var next: Request? { first < owed.count ? owed[first].request : nil }

    mutating func wrote(_ request: Request, end: UInt64) {
        let commits: Bool
        switch request {
        case .begin:
            isInTransaction = true
            commits = false
        case .commit:
            isInTransaction = false
            commits = true
        case .rollback:
            isInTransaction = false
            commits = false
        case .reset:
            isInTransaction = false
            resetsOwed += 1
            commits = false
        case .run, .pull, .discard: commits = !isInTransaction
        case .hello, .logon, .logoff, .route, .telemetry: commits = false
        }
        if first > 256 {
            owed.removeFirst(first)
            first = 0
        }
        owed.append(Owed(request: request, commits: commits, end: end))
    }

    mutating func received(_ tag: ResponseTag) throws(Violation) {
        guard let request = next else { throw .unexpectedAnswer }
        switch tag {
        case .record:
            guard request == .pull, !isFailed else { throw .unexpectedRecord }
            return
        case .success:
            if request == .reset { isFailed = false }
        case .failure:
            guard request != .reset else { throw .resetFailed }
            isFailed = true
        case .ignored:
            // A server that sees several resets coming ignores all but the last.
            guard request == .reset ? resetsOwed > 1 : isFailed || resetsOwed > 0 else { throw .unexpectedIgnored }
        }
        if request == .reset { resetsOwed -= 1 }
        first += 1
        if first == owed.count {
            owed.removeAll(keepingCapacity: true)
            first = 0
        }
    }

    /// Whether the server may have committed something for which no answer has come.
    ///
    /// - Parameter sent: Bytes handed to the network since the beginning of the connection. The server cannot have
    ///   acted on a request that is not all among them.
    func isOutcomeUnknown(sent: UInt64) -> Bool {
        var ignored = isFailed
        for request in owed[first...] {
            if request.request == .reset { ignored = false }
            if !ignored && request.commits && request.end <= sent { return true }
        }
        return false
    }
}
