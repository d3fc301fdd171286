// Part of Lockstep. See LICENSE.

package import Apply
public import Bolt
public import Mapping
public import PostgreSQL

/// One source, one graph, one mapping: everything that a command needs to know, checked.
public struct PipelineSettings: Sendable {
    public var name: String
    public var source: PostgresConfiguration
    public var graph: BoltConfiguration
    public var slot: String
    public var publication: String
    public var limits = BatchLimits()
    /// For transactions that are streamed while they run; nothing stays there.
    public var spoolFolder = SourceSettings.standardSpool
    /// Two-phase transactions are decoded when they are prepared.
    public var decodesPrepared = false
    /// Tables that the first read reads at a time.
    public var snapshotReaders = 4
    /// Told of each checkpoint that the graph acknowledged, on the thread that writes to it; for measurements.
    package var acknowledged: (@Sendable (Checkpoint) -> Void)?

    public init(
        name: String, source: PostgresConfiguration, graph: BoltConfiguration, slot: String, publication: String
    ) {
        self.name = name
        self.source = source
        self.graph = graph
        self.slot = slot
        self.publication = publication
    }

    /// The settings of a mapping file.
    public init(_ file: MappingFile) throws(PipelineError) {
        do throws(PostgresError) {
            source = try PostgresConfiguration(file.source.url.revealed)
        } catch {
            throw PipelineError("source.url of \(file.file) cannot be used", error.description)
        }
        graph = Self.graph(file.graph)
        name = file.pipeline
        slot = file.source.slot
        publication = file.source.publication
        limits.rows = file.batch.rows
        limits.bytes = file.batch.bytes
        limits.wholeRows = file.batch.wholeRows
        limits.wholeBytes = file.batch.wholeBytes
        spoolFolder = file.source.spool
        decodesPrepared = file.source.twoPhase == .prepare
    }

    /// How to reach the graph.
    static func graph(_ settings: GraphSettings) -> BoltConfiguration {
        var graph = settings.configuration
        if let password = settings.password, !password.isEmpty { graph.password = BoltSecret(password.revealed) }
        graph.userAgent = "lockstep/\(LockstepVersion.text)"
        return graph
    }
}
