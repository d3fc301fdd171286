// Part of Lockstep. See LICENSE.

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What a ``Poll/wait(descriptor:for:wakeup:deadline:)`` saw.
public struct PollEvents: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let readable = PollEvents(rawValue: 1)
    public static let writable = PollEvents(rawValue: 2)
    /// The ``Wakeup`` was woken; it is still to be drained.
    public static let woken = PollEvents(rawValue: 4)
}

/// `poll(2)` over one descriptor and any number of wake-ups.
public enum Poll {
    /// Waits until the descriptor is ready, a wake-up is woken, or the deadline is reached.
    ///
    /// An error or hang-up on the descriptor counts as readable and writable, so that the next call on it reports it.
    ///
    /// - Parameters:
    ///   - descriptor: The file descriptor, or a negative number to watch the wake-ups only.
    ///   - wakeups: Watched for being woken, never drained here.
    ///   - deadline: When to give up; `nil` waits for ever.
    /// - Returns: What is ready; empty when the deadline was reached.
    public static func wait(
        descriptor: Int32, for events: PollEvents, wakeups: [Wakeup] = [], deadline: MonotonicTime? = nil
    ) -> PollEvents {
        var set: [pollfd] = [pollfd(fd: descriptor, events: 0, revents: 0)]
        if events.contains(.readable) { set[0].events |= Int16(POLLIN) }
        if events.contains(.writable) { set[0].events |= Int16(POLLOUT) }
        for wakeup in wakeups { set.append(pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)) }
        while true {
            var timeout: Int32 = -1
            if let deadline { timeout = deadline.millisecondsFromNow }
            let ready = unsafe poll(&set, nfds_t(set.count), timeout)
            if ready < 0 {
                precondition(errno == EINTR || errno == EAGAIN, "poll failed: errno \(errno)")
                continue
            }
            if ready == 0 { return [] }
            var seen: PollEvents = []
            let revents = Int32(set[0].revents)
            if revents & (POLLIN | POLLERR | POLLHUP | POLLNVAL) != 0 { seen.insert(.readable) }
            if revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL) != 0 { seen.insert(.writable) }
            if set.dropFirst().contains(where: { $0.revents != 0 }) { seen.insert(.woken) }
            return seen
        }
    }
}
