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
            return try make(file, source)
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

    static func make(_ file: MappingFile, _ source: PostgresConnection) throws(PipelineError) -> Plan {
        let catalog = try postgres { () throws(PostgresError) in try CatalogReader.read(source) }
        do throws(MappingError) {
            return Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
        } catch {
            throw PipelineError(error)
        }
    }
}
