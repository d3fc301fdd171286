// Part of Lockstep. See LICENSE.

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A point on the monotonic clock, in nanoseconds; for deadlines and durations, never shown as a time of day.
public struct MonotonicTime: Comparable, Sendable {
    public var nanoseconds: Int64

    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static var now: MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The moment `duration` from now.
    public static func after(_ duration: Duration) -> MonotonicTime { now + duration }

    public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        return MonotonicTime(nanoseconds: time.nanoseconds + seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    public static func - (end: MonotonicTime, start: MonotonicTime) -> Duration {
        .nanoseconds(end.nanoseconds - start.nanoseconds)
    }

    /// Has the calling thread sleep for a moment that is too short to be interrupted: less than a millisecond.
    public static func rest(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        precondition(seconds == 0 && attoseconds < 1_000_000_000_000_000, "a rest is short")
        var time = timespec()
        time.tv_nsec = Int(attoseconds / 1_000_000_000)
        unsafe nanosleep(&time, nil)
    }

    /// Milliseconds until this moment, rounded up; 0 when it has passed. The form that `poll` takes.
    public var millisecondsFromNow: Int32 {
        let left = nanoseconds - MonotonicTime.now.nanoseconds
        return left <= 0 ? 0 : Int32(min((left + 999_999) / 1_000_000, Int64(Int32.max)))
    }
}
