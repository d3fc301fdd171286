// Part of Lockstep. See LICENSE.

internal import Threading

/// The clock by which a driver judges ages: of connections, of tokens, of what servers said.
///
/// Waiting goes by the system's clock whatever is given here. A test gives one that it sets forward itself:
///
///     let hours = Mutex(0)
///     settings.clock = BoltClock { .seconds(hours.withLock { $0 } * 3600) }
public struct BoltClock: Sendable {
    private let read: @Sendable () -> Duration

    /// - Parameter read: Gives the time since any moment in the past; never less than before.
    public init(_ read: @escaping @Sendable () -> Duration) { self.read = read }

    /// The system's.
    public static let system = BoltClock { .nanoseconds(MonotonicTime.now.nanoseconds) }

    var now: MonotonicTime { MonotonicTime(nanoseconds: 0) + read() }
}
