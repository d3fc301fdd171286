// Part of Lockstep. See LICENSE.


/// How the values of one PostgreSQL type go over to the graph.
///
/// Chosen once for each mapped column; ``encode(_:kind:into:)`` then turns a value's bytes into PackStream bytes.
public struct ValueConversion: Sendable, Hashable {
    /// What PostgreSQL's bytes mean.
    public enum Source: UInt8, Sendable, Hashable {
        case bool, int2, int4, int8, oid, float4, float8, numeric, text, uuid, bytea
        case date, time, timetz, timestamp, timestamptz, interval, jsonb
        /// Any other type: only as PostgreSQL prints it.
        case printed
    }

    /// The graph's type; its raw value is the `as` of the mapping file and of `lockstep plan --json`.
    public enum Target: String, Sendable, Hashable {
        case string, integer, float, boolean, bytes, date
        case localTime = "localtime"
        case time
        case localDateTime = "localdatetime"
        case dateTime = "datetime"
        case duration
    }

    /// The element type where this is an array.
    public var source: Source
    public var target: Target
    /// A one-dimensional array of `source`, which becomes a list of `target`.
    public var isArray: Bool

    public init(source: Source, target: Target, isArray: Bool = false) {
        self.source = source
        self.target = target
        self.isArray = isArray
    }
}
