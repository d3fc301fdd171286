// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// What a pump knows of tables that were read, or are being read, at snapshots that are ahead of the stream: the graph may
/// hold newer rows of theirs than the changes that come, or lack some. "Settling" in docs/ARCHITECTURE.md says why that ends
/// well.
///
/// Lives on the pump's thread.
final class Settling {
    /// For how long rows of a pass may be missing because of their place in the table.
    enum Gap: Equatable {
        /// The pass has not begun: it is going to bring what an update leaves out.
        case ahead
        case open
        /// Nothing is missing from here on.
        case closed(at: LSN)

        /// Whether an update at this position may be of a row that the pass has missed.
        func holds(_ position: LSN) -> Bool {
            switch self {
            case .ahead: false
            case .open: true
            case .closed(let end): position < end
            }
        }
    }

    let tables: Set<QualifiedName>
    let ledger: LoadLedger
    var nodes: Gap
    var relationships: Gap
    /// Transactions that were received, and may not be visible to other sessions yet.
    var received: [UInt32] = []
    /// How far the WAL was asked to be written out.
    private var flushed: LSN = .zero
    private let settings: PipelineSettings
    private let stop: StopSignal
    private var connection: SnapshotCopy?

    init(
        _ tables: Set<QualifiedName>, _ ledger: LoadLedger, nodes: Gap, relationships: Gap,
        _ settings: PipelineSettings,
        stop: StopSignal
    ) {
        self.tables = tables
        self.ledger = ledger
        self.nodes = nodes
        self.relationships = relationships
        self.settings = settings
        self.stop = stop
    }

    /// For loads beside the stream, at whatever pass they are.
    convenience init(continuing ledger: LoadLedger, _ settings: PipelineSettings, stop: StopSignal) {
        func gap(_ pass: TableLoad.Pass) -> Gap {
            ledger.pass < pass ? .ahead : ledger.pass == pass ? .open : .closed(at: ledger.until)
        }
        self.init(
            Set(ledger.loads.map(\.request.table)), ledger, nodes: gap(.nodes), relationships: gap(.relationships),
            settings, stop: stop)
    }

    /// The connection that reads at the source, made when it is needed first.
    func reader() throws(PipelineError) -> SnapshotCopy {
        if let connection { return connection }
        // The stream cannot wait for whoever has locked a table.
        let made = try capture { () throws(CaptureError) in
            try SnapshotCopy(settings.source, lockWaits: 100, stop: stop)
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

    /// The stream has nothing more to bring, and is not there yet: sees that it can come.
    func hurry() throws(PipelineError) {
        guard flushed < ledger.until else { return }
        flushed = ledger.until
        let reader = try reader()
        try capture { () throws(CaptureError) in try reader.flushLog(to: flushed) }
    }

    /// Everything before this pass is read.
    func close(before pass: TableLoad.Pass) {
        if nodes == .open, pass > .nodes { nodes = .closed(at: ledger.until) }
        if relationships == .open, pass > .relationships { relationships = .closed(at: ledger.until) }
    }

    /// The pass begins to read.
    func open(_ pass: TableLoad.Pass) {
        if pass == .nodes { nodes = .open }
        if pass == .relationships { relationships = .open }
    }

    /// What the batch says that is in hand: how far the graph may be ahead now.
    var statement: EncodedStatement { LoadStore.put(Array(ledger.loads.prefix(1)), pipeline: settings.name) }
}
