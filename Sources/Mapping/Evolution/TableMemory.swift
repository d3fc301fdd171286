// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// A table of the mapping file as it was when the mapping was last held against the database: what the file alone cannot
/// tell, once a name has changed.
public struct TableMemory: Sendable, Equatable {
    public struct Column: Sendable, Equatable {
        public var number: Int16
        /// As the database calls it, or called it last.
        public var name: String
        /// As the mapping file calls it.
        public var fileName: String
        public var type: OID
        /// It is no more there, and the graph has followed.
        public var isDropped = false
        /// The property that it has become by policy, beside the file; nil for what the file itself says.
        public var adopted: String?

        public init(
            number: Int16, name: String, fileName: String, type: OID, isDropped: Bool = false, adopted: String? = nil
        ) {
            self.number = number
            self.name = name
            self.fileName = fileName
            self.type = type
            self.isDropped = isDropped
            self.adopted = adopted
        }
    }

    /// As the mapping file calls it.
    public var fileName: QualifiedName
    public var oid: OID
    /// As the database calls it, or called it last.
    public var name: QualifiedName
    public var columns: [Column]
    /// It is no more there, and the graph has followed.
    public var isDropped = false
    /// What it has become by policy, beside the file: as `lockstep init` would have written it there. Nil for what the file
    /// itself says.
    public var adopted: String?
    /// The numbers of the columns that its rows are known by, where policy has put them in the place of the file's key.
    public var key: [Int16] = []
    /// What references go by that the file takes for guarded.
    public var foreignKeys: [ForeignKey] = []

    public init(fileName: QualifiedName, oid: OID, name: QualifiedName, columns: [Column], isDropped: Bool = false) {
        self.fileName = fileName
        self.oid = oid
        self.name = name
        self.columns = columns
        self.isDropped = isDropped
    }

    /// A table that is as the file calls it.
    init(_ table: Catalog.Table) {
        self.init(
            fileName: table.name, oid: table.oid, name: table.name,
            columns: table.columns.map { Column(number: $0.number, name: $0.name, fileName: $0.name, type: $0.type) })
    }

    /// What the file means by a name that the database does not have.
    func column(_ name: String) -> Column? {
        columns.first { $0.fileName == name } ?? columns.first { $0.name == name }
    }
}
