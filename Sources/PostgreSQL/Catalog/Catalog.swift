// Part of Lockstep. See LICENSE.

/// What `pg_catalog` says of a database, as far as a mapping needs it. Pure data; read by ``CatalogReader``.
public struct Catalog: Sendable {
    /// `server_version_num`, for instance 150018.
    public var serverVersion: Int
    public var database: String
    /// Ordinary and partitioned tables of the user's schemas, ordered by schema and name. No partitions, no system
    /// schemas, not the schema `lockstep`.
    public var tables: [Table]
    /// Views and materialized views of the same schemas, in the same order; queries that were asked about come first.
    public var views: [View] = []
    /// Queries that were asked about, and that the server does not take.
    public var refusals: [QualifiedName: Refusal] = [:]
    /// Every type that a column here has, with what those are made of (element and base types).
    public var types: [OID: DataType]

    public init(serverVersion: Int, database: String, tables: [Table], types: [OID: DataType]) {
        self.serverVersion = serverVersion
        self.database = database
        self.tables = tables
        self.types = types
    }

    public func table(_ name: QualifiedName) -> Table? { tables.first { $0.name == name } }

    public func view(_ name: QualifiedName) -> View? { views.first { $0.table.name == name } }
}

extension Catalog {
    public struct Table: Sendable {
        public var oid: OID
        public var name: QualifiedName
        public var isPartitioned: Bool
        /// Ordinary tables may inherit from it: its name alone stands for their rows as well, `ONLY` for its own.
        public var hasChildren = false
        /// What stands behind FROM for its own rows: those of tables that inherit from it are theirs.
        public var ownRowsSQL: String { (hasChildren ? "ONLY " : "") + name.sql }
        /// Where its rows are, if it is partitioned: the leaves.
        public var partitions: [Partition] = []
        /// Attributes in order; dropped ones are left out.
        public var columns: [Column]
        /// Column names in key order; nil where there is none.
        public var primaryKey: [String]?
        /// Unique constraints and plain unique indexes (no expressions, no predicate), without the primary key.
        public var uniqueKeys: [UniqueKey]
        /// Those of the keys that are checked no sooner than at the transaction's end, if it wants: two rows can have one
        /// of these for a while.
        public var deferrableKeys: [[String]] = []
        public var foreignKeys: [ForeignKey]
        public var replicaIdentity: ReplicaIdentity
        public var comment: String?
        /// `reltuples`; negative where the table was never analysed.
        public var estimatedRows: Double

        public init(
            oid: OID, name: QualifiedName, isPartitioned: Bool = false, columns: [Column], primaryKey: [String]? = nil,
            uniqueKeys: [UniqueKey] = [], foreignKeys: [ForeignKey] = [], replicaIdentity: ReplicaIdentity = .default,
            comment: String? = nil, estimatedRows: Double = -1
        ) {
            self.oid = oid
            self.name = name
            self.isPartitioned = isPartitioned
            self.columns = columns
            self.primaryKey = primaryKey
            self.uniqueKeys = uniqueKeys
            self.foreignKeys = foreignKeys
            self.replicaIdentity = replicaIdentity
            self.comment = comment
            self.estimatedRows = estimatedRows
        }

        public func column(_ name: String) -> Column? { columns.first { $0.name == name } }
    }

    /// A view, a materialized view, or a query that somebody asked about as if it were one.
    public struct View: Sendable {
        /// Its columns; it has no keys but the unique indexes of a materialized view. A query has no OID, and no schema.
        public var table: Table
        public var isMaterialized: Bool
        /// The query's text, where it is one.
        public var query: String?
        /// What it is made of, through other views: tables, roots in place of partitions, materialized views, foreign tables.
        /// Not what functions read that it calls.
        public var reads: [QualifiedName]
        /// Of a query: the views through which it reads.
        public var through: [QualifiedName] = []
        /// Another one when it, or a view that it is made of, was defined anew; of a query also when its columns are others.
        public var version: String

        public init(
            table: Table, isMaterialized: Bool = false, query: String? = nil, reads: [QualifiedName],
            version: String = ""
        ) {
            self.table = table
            self.isMaterialized = isMaterialized
            self.query = query
            self.reads = reads
            self.version = version
        }
    }

    /// Why the server does not take a query.
    public struct Refusal: Error, Equatable {
        public var message: String
        /// Somebody is in the way: it may be another matter in a moment.
        public var isPassing: Bool

        public init(_ message: String, isPassing: Bool = false) {
            self.message = message
            self.isPassing = isPassing
        }
    }

    /// A partition that has rows itself, and settings of its own.
    public struct Partition: Sendable, Equatable {
        public var name: QualifiedName
        public var replicaIdentity: ReplicaIdentity
        /// The columns of the key that its replica identity names; of FULL and NOTHING none.
        public var identityKey: [String]
        /// A foreign table: its changes are in another server's WAL.
        public var isForeign: Bool

        public init(
            name: QualifiedName, replicaIdentity: ReplicaIdentity = .default, identityKey: [String] = [],
            isForeign: Bool = false
        ) {
            self.name = name
            self.replicaIdentity = replicaIdentity
            self.identityKey = identityKey
            self.isForeign = isForeign
        }
    }

    public struct Column: Sendable {
        public var name: String
        /// `attnum`: stays when the column is renamed, and is never given to another one. 0 where that is not known.
        public var number: Int16 = 0
        /// Rows that were there before the column may have values in it that no change of theirs carries.
        public var mayHaveEarlierValues = false
        public var type: OID
        /// `atttypmod`; -1 where there is none.
        public var typeModifier: Int32
        /// As SQL writes it: `character varying(40)`.
        public var formattedType: String
        public var isNotNull: Bool
        /// A generated column: not in the replication stream before PostgreSQL 18, and there only where it is stored
        /// and the publication says so.
        public var isGenerated: Bool
        /// A generated column that is computed when it is read, since PostgreSQL 18: never in the stream.
        public var isVirtual: Bool
        /// A long value may be stored out of line: an update that leaves it alone comes without it.
        public var mayBeToasted = false
        public var comment: String?

        public init(
            name: String, type: OID, typeModifier: Int32 = -1, formattedType: String, isNotNull: Bool = false,
            isGenerated: Bool = false, isVirtual: Bool = false, comment: String? = nil
        ) {
            self.name = name
            self.type = type
            self.typeModifier = typeModifier
            self.formattedType = formattedType
            self.isNotNull = isNotNull
            self.isGenerated = isGenerated
            self.isVirtual = isVirtual
            self.comment = comment
        }
    }

    public struct UniqueKey: Sendable {
        public var indexName: String
        public var columns: [String]
        /// The index that `REPLICA IDENTITY USING INDEX` names.
        public var isReplicaIdentity: Bool

        public init(indexName: String, columns: [String], isReplicaIdentity: Bool = false) {
            self.indexName = indexName
            self.columns = columns
            self.isReplicaIdentity = isReplicaIdentity
        }
    }

    public struct ForeignKey: Sendable {
        public var constraintName: String
        public var columns: [String]
        public var referencedTable: QualifiedName
        /// In the order of `columns`.
        public var referencedColumns: [String]
        public var coverage: Coverage

        public init(
            constraintName: String, columns: [String], referencedTable: QualifiedName, referencedColumns: [String],
            coverage: Coverage = .allRows
        ) {
            self.constraintName = constraintName
            self.columns = columns
            self.referencedTable = referencedTable
            self.referencedColumns = referencedColumns
            self.coverage = coverage
        }

        /// The rows that are known to refer to something, or to nothing.
        public enum Coverage: Sendable {
            case allRows
            /// NOT VALID: rows that were there before it may refer to what is not there.
            case newRows
            /// NOT ENFORCED, from PostgreSQL 18 on.
            case noRows
            /// The constraint is one of partitions; rows of others may refer to what is not there.
            case somePartitions
            /// PERIOD: it names rows whose periods cover its own, and none by equal values.
            case periods
        }
    }

    /// `relreplident`: which old columns the stream carries.
    public enum ReplicaIdentity: String, Sendable {
        case `default` = "d"
        case index = "i"
        case full = "f"
        case nothing = "n"
    }

    /// One row of `pg_type`.
    public struct DataType: Sendable {
        public enum Kind: Sendable, Equatable {
            /// `typtype` b, of a type that is no array.
            case base
            case array(element: OID)
            case `enum`
            case domain(base: OID)
            case composite
            case range
            case multirange
            case pseudo
        }

        public var oid: OID
        public var schema: String
        public var name: String
        public var kind: Kind
        /// The fields of a composite type, in order; dropped ones are left out.
        public var fields: [Field]
        /// The values of an enum, in order.
        public var values: [String] = []
        /// What a range is a range of; the range that a multirange is made of.
        public var rangeElement: OID?

        public struct Field: Sendable, Equatable {
            public var name: String
            public var type: OID

            public init(name: String, type: OID) {
                self.name = name
                self.type = type
            }
        }

        public init(
            oid: OID, schema: String, name: String, kind: Kind, fields: [Field] = [], rangeElement: OID? = nil
        ) {
            self.oid = oid
            self.schema = schema
            self.name = name
            self.kind = kind
            self.fields = fields
            self.rangeElement = rangeElement
        }
    }

    /// The type below all domains; the type itself where it is none.
    public func underlyingType(of oid: OID) -> DataType? {
        var type = types[oid]
        while case .domain(let base)? = type?.kind { type = types[base] }
        return type
    }
}
