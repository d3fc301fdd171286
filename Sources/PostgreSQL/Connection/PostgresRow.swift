// Part of Lockstep. See LICENSE.

/// One row of a result, in text format.
public struct PostgresRow: Sendable {
    /// Shared by the rows of a result.
    public let columns: [String]
    let values: [String?]

    /// The value at a position; nil is NULL.
    public subscript(_ index: Int) -> String? { values[index] }

    /// The value of the first column of that name; nil is NULL. A name that the query does not give is a mistake here.
    public subscript(_ name: String) -> String? {
        guard let index = columns.firstIndex(of: name) else { preconditionFailure("no column \(name) in the result") }
        return values[index]
    }
}
