// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Threading

/// What the capture thread asks of the graph while it follows the stream: over a connection that is made for the first
/// question and kept.
final class GraphQuestions {
    private let configuration: BoltConfiguration
    private let abandon: StopSignal
    private let waker = Wakeup()
    private var channel: BoltChannel?

    /// - Parameter abandon: Interrupts whatever the connection waits for.
    init(_ configuration: BoltConfiguration, abandon: StopSignal) {
        self.configuration = configuration
        self.abandon = abandon
        abandon.add(waker)
    }

    deinit {
        channel?.close()
        abandon.remove(waker)
    }

    /// - Parameter question: Changes nothing: it may be asked twice.
    func ask<Value>(_ question: (BoltChannel) throws(BoltError) -> Value) throws(PipelineError) -> Value {
        do throws(BoltError) {
            if let channel {
                do throws(BoltError) {
                    return try question(channel)
                } catch {
                    // Who was silent for long may have been cut off.
                    guard error.kind == .closed else { throw error }
                    channel.close()
                }
            }
            let channel = try BoltChannel(configuration, wakeups: [waker])
            channel.interrupts = [waker]
            self.channel = channel
            return try question(channel)
        } catch {
            throw PipelineError(error)
        }
    }
}
