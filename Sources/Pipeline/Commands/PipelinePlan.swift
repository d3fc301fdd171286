// Part of Lockstep. See LICENSE.

internal import Bolt
public import Mapping
internal import PostgreSQL
internal import Threading

/// What a mapping means for the database as it is now.
public enum PipelinePlan {
    public static func make(settings: PipelineSettings, file: MappingFile) async throws(PipelineError) -> Plan {
        try await DedicatedThread.run(name: "plan") { () throws(PipelineError) in
            let source = try postgres { () throws(PostgresError) in try PostgresConnection(settings.source) }
            return try make(file, source, memory: memory(settings))
        }
    }

    /// The same, with what the file's `schema` changes in the graph as it is.
    ///
    /// - Returns: Why the graph could not be looked at; nil where it could.
    public static func addSchemaSteps(
        to plan: inout Plan, settings: PipelineSettings
    ) async -> PipelineError? {
        let mapping = plan.mapping
        do throws(PipelineError) {
            plan.schemaSteps = try await DedicatedThread.run(name: "plan") { () throws(PipelineError) in
                try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                    do throws(BoltError) {
                        return try SchemaWork(mapping: mapping).steps(graph)
                    } catch {
                        throw PipelineError(error)
                    }
                }
            }
            return nil
        } catch {
            return error
        }
    }

    /// What the pipeline remembers of its tables. Nothing where the graph is away: then names mean what the file says.
    static func memory(_ settings: PipelineSettings) -> [TableMemory] {
        let found = try? GraphConnection.use(settings.graph) { graph throws(PipelineError) in
            try SchemaMemory.read(graph, pipeline: settings.name)
        }
        return found ?? []
    }

    static func make(
        _ file: MappingFile, _ source: PostgresConnection, memory: [TableMemory], sparing views: Set<QualifiedName> = []
    ) throws(PipelineError) -> Plan {
        try evolved(file, source, memory: memory, sparing: views).plan
    }

    /// The mapping for the database as it is now, and what has happened to its tables since they were remembered.
    ///
    /// - Parameters:
    ///   - views: Those that are left out where the mapping does not fit to them any more; `unfit` says why not.
    ///   - known: Tables beside the mapping that are not new; nil where nobody asks for new ones.
    ///   - isTaken: Whether somebody else has nodes of a label.
    static func evolved(
        _ file: MappingFile, _ source: PostgresConnection, memory: [TableMemory], sparing views: Set<QualifiedName>,
        besides known: Set<OID>? = nil, isTaken: (String) throws(PipelineError) -> Bool = { _ in false }
    ) throws(PipelineError) -> (plan: Plan, evolution: SchemaEvolution, unfit: [QualifiedName: String]) {
        // What commits from here on may be missing in the catalog.
        let lsn = try postgres { () throws(PostgresError) in try source.currentLSN() }
        let catalog = try postgres { () throws(PostgresError) in
            try CatalogReader.read(source, queries: file.queries)
        }
        let obstacles = try obstacles(file, source, memory, catalog, besides: known, isTaken)
        func lay(_ file: MappingFile) throws(MappingError) -> (Plan, SchemaEvolution) {
            let evolution = SchemaEvolution(
                file, memory: memory, catalog: catalog, besides: known, without: obstacles)
            let mapping = try file.resolve(against: catalog, evolution, memory: memory, at: lsn)
            return (Plan(mapping: mapping, file: evolution.file, catalog: catalog), evolution)
        }
        do throws(MappingError) {
            let (plan, evolution) = try lay(file)
            return (plan, evolution, [:])
        } catch {
            var unfit: [QualifiedName: String] = [:]
            for view in views {
                do throws(MappingError) {
                    _ = try lay(file.leavingOut(views: views.subtracting([view])))
                } catch let fault {
                    unfit[view] = fault.faults.first?.message
                }
            }
            guard let (plan, evolution) = try? lay(file.leavingOut(views: Set(unfit.keys))) else {
                guard let locked = catalog.refusals.first(where: { $1.isPassing && unfit[$0] == nil }) else {
                    throw PipelineError(error)
                }
                throw PipelineError(
                    "a query cannot be looked at now", "\(locked.key): \(locked.value.message)",
                    disposition: .retrySoon)
            }
            return (plan, evolution, unfit)
        }
    }

    /// Why new tables cannot become a part of the mapping.
    private static func obstacles(
        _ file: MappingFile, _ source: PostgresConnection, _ memory: [TableMemory], _ catalog: Catalog,
        besides known: Set<OID>?, _ isTaken: (String) throws(PipelineError) -> Bool
    ) throws(PipelineError) -> [OID: String] {
        guard known != nil else { return [:] }
        func evolve(_ obstacles: [OID: String] = [:]) -> SchemaEvolution {
            SchemaEvolution(file, memory: memory, catalog: catalog, besides: known, without: obstacles)
        }
        let adopting = evolve().adopting
        guard !adopting.isEmpty else { return [:] }
        var refused = try AdoptionObstacles.find(adopting, publication: file.source.publication, source)
        for (table, label) in evolve(refused).adoptingLabels where try isTaken(label) {
            refused[table] = "the graph has nodes labelled \"\(label)\" that this pipeline has not made"
        }
        let rest = evolve(refused)
        return refused.merging(rest.misfits(rest.file.examine(against: catalog).faults)) { first, _ in first }
    }
}
