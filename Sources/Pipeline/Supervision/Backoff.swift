// Part of Lockstep. See LICENSE.

/// Pauses between attempts: doubled each time up to a bound, with jitter, without an end.
struct Backoff {
    static let first = 0.1
    static let longest = 30.0

    private var current = first

    /// Seconds to wait before the next attempt.
    mutating func next() -> Double {
        defer { current = min(current * 2, Self.longest) }
        return current * Double.random(in: 0.8...1.2)
    }

    mutating func reset() { current = Self.first }
}
