// Part of Lockstep. See LICENSE.

public import Apply
internal import Bolt
internal import Capture
public import Mapping
public import PostgreSQL
internal import Threading

/// How a pipeline stands, read from both servers: nothing of it needs the running process.
public struct PipelineStatus: Sendable {
    public enum Phase: String, Sendable {
        /// No checkpoint in the graph yet.
        case new
        case snapshot
        /// Following the stream: somebody reads the slot.
        case streaming
        /// Nobody reads the slot.
        case stopped
    }

    public var phase: Phase
    public var checkpoint: Checkpoint?
    /// Tables that are being loaded.
    public var loads: [TableLoad] = []
    /// Views that become relationships.
    public var views: [ViewState] = []
    public var currentLSN: LSN
    public var confirmedLSN: LSN?
    /// Bytes of WAL between the checkpoint and the current end.
    public var lagBytes: UInt64
    /// Seconds between the commit of the last transaction applied and now; 0 where the graph has reached the current end.
    public var lagSeconds: Double
    /// WAL that PostgreSQL keeps for the slot.
    public var retainedWALBytes: Int64
    public var walStatus: String?
    public var activePID: Int32?
    /// Rows that refer to one that is not there or does not count, where the mapping has such.
    public var waitingReferences: Int64?
    /// What has happened to mapped tables, the newest first.
    public var schemaChanges: [SchemaChangeRecord] = []
    /// Row changes a second, where two readings were asked for.
    public var changesPerSecond: Double?

    /// Reads both sides.
    ///
    /// - Parameter interval: Time between two readings, for the rate; nil reads once.
    public static func read(
        _ settings: PipelineSettings, file: MappingFile, rateOver interval: Duration?
    ) async throws(PipelineError) -> Self {
        try await DedicatedThread.run(name: "status") { () throws(PipelineError) in
            let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source) }
            return try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                let waiting = try file.hasReferencesThatWait ? waitingReferences(file, source, graph) : nil
                var status = try once(settings, source, graph)
                if let interval, let first = status.checkpoint {
                    let began = MonotonicTime.now
                    _ = StopSignal().sleep(for: interval)
                    status = try once(settings, source, graph)
                    let seconds = (MonotonicTime.now - began) / .seconds(1)
                    status.changesPerSecond = Double((status.checkpoint?.changes ?? 0) - first.changes) / seconds
                }
                status.waitingReferences = waiting
                status.addUnread(file)
                return status
            }
        }
    }

    private mutating func addUnread(_ file: MappingFile) {
        for view in file.mappedViews where !views.contains(where: { $0.table == view }) {
            views.append(ViewState(unread: view))
        }
    }

    private static func waitingReferences(
        _ file: MappingFile, _ source: PostgresConnection, _ graph: BoltChannel
    ) throws(PipelineError) -> Int64 {
        var count: Int64 = 0
        let memory = try SchemaMemory.read(graph, pipeline: file.pipeline)
        let mapping = try PipelinePlan.make(
            file, source, memory: memory, sparing: Set(file.mappedViews)
        ).mapping
        let references = mapping.nodes.flatMap { node in
            node.references.filter { !$0.kept.isEmpty }.map { node.waitingQuery($0) }
        }
        for query in references + mapping.allJoins.filter(\.waits).map({ $0.waitingQuery() }) {
            do throws(BoltError) {
                count += try graph.query(query).rows.first?.first?.integerValue ?? 0
            } catch {
                throw PipelineError(error)
            }
        }
        return count
    }

    private static func once(
        _ settings: PipelineSettings, _ source: PostgresConnection, _ graph: BoltChannel
    ) throws(PipelineError) -> Self {
        let checkpoint = try apply { () throws(ApplyError) in
            try GraphWriter.readCheckpoint(graph, pipeline: settings.name)
        }
        let loads = try apply { () throws(ApplyError) in try LoadStore.read(pipeline: settings.name, graph) }
        let slot = try postgres { () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) }
        let current = try postgres { () throws(PostgresError) in try source.currentLSN() }
        let now = try postgres { () throws(PostgresError) in
            try source.query(
                "SELECT (extract(epoch FROM clock_timestamp() - timestamptz '2000-01-01 00:00:00+00') * 1000000)::bigint"
            )
        }.first
        var phase = Phase.new
        if let checkpoint {
            phase = checkpoint.phase == .snapshot ? .snapshot : slot?.activePID == nil ? .stopped : .streaming
        }
        let lag = checkpoint.map { current.distance(from: $0.lsn) } ?? 0
        var seconds = 0.0
        if lag > 0, let checkpoint, checkpoint.commitTime > 0, let time = now?[0].flatMap({ Int64($0) }) {
            seconds = max(0, Double(time - checkpoint.commitTime) / 1_000_000)
        }
        return PipelineStatus(
            phase: phase, checkpoint: checkpoint, loads: loads,
            views: try ViewState.read(graph, pipeline: settings.name), currentLSN: current,
            confirmedLSN: slot?.confirmedFlushLSN,
            lagBytes: lag, lagSeconds: seconds, retainedWALBytes: slot?.retainedBytes ?? 0,
            walStatus: slot?.walStatus, activePID: slot?.activePID,
            schemaChanges: try SchemaHistory.read(graph, pipeline: settings.name))
    }
}
