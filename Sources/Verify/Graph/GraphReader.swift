// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Threading

/// The graph's side: one connection, used for one thing at a time.
final class GraphReader {
    let dialect: GraphDialect
    private let channel: BoltChannel
    private let stop: StopSignal
    private let waker = Wakeup()

    init(_ configuration: BoltConfiguration, stop: StopSignal) throws(VerifyError) {
        self.stop = stop
        stop.add(waker)
        do throws(BoltError) {
            channel = try BoltChannel(configuration, wakeups: [waker])
        } catch {
            stop.remove(waker)
            throw VerifyError(error, comparing: "the graph")
        }
        channel.interrupts = [waker]
        dialect = GraphDialect(losesZones: channel.server.isArcadeDB)
    }

    func close() {
        channel.close()
        stop.remove(waker)
    }

    /// Runs a query and hands over its records; the reader stands at the record's first value.
    ///
    /// - Parameters:
    ///   - what: Named in errors.
    ///   - body: Has to read the record to its end.
    func forEachRecord(
        _ query: String, _ parameters: [String: BoltValue] = [:], comparing what: String,
        _ body: (inout PackStreamReader) throws(PackStreamError) -> Void
    ) throws(VerifyError) {
        do throws(BoltStreamError<PackStreamError>) {
            try channel.forEachRecord(query, parameters, fetchSize: 5000) { reader throws(PackStreamError) in
                _ = try reader.readListHeader()
                try body(&reader)
                try reader.expectEnd()
            }
        } catch {
            switch error {
            case .query(let error): throw VerifyError(error, comparing: what)
            case .body(let error):
                throw VerifyError(.protocolViolation, "reading \(what): a record cannot be read: \(error)")
            }
        }
    }

    /// The single integer that a query gives.
    func count(_ query: String, comparing what: String) throws(VerifyError) -> Int {
        var count: Int64 = 0
        try forEachRecord(query, comparing: what) { reader throws(PackStreamError) in count = try reader.readInteger() }
        return Int(count)
    }
}
