// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// What a pump knows of tables that were read at a snapshot that is ahead of the stream: the graph may hold newer rows of
/// theirs than the changes that come, or lack some. "Settling" in docs/ARCHITECTURE.md says why that ends well.
///
/// Lives on the pump's thread.
final class Settling {
    let tables: Set<QualifiedName>
    let ledger: LoadLedger
    /// Where the last snapshot stands by which something was read. From here on no row is missing.
    let complete: LSN
    /// Transactions that were received, and may not be visible to other sessions yet.
    var received: [UInt32] = []
    private let settings: PipelineSettings
    private let stop: StopSignal
    private var connection: SnapshotCopy?

    init(_ tables: Set<QualifiedName>, _ ledger: LoadLedger, _ settings: PipelineSettings, stop: StopSignal) {
        self.tables = tables
        self.ledger = ledger
        complete = ledger.until
        self.settings = settings
        self.stop = stop
    }

    /// The connection that looks up, made when it is needed first.
    func reader() throws(PipelineError) -> SnapshotCopy {
        if let connection { return connection }
        // The stream cannot wait for whoever has locked a table.
        let made = try capture { () throws(CaptureError) in
            try SnapshotCopy(settings.source, lockWaits: 500, stop: stop)
        }
        connection = made
        return made
    }

    /// A snapshot that shows everything that was received, in a transaction of ``reader()``; nil where there is none yet.
    func snapshot() throws(PipelineError) -> SnapshotPosition? {
        let reader = try reader()
        let snapshot = try capture { () throws(CaptureError) in try reader.begin() }
        received.removeAll { snapshot.shows($0) }
        return received.isEmpty ? snapshot : nil
    }

    /// What the batch says that is in hand: how far the graph may be ahead now.
    var statement: EncodedStatement { LoadStore.put(Array(ledger.loads.prefix(1)), pipeline: settings.name) }
}
