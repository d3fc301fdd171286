// Part of Lockstep. See LICENSE.

public import PostgreSQL
public import Threading

extension ReplicationStream {
    /// How long a fast stream may gather messages; less than anybody notices.
    private static let rest: Duration = .microseconds(200)

    /// Waits until the server has sent something, a wake-up is woken, the stop is asked for, or the deadline is reached.
    ///
    /// To be called after ``receive(into:)`` said `.nothing`. The stop signal ends one wait; later ones are ordinary
    /// again, so that the batch in hand can be finished. Wake-ups are not drained.
    public func wait(wakeups: [Wakeup], deadline: MonotonicTime?) throws(CaptureError) {
        if pace.isFast() { MonotonicTime.rest(Self.rest) }
        var events: PollEvents = .readable
        if hasUnsentOutput { events.insert(.writable) }
        let seen = connection.poll(for: events, wakeups: wakeups, deadline: deadline)
        if hasUnsentOutput, seen.contains(.writable) { try flush() }
    }

    /// Waits for wake-ups and the deadline only, and leaves what the server sends where it is: for while the buffer is
    /// full. What is left to write is written on the next ``wait(wakeups:deadline:)`` or ``confirm(written:flushed:)``.
    public func pause(wakeups: [Wakeup], deadline: MonotonicTime?) {
        _ = connection.poll(for: [], wakeups: wakeups, deadline: deadline)
    }

    /// Tells the server how far we are, and that we are alive; to be called at least every 10 s.
    ///
    /// Never waits, and never moves back: a position before the last one repeats that. Works after the stop signal too.
    ///
    /// - Parameters:
    ///   - written: Received; only shown in `pg_stat_replication`.
    ///   - flushed: Safe on our side: the slot keeps nothing that committed before it, unless something before it is
    ///     prepared and has not been committed yet.
    ///   - asksForReply: Have the server answer with a keepalive at once.
    public func confirm(written: LSN, flushed: LSN, asksForReply: Bool = false) throws(CaptureError) {
        // What has not come yet may be prepared: where the graph is ahead of the slot.
        let flushed = isTwoPhase ? prepared.confirmable(min(flushed, lastServerPosition)) : flushed
        status.flushed = max(status.flushed, flushed)
        status.written = max(status.written, written, status.flushed)
        try send(asksForReply: asksForReply)
    }

    /// Ends the stream in order, so that the last confirmation is taken and the slot is free when this returns.
    ///
    /// What the server still sends is thrown away. After `limit` the connection is closed whatever the server does.
    public func finish(within limit: Duration = .seconds(2)) {
        let deadline = MonotonicTime.after(limit)
        do throws(PostgresError) {
            try connection.putCopyEnd()
            while MonotonicTime.now < deadline {
                let isSent = try connection.flush()
                let step = try connection.nextCopyStep()
                switch consume step {
                case .message: continue
                case .wouldBlock:
                    _ = connection.poll(for: isSent ? .readable : [.readable, .writable], deadline: deadline)
                case .end:
                    connection.close()
                    return
                }
            }
        } catch {
            // Closed already or not by the server: there is nothing left to be told, the slot is as confirmed as it is.
        }
        connection.close()
    }

    func send(asksForReply: Bool) throws(CaptureError) {
        // A message that finds no room is not missed: the next one says the same and more.
        try capturing({ CaptureError($0, slot: slot, lsn: lastServerPosition) }) { () throws(PostgresError) in
            _ = try connection.putCopyData(status.message(asksForReply: asksForReply))
        }
        try flush()
    }

    private func flush() throws(CaptureError) {
        hasUnsentOutput = try capturing({ CaptureError($0, slot: slot, lsn: lastServerPosition) }) {
            () throws(PostgresError) in try !connection.flush()
        }
    }
}
