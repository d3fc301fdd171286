// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// Reads the catalog of a database that no mapping names yet.
public enum SourceCatalog {
    public static func read(_ url: String) throws(PipelineError) -> Catalog {
        try postgres { () throws(PostgresError) in
            try CatalogReader.read(try PostgresConnection(try PostgresConfiguration(url)))
        }
    }
}
