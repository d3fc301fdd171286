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
            return try BoltChannel(configuration, wakeups: [waker])
        } catch {
            throw PipelineError(error)
        }
    }
}
