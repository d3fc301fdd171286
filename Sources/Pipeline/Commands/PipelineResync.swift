// Part of Lockstep. See LICENSE.

public import Apply
internal import Bolt
internal import Capture
public import Mapping
internal import PostgreSQL
public import Threading

/// Asks the running pipeline to read tables again, and waits for it.
///
/// A request is kept in the graph until it is fulfilled, whoever runs the pipeline by then.
public struct PipelineResync: Sendable {
    private static let interval: Duration = .milliseconds(200)

    let settings: PipelineSettings
    let file: MappingFile

    public init(settings: PipelineSettings, file: MappingFile) {
        self.settings = settings
        self.file = file
    }

    /// - Parameters:
    ///   - names: Tables as SQL writes them, with or without their schema; none for all of the mapping.
    ///   - condition: A condition in SQL on the columns of the one table.
    /// - Returns: What was asked for, and whether somebody runs the pipeline.
    public func request(
        _ names: [String], condition: String?
    ) async throws(PipelineError) -> (requests: [LoadRequest], isRunning: Bool) {
        try await DedicatedThread.run(name: "resync") { () throws(PipelineError) in
            let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source) }
            return try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                try request(names, condition, source, graph)
            }
        }
    }

    private func request(
        _ names: [String], _ condition: String?, _ source: PostgresConnection, _ graph: BoltChannel
    ) throws(PipelineError) -> (requests: [LoadRequest], isRunning: Bool) {
        let memory = try SchemaMemory.read(graph, pipeline: settings.name)
        let mapping = try PipelinePlan.make(file, source, memory: memory).mapping
        let tables = try tables(names, mapping)
        if let condition {
            guard mapping.tables.contains(tables[0]) else {
                throw PipelineError(
                    "what is computed is read as a whole", "\(tables[0])", remedy: "Leave --where out.",
                    isConfiguration: true)
            }
            guard !mapping.isReadInOnePiece(tables[0]) else {
                throw PipelineError(
                    "a table whose equal rows are counted is read as a whole", "\(tables[0])",
                    remedy: "Leave --where out.", isConfiguration: true)
            }
            try check(condition, on: tables[0], source)
        }
        let checkpoint = try apply { () throws(ApplyError) in
            try GraphWriter.readCheckpoint(graph, pipeline: settings.name)
        }
        guard checkpoint?.phase == .streaming else {
            throw PipelineError(
                "there is nothing to read again", "the first read of \(settings.name) is not done",
                remedy: "`lockstep run` reads everything.")
        }
        let requests = tables.map { LoadRequest($0, reason: .resync, condition: condition) }
        try apply { () throws(ApplyError) in try LoadStore.add(requests, pipeline: settings.name, graph) }
        try Self.wake(settings.name, source)
        let slot = try postgres { () throws(PostgresError) in try ReplicationSlots.find(settings.slot, source) }
        return (requests, slot?.activePID != nil)
    }

    private func tables(_ names: [String], _ mapping: GraphMapping) throws(PipelineError) -> [QualifiedName] {
        let all = mapping.tables + mapping.computed.map(\.table)
        if names.isEmpty { return all }
        var found: [QualifiedName] = []
        for name in names {
            let meant = all.filter { TableNameText(name).means($0) }
            guard let table = meant.first, meant.count == 1 else {
                throw PipelineError(
                    meant.isEmpty ? "a table is not in the mapping" : "a table's name is not enough", "\"\(name)\"",
                    remedy: meant.isEmpty
                        ? "The mapping has \(all.sorted().map(\.sql).joined(separator: ", "))."
                        : "Say which: \(meant.map(\.sql).joined(separator: ", ")).", isConfiguration: true)
            }
            if !found.contains(table) { found.append(table) }
        }
        return found
    }

    /// Lets PostgreSQL look at a condition, as the reader is going to ask it.
    private func check(
        _ condition: String, on table: QualifiedName, _ source: PostgresConnection
    ) throws(PipelineError) {
        do throws(PostgresError) {
            try source.execute("BEGIN READ ONLY; SET LOCAL search_path = pg_catalog")
            _ = try source.query("SELECT FROM \(table.sql) WHERE (\(condition)) LIMIT 0")
            try source.execute("ROLLBACK")
        } catch {
            guard let state = error.sqlState, ["42", "22", "0A"].contains(String(state.prefix(2))) else {
                throw PipelineError(error)
            }
            throw PipelineError(
                "the condition cannot be used", "\(table): \(error.message)",
                remedy: "--where takes a condition in SQL on the table's columns; functions and types outside of "
                    + "pg_catalog need their schema.", isConfiguration: true)
        }
    }

    /// A running pipeline hears of it through its stream.
    static func wake(_ pipeline: String, _ source: PostgresConnection) throws(PipelineError) {
        do throws(PostgresError) {
            _ = try source.query(
                "SELECT pg_catalog.pg_logical_emit_message(true, \(QualifiedName.literal(LoadRequest.wakePrefix)), "
                    + "\(QualifiedName.literal(pipeline)))")
        } catch {
            // A standby writes no WAL: then it is seen at the next start.
            guard error.sqlState == "25006" || error.sqlState == "55000" else { throw PipelineError(error) }
        }
    }

    /// Waits until requests are fulfilled.
    ///
    /// - Parameter report: Told of those that are not, whenever something of it has changed.
    /// - Returns: False when the stop was asked for before that.
    public func wait(
        for requests: [LoadRequest], stop: StopSignal, report: @escaping @Sendable ([TableLoad]) -> Void
    ) async throws(PipelineError) -> Bool {
        let ids = Set(requests.map(\.id))
        return try await DedicatedThread.run(name: "resync") { () throws(PipelineError) in
            try GraphConnection.use(settings.graph, abandon: stop) { graph throws(PipelineError) in
                var shown: [TableLoad] = []
                while true {
                    let loads = try apply { () throws(ApplyError) in
                        try LoadStore.read(pipeline: settings.name, graph).filter { ids.contains($0.request.id) }
                    }
                    if loads != shown { report(loads) }
                    if loads.isEmpty { return true }
                    shown = loads
                    guard stop.sleep(for: Self.interval) else { return false }
                }
            }
        }
    }
}
