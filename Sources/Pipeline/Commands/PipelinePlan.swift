// Part of Lockstep. See LICENSE.

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

    static func make(_ file: MappingFile, _ source: PostgresConnection) throws(PipelineError) -> Plan {
        let catalog = try postgres { () throws(PostgresError) in try CatalogReader.read(source) }
        do throws(MappingError) {
            return Plan(mapping: try file.resolve(against: catalog), file: file, catalog: catalog)
        } catch {
            throw PipelineError(error)
        }
    }
}
