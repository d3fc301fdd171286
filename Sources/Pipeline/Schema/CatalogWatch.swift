// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL
internal import Threading

/// A look at the catalog now and then, for what the stream does not say, or says only with the next row: a table dropped or
/// renamed, a column added. It ends the attempt when something has happened to a mapped table, and the next one follows.
struct CatalogWatch {
    /// How often.
    static let interval: Duration = .seconds(3)

    let settings: PipelineSettings
    let file: MappingFile

    /// Numbers that differ when a table, a column, a constraint or an index has: every change writes another row version.
    private static let signatureSQL =
        "SELECT "
        + [
            ("pg_class", "relkind IN ('r', 'p')"), ("pg_attribute", "attnum > 0"), ("pg_constraint", "true"),
            ("pg_index", "true"),
        ].map { table, condition in
            "(SELECT count(*) || ' ' || coalesce(sum(xmin::text::int8), 0) FROM pg_catalog.\(table) WHERE \(condition))"
        }.joined(separator: " || ' ' || ")

    func run(until stop: StopSignal) throws(PipelineError) {
        var seen: String?
        var connection: PostgresConnection?
        while stop.sleep(for: Self.interval) {
            do throws(PostgresError) {
                if connection == nil { connection = try PostgresConnection(settings.source, stop: stop) }
                guard let source = connection else { continue }
                let signature = try source.query(Self.signatureSQL).first?[0]
                guard signature != seen else { continue }
                seen = signature
                let catalog = try CatalogReader.read(source)
                guard hasChanged(catalog) else { continue }
            } catch {
                // Whether PostgreSQL is away is for the stream to say.
                connection = nil
                seen = nil
                continue
            }
            throw PipelineError("a table has changed", disposition: .schemaChanged)
        }
    }

    private func hasChanged(_ catalog: Catalog) -> Bool {
        let memory: [TableMemory]
        do throws(PipelineError) {
            memory = try GraphConnection.use(settings.graph) { graph throws(PipelineError) in
                try SchemaMemory.read(graph, pipeline: settings.name)
            }
        } catch {
            return false
        }
        let evolution = SchemaEvolution(file, memory: memory, catalog: catalog)
        return !evolution.changes.isEmpty
    }
}
