// Part of Lockstep. See LICENSE.

/// How the values of one PostgreSQL type go over to the graph.
///
/// Chosen once for each property, by ``natural(for:in:)`` or by the mapping file's `as` and policies;
/// ``encode(_:isBinary:into:)`` then turns a value's bytes into PackStream bytes. `docs/types.md` has the whole table.
public struct ValueConversion: Sendable, Hashable {
    /// What PostgreSQL's bytes mean.
    public enum Source: UInt8, Sendable, Hashable {
        case bool, int2, int4, int8
        /// `oid` and its like: unsigned numbers of 32 bits.
        case oid
        case float4, float8, numeric, money
        /// `text` and what has the same bytes in both formats: `varchar`, `name`, `json`, `xml`, enums, `citext`.
        case text
        /// `character(n)`: its padding is not part of the value.
        case bpchar
        /// The one-byte type `"char"`.
        case char
        case uuid, bytea
        /// `bit` and `bit varying`.
        case bit
        case date, time, timetz, timestamp, timestamptz, interval
        /// `jsonb`, and what has a version before its text as well: `jsonpath`, `ltree`.
        case jsonb
        case hstore
        /// The cast to `text` adds the mask of a host's address, the output function does not.
        case inet
        case cidr
        /// `macaddr` and `macaddr8`.
        case macaddr
        case xid8, lsn, tid
        case point
        /// PostGIS: `geometry` and `geography`.
        case geometry
        /// pgvector: `vector`, of singles, and `halfvec`.
        case vector, halfvec
        /// `tsvector`, as the list of its lexemes.
        case tsvector
        /// A multirange that becomes a list of its ranges.
        case multirange
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
        case duration, point
    }

    /// The element type where this is an array; the bound's where it is a part of a range.
    public var source: Source
    public var target: Target
    /// A list of `target`: made of an array of `source`, of a vector, or of an array in `json`.
    public var isList: Bool
    public var policy: ValuePolicy
    /// Nil: the whole value.
    public var part: ValuePart?

    public init(
        source: Source, target: Target, isList: Bool = false, policy: ValuePolicy = ValuePolicy(),
        part: ValuePart? = nil
    ) {
        self.source = source
        self.target = target
        self.isList = isList
        self.policy = policy
        self.part = part
    }

    /// The `as` of the mapping file and of `lockstep plan --json`: `integer`, `list<integer>`.
    public var name: String { isList ? "list<\(target.rawValue)>" : target.rawValue }

    /// Whether the type's binary form can be taken.
    ///
    /// Where it is false, values have to come as their type's output function prints them: a stream with such a column
    /// runs in text mode, and a COPY selects `concat(column)`.
    public var isBinaryExact: Bool {
        // The print of a whole array, and that of a double, are not put together here.
        source != .printed && source != .multirange
            && !(policy.otherwise == .string && (isArray || source == .point))
    }

    /// An array of PostgreSQL, rather than one value or something else that becomes a list.
    var isArray: Bool {
        switch source {
        case .vector, .halfvec, .multirange, .tsvector: false
        default: isList && !isJSONPart
        }
    }
}

extension ValueConversion: CustomStringConvertible {
    /// For people: the name and the policies, `integer, scale 2, otherwise null`.
    public var description: String {
        var words = [name]
        if let zone = policy.zone { words.append("zone \(zone)") }
        if policy.scale != 0 { words.append("scale \(policy.scale)") }
        if let years = policy.years { words.append("years \(years.lowerBound) to \(years.upperBound)") }
        if policy.nulls != .error { words.append("nulls \(policy.nulls)") }
        if policy.dimensions != .error { words.append("dimensions \(policy.dimensions)") }
        if policy.otherwise != .error { words.append("otherwise \(policy.otherwise)") }
        return words.joined(separator: ", ")
    }
}

// Which policies have a meaning.
extension ValueConversion {
    /// Some values of the type are not in the graph's: `otherwise` says what becomes of them.
    var mayNotFit: Bool { isArray || isJSONPart || scalarMayNotFit }

    /// The type is a range of numbers or moments with two ends.
    var hasNearest: Bool {
        switch (source, target) {
        case (_, .string): false
        case (.date, _), (.timestamp, _), (.timestamptz, _), (.time, _), (.timetz, _), (.numeric, _): !isJSONPart
        default: false
        }
    }

    var hasYears: Bool {
        switch source {
        case .date, .timestamp, .timestamptz: target != .string
        default: false
        }
    }

    var hasZone: Bool { source == .timestamptz && target == .dateTime }

    var hasScale: Bool { source == .numeric && target == .integer }

    var hasElements: Bool { isArray || (isJSONPart && isList) }

    var isJSONPart: Bool { if case .path = part { true } else { false } }

    private var scalarMayNotFit: Bool { hasNearest || (source == .interval && target == .duration) || target == .point }
}
