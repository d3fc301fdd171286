// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Threading

/// What a query finds in the graph, keys mostly, page by page, over a connection of its own.
final class PagedQuery {
    private let pageSize: Int
    private let channel: BoltChannel
    private let waker = Wakeup()
    private let stop: StopSignal
    private var hasMore = true

    /// - Parameter pipeline: Nobody writes for it while the scan lasts, as for any reader who takes its checkpoint's lock.
    init(
        _ query: EncodedStatement, pageSize: Int = 5000, _ graph: BoltConfiguration, holding pipeline: String? = nil,
        stop: StopSignal
    ) throws(PipelineError) {
        self.pageSize = pageSize
        self.stop = stop
        stop.add(waker)
        do throws(BoltError) {
            channel = try BoltChannel(graph, wakeups: [waker])
            channel.interrupts = [waker]
            if let pipeline {
                channel.begin()
                try channel.flush()
                if case .failure(let failure) = try channel.receive() {
                    throw BoltError(failure, server: graph.address)
                }
                _ = try channel.query(Self.holdText, ["pipeline": .string(pipeline)])
            }
            channel.run(query.text, rows: query.rows, count: query.rowCount)
            try channel.flush()
            if case .failure(let failure) = try channel.receive() { throw BoltError(failure, server: graph.address) }
        } catch {
            stop.remove(waker)
            throw PipelineError(error)
        }
    }

    private static let holdText = "MATCH (c:LockstepCheckpoint {pipeline: $pipeline}) SET c.reader = randomUUID()"

    deinit {
        channel.close()
        stop.remove(waker)
    }

    /// The next records; nil behind the last ones.
    func next() throws(PipelineError) -> [[BoltValue]]? {
        guard hasMore else { return nil }
        var page: [[BoltValue]] = []
        do throws(BoltError) {
            channel.pull(Int64(pageSize))
            try channel.flush()
            while true {
                switch try channel.receive() {
                case .record(let values): page.append(values)
                case .success(let metadata):
                    hasMore = metadata["has_more"] == true
                    return page
                case .failure(let failure): throw BoltError(failure, server: channel.configuration.address)
                // Nothing was sent behind a failure.
                case .ignored: return nil
                }
            }
        } catch {
            throw PipelineError(error)
        }
    }
}
