// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Threading

/// Opens connections to the graph with the error that an operator can act on.
enum GraphConnection {
    /// - Parameter abandon: Interrupts whatever the connection waits for.
    static func open(_ configuration: BoltConfiguration, _ abandon: StopSignal) throws(PipelineError) -> BoltChannel {
        let waker = Wakeup()
        abandon.add(waker)
        do throws(BoltError) {
            let channel = try BoltChannel(configuration, wakeups: [waker])
            channel.interrupts = [waker]
            return channel
        } catch {
            throw PipelineError(error)
        }
    }
}
