// Part of Lockstep. See LICENSE.

/// Which rows of a table count. The others are no rows to the graph.
public struct RowCondition: Sendable, Hashable {
    /// A condition in SQL with bare names of columns. PostgreSQL publishes just the rows that meet it.
    public var filter: String?
    /// Where the mapping file has the filter.
    public var filterPosition: FilePosition?
    /// A row that passes this is as good as deleted. The stream carries it nonetheless.
    public var softDelete: ColumnTest?

    public init(filter: String? = nil, softDelete: ColumnTest? = nil, filterPosition: FilePosition? = nil) {
        self.filter = filter
        self.softDelete = softDelete
        self.filterPosition = filterPosition
    }

    /// All rows count.
    public var isAlways: Bool { filter == nil && softDelete == nil }

    /// The condition in SQL with bare names of columns; nil where all rows count.
    public var sql: String? {
        switch (filter, softDelete) {
        case (nil, nil): nil
        case (let filter?, nil): filter
        case (nil, let test?): "(\(test.sql)) IS NOT TRUE"
        case (let filter?, let test?): "(\(filter)) AND (\(test.sql)) IS NOT TRUE"
        }
    }
}
