// Part of Lockstep. See LICENSE.

public import Bolt
public import PostgreSQL

/// A mapping file: what to follow, where to, and what each table becomes. Read, but not yet held against the database.
///
/// The format is described in `docs/mapping.md`.
public struct MappingFile: Sendable {
    /// The file's name, for messages.
    public var file: String
    /// Names this mapping in the graph's checkpoint. Letters, digits, `_` and `-`.
    public var pipeline: String
    public var source: SourceSettings
    public var graph: GraphSettings
    public var batch: BatchSettings
    /// What is done when tables change.
    public var schemaChanges = SchemaPolicies()
    /// In the order of the file; behind them its queries, which become relationships as tables do.
    var tables: [TableEntry]
    /// In the order of the file.
    var schema: [SchemaEntry] = []
    /// By the database's names of a table and its column: what the file calls the column, where that differs.
    var fileNames: [QualifiedName: [String: String]] = [:]

    /// Reads a file's bytes.
    ///
    /// - Parameters:
    ///   - file: Its name, for messages.
    ///   - environment: The value of an environment variable; nil where it is not set.
    /// - Throws: Every fault that can be seen without the database.
    public static func parse(
        _ bytes: [UInt8], file: String, environment: @escaping (String) -> String?
    ) throws(MappingError) -> MappingFile {
        let reading = read(bytes, file: file, environment: environment)
        guard let mapping = reading.file else { throw MappingError(faults: reading.faults) }
        return mapping
    }

    /// Reads a file's bytes as far as they can be read: what is wrong in one part does not hide the others.
    public static func read(
        _ bytes: [UInt8], file: String, environment: @escaping (String) -> String?
    ) -> MappingReading {
        let (root, faults) = YAMLReader.read(bytes, file: file)
        var reader = MappingFileReader(
            file: file, variables: VariableExpansion(environment: environment), faults: faults)
        let mapping = root.flatMap { reader.read($0) }
        return MappingReading(
            file: reader.faults.hasErrors ? nil : mapping, pipeline: reader.pipeline, source: reader.source,
            graph: reader.graph, faults: reader.faults.inFileOrder)
    }

    /// The tables that go into the graph, and where the file names them; those that it skips are left out, views and queries.
    public var mappedTables: [(name: QualifiedName, position: FilePosition?)] {
        tables.filter { $0.role != .skip && $0.refresh == nil }.map { ($0.table.value, $0.table.position) }
    }

    /// The views and queries whose rows become relationships.
    public var mappedViews: [QualifiedName] {
        tables.filter { $0.role != .skip && $0.refresh != nil }.map(\.table.value)
    }

    /// The texts of the queries whose rows become relationships: what the catalog is to be read with.
    public var queries: [QualifiedName: String] {
        Dictionary(
            tables.compactMap { entry in entry.query.map { (entry.table.value, $0.value) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// The file without some of its views and queries.
    public func leavingOut(views: Set<QualifiedName>) -> MappingFile {
        var file = self
        file.tables.removeAll { $0.refresh != nil && views.contains($0.table.value) }
        return file
    }

    /// Tables with Cypher of their own, as the file calls them.
    public var tablesWithCypher: [QualifiedName] {
        tables.filter { if case .node(let node) = $0.role { node.custom != nil } else { false } }.map(\.table.value)
    }

    /// Whether rows may refer to what the graph does not have: no constraint guards a relationship, or not all rows of a
    /// table count.
    public var hasReferencesThatWait: Bool {
        tables.contains { entry in
            if entry.filter != nil || entry.softDelete != nil || entry.refresh != nil { return true }
            return switch entry.role {
            case .node(let node): node.references.contains { !$0.isEnforced }
            case .join(let join): !join.from.isEnforced || !join.to.isEnforced
            case .skip: false
            }
        }
    }
}

/// A mapping file as far as it can be read.
public struct MappingReading: Sendable {
    /// Nil where a fault is an error.
    public var file: MappingFile?
    /// Nil where the part cannot be read.
    public var pipeline: String?
    public var source: SourceSettings?
    public var graph: GraphSettings?
    /// In the order of the file.
    public var faults: [MappingFault]
}

/// Where changes come from.
public struct SourceSettings: Sendable, Equatable {
    /// For libpq, which also looks at `PGPASSWORD` and `~/.pgpass`.
    public var url: ConnectionURL
    /// Lower-case letters, digits and underscores, up to 63. Default: `lockstep_` and the pipeline's name.
    public var slot: String
    /// Default: as the slot.
    public var publication: String
    /// The folder where transactions larger than some megabytes wait for their end. Default: ``standardSpool``.
    public var spool: String = standardSpool

    /// Only mapped columns are published, so that no other leaves the server.
    public var columnLists = false

    /// When a two-phase transaction is decoded. Default: when it is committed.
    public var twoPhase = TwoPhase.commit

    public enum TwoPhase: String, CaseIterable, Sendable {
        /// At COMMIT PREPARED, like any other.
        case commit
        /// At PREPARE TRANSACTION (PostgreSQL 15 and later): what it changed is here when it is committed.
        case prepare
    }

    /// On disk, where the system's temporary folder may be in memory.
    public static let standardSpool = "/var/tmp"
}

/// Where they go.
public struct GraphSettings: Sendable {
    public var url: ConnectionURL
    /// What ``url`` and the settings of TLS mean, without a password.
    public var configuration: BoltConfiguration
    /// Nil, or empty, where the server asks for none.
    public var password: Secret?
}

/// How much goes into one graph transaction; reached first by either bound.
public struct BatchSettings: Sendable, Equatable {
    /// Rows of one batch, 1 to 100,000. Default 5,000. More rows make fewer, longer graph transactions.
    public var rows = 5000
    public static let rowsRange = 1...100_000

    /// Encoded bytes of one batch, 64 KiB to 64 MiB. Default 4 MiB. Two batches are held in memory at a time.
    public var bytes = 4 << 20
    public static let bytesRange = (64 << 10)...(64 << 20)

    /// Rows of a transaction that goes into one graph transaction, 1 to 10,000,000. Default 50,000. A larger one is applied
    /// in parts, each a batch.
    public var wholeRows = 50_000
    public static let wholeRowsRange = 1...10_000_000

    /// The same in bytes, 64 KiB to 1 GiB. Default 64 MiB. So much is held in memory.
    public var wholeBytes = 64 << 20
    public static let wholeBytesRange = (64 << 10)...(1 << 30)

    public init() {}
}
