// Part of Lockstep. See LICENSE.

/// How the values of one PostgreSQL type go over to the graph.
///
/// Chosen once for each mapped column, by ``natural(for:in:)`` or by the mapping file's `as`;
/// ``encode(_:isBinary:into:)`` then turns a value's bytes into PackStream bytes. `docs/types.md` has the whole table.
public struct ValueConversion: Sendable, Hashable {
    /// What PostgreSQL's bytes mean.
    public enum Source: UInt8, Sendable, Hashable {
        case bool, int2, int4, int8, oid, float4, float8, numeric
        /// `text` and what has the same bytes in both formats: `varchar`, `name`, `json`, enums, `citext`.
        case text
        /// `character(n)`: its padding is not part of the value.
        case bpchar
        /// The one-byte type `"char"`.
        case char
        case uuid, bytea
        case date, time, timetz, timestamp, timestamptz, interval, jsonb
        /// As printed, except that a host address loses the mask that its cast to `text` adds.
        case inet
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

    /// The `as` of the mapping file and of `lockstep plan --json`: `integer`, `list<integer>`.
    public var name: String { isArray ? "list<\(target.rawValue)>" : target.rawValue }

    /// Whether the type's binary form can be taken.
    ///
    /// Where it is false, values have to come as their type's output function prints them: a stream with such a column
    /// runs in text mode, and a COPY selects `concat(column)`.
    public var isBinaryExact: Bool { source != .printed && source != .inet }
}
