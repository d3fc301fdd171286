// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// What holding a mapping file against a database showed.
public struct MappingExamination: Sendable {
    /// Nil where a fault is an error.
    public var mapping: GraphMapping?
    /// What holds in any case: the tables whose own entries are right. Never to be run.
    public var sound: GraphMapping
    /// Errors, warnings and notes, in the order of the file.
    public var faults: [MappingFault]
}

extension MappingFile {
    /// The mapping, checked against a database's catalog.
    ///
    /// - Throws: Every error in it; warnings and notes are left out, see ``examine(against:)``.
    public func resolve(against catalog: Catalog) throws(MappingError) -> GraphMapping {
        let examination = examine(against: catalog)
        guard let mapping = examination.mapping else {
            throw MappingError(faults: examination.faults.filter { $0.severity == .error })
        }
        return mapping
    }

    /// The same for a database that has changed since its tables were remembered.
    public func resolve(
        against catalog: Catalog, _ evolution: SchemaEvolution, memory: [TableMemory], at lsn: LSN?
    ) throws(MappingError) -> GraphMapping {
        try evolution.file.resolve(against: catalog).withSources(catalog, memory: memory, at: lsn)
    }

    /// Everything there is to say about the file and the database together.
    public func examine(against catalog: Catalog) -> MappingExamination {
        var resolver = MappingResolver(
            tables: tables, schema: schema, fileNames: fileNames, pipeline: pipeline, file: file, catalog: catalog)
        let mapping = resolver.resolve()
        let faults = resolver.faults.inFileOrder
        return MappingExamination(mapping: faults.hasErrors ? nil : mapping, sound: mapping, faults: faults)
    }
}
