// Part of Lockstep. See LICENSE.

public import PostgreSQL

/// How a table becomes nodes whose rows nothing tells apart: there is a node for each distinct row, which counts how often
/// the row is there.
///
/// The node's key is a digest of the row, which SQL can compute, too (``digestSQL(of:)``). Of the table itself neither the
/// digest nor the count is a column; ``rows(of:isPartitioned:)`` is a query that has both, and otherwise looks like it.
public struct DistinctRows: Sendable {
    /// What the columns of digest and count are called in ``rows(of:isPartitioned:)``.
    public static let digestColumn = "_lockstep_digest"
    public static let countColumn = "_lockstep_count"

    /// The columns that tell rows apart, in the table's order: all that the mapping names.
    public var columns: [String]
    /// The property that counts.
    public var countProperty: String

    public init(columns: [String], countProperty: String) {
        self.columns = columns
        self.countProperty = countProperty
    }

    /// SQL for the digest of a row called `alias`: SHA-256 in hexadecimal digits of what `ROW(…)::text` prints.
    public func digestSQL(of alias: String) -> String {
        let list = columns.map { "\(alias).\(QualifiedName.quoted($0))" }.joined(separator: ", ")
        return "encode(sha256(convert_to(ROW(\(list))::text, 'UTF8')), 'hex')"
    }

    /// A query in brackets, to be read in place of the table: each distinct row once, with its digest and its count.
    public func rows(of table: QualifiedName, isPartitioned: Bool) -> String {
        let (digest, count) = (QualifiedName.quoted(Self.digestColumn), QualifiedName.quoted(Self.countColumn))
        return "(SELECT DISTINCT ON (s.\(digest)) s.*, count(*) OVER (PARTITION BY s.\(digest)) AS \(count) "
            + "FROM \(uncountedRows(of: table, isPartitioned: isPartitioned)) AS s)"
    }

    /// The same of each row by itself, with its digest and without a count: it may be asked of a part of the table.
    ///
    /// - Parameter condition: SQL for the rows to give; nil for all.
    public func uncountedRows(of table: QualifiedName, isPartitioned: Bool, where condition: String? = nil) -> String {
        let list = columns.map { "t.\(QualifiedName.quoted($0)), " }.joined()
        let filter = condition.map { " WHERE \($0)" } ?? ""
        return "(SELECT \(list)\(digestSQL(of: "t")) AS \(QualifiedName.quoted(Self.digestColumn)) "
            + "FROM \(isPartitioned ? "" : "ONLY ")\(table.sql) AS t\(filter))"
    }
}
