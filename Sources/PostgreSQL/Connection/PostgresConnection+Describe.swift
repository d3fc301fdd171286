// Part of Lockstep. See LICENSE.

internal import CLibPQ

/// A column of a query's result.
public struct ResultColumn: Sendable, Equatable {
    public var name: String
    /// That below a domain: the server announces no domains.
    public var type: OID
    /// -1 where there is none.
    public var typeModifier: Int32
}

extension PostgresConnection {
    /// Asks what a query gives, without running it: it is parsed, and its names are looked up.
    ///
    /// Takes one statement, where a simple query may hold several. In a transaction its tables, and those of its views, are
    /// locked as by a query until that ends.
    public func describe(_ sql: String) throws(PostgresError) -> [ResultColumn] {
        try checkStop()
        try send(whole: unsafe PQsendPrepare(handle.pointer, "", sql, 0, nil))
        try finish { (_) throws(PostgresError) in }
        try send(whole: unsafe PQsendDescribePrepared(handle.pointer, ""))
        var columns: [ResultColumn] = []
        try finish { (result) throws(PostgresError) in columns = result.columns }
        return columns
    }
}
