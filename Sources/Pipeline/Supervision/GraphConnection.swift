// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Threading

/// Connections to the graph, each for the length of a call, with the error that an operator can act on.
enum GraphConnection {
    /// Connects, runs `body` and closes.
    ///
    /// - Parameter abandon: Interrupts whatever the connection waits for; nil where nothing does.
    static func use<Value>(
        _ configuration: BoltConfiguration, abandon: StopSignal? = nil,
        _ body: (BoltChannel) throws(PipelineError) -> Value
    ) throws(PipelineError) -> Value {
        let waker = Wakeup()
        abandon?.add(waker)
        defer { abandon?.remove(waker) }
        let channel: BoltChannel
        do throws(BoltError) {
            channel = try BoltChannel(configuration, wakeups: [waker])
        } catch {
            throw PipelineError(error)
        }
        channel.interrupts = [waker]
        defer { channel.close() }
        return try body(channel)
    }
}
