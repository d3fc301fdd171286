// Part of Lockstep. See LICENSE.

internal import Threading

/// Notices a stream that comes fast, for which it is better to let messages gather than to be woken for each.
///
/// PostgreSQL sends every change by a call of its own. A reader that is quicker sleeps and is woken for each of them, which
/// costs both sides several microseconds, the sender most: it is the slower of the two. A short rest makes one wake-up out
/// of some fifty. A stream that is not fast is never rested on: it would only come later.
struct StreamPace {
    /// Faster than one message in so many nanoseconds is fast.
    private static let fastNanoseconds: Int64 = 25_000
    /// Judged over so many messages.
    private static let sample: Int64 = 32

    private var messages: Int64 = 0
    private var since = MonotonicTime.now

    /// Counts a message.
    mutating func received() { messages += 1 }

    /// To be asked when nothing more is there: whether a rest of some 100 µs is worth it.
    mutating func isFast() -> Bool {
        let now = MonotonicTime.now
        let elapsed = now.nanoseconds - since.nanoseconds
        let isFast = messages >= Self.sample && elapsed < messages * Self.fastNanoseconds
        // Too few to judge, and young enough to go on counting.
        if messages < Self.sample, elapsed < Self.sample * Self.fastNanoseconds { return false }
        messages = 0
        since = now
        return isFast
    }
}
