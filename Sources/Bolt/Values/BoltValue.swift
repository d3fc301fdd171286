// Part of Lockstep. See LICENSE.

/// A value as Bolt carries it: what queries take as parameters and return in records.
///
/// Two values are equal when they are the same on the wire, but for NaN, which equals nothing: `.integer(1)` and
/// `.float(1)` differ.
///
/// - SeeAlso: https://neo4j.com/docs/bolt/current/bolt/structure-semantics/
public enum BoltValue: Sendable, Hashable {
    case null
    case boolean(Bool)
    case integer(Int64)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case list([BoltValue])
    case map([String: BoltValue])

    /// Days since 1970-01-01.
    case date(days: Int64)
    /// Nanoseconds since midnight.
    case localTime(nanoseconds: Int64)
    /// Nanoseconds since local midnight, and the seconds that local time is ahead of UTC.
    case time(nanoseconds: Int64, offsetSeconds: Int32)
    /// Seconds since 1970-01-01T00:00 of no zone in particular.
    case localDateTime(seconds: Int64, nanoseconds: Int32)
    /// Seconds since 1970-01-01T00:00Z, and the seconds that local time is ahead of UTC.
    case dateTime(seconds: Int64, nanoseconds: Int32, offsetSeconds: Int32)
    /// Seconds since 1970-01-01T00:00Z, and an IANA zone name, which is not looked up here.
    indirect case dateTimeZone(seconds: Int64, nanoseconds: Int32, zone: String)
    /// Four independent parts; each may be negative.
    indirect case duration(months: Int64, days: Int64, seconds: Int64, nanoseconds: Int32)
    indirect case point(BoltPoint)

    indirect case node(BoltNode)
    indirect case relationship(BoltRelationship)
    indirect case path(BoltPath)

    /// From Bolt 6.0.
    indirect case vector(BoltVector)
    /// The 16 bytes of a UUID, the first one in the high byte of `high`. Only Bolt 6.1 (PackStream 2) knows it.
    case uuid(high: UInt64, low: UInt64)
    /// A value of a type that this version of the protocol cannot carry; from Bolt 6.0.
    indirect case unsupported(BoltUnsupportedType)
    /// A structure this module does not know, or one of a shape it does not expect.
    case structure(tag: UInt8, fields: [BoltValue])
}

// MARK: Taking values apart

extension BoltValue {
    public var isNull: Bool { self == .null }

    public var boolValue: Bool? { if case .boolean(let value) = self { value } else { nil } }

    public var integerValue: Int64? { if case .integer(let value) = self { value } else { nil } }

    public var floatValue: Double? { if case .float(let value) = self { value } else { nil } }

    public var stringValue: String? { if case .string(let value) = self { value } else { nil } }

    public var bytesValue: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }

    public var listValue: [BoltValue]? { if case .list(let value) = self { value } else { nil } }

    public var mapValue: [String: BoltValue]? { if case .map(let value) = self { value } else { nil } }

    public var nodeValue: BoltNode? { if case .node(let value) = self { value } else { nil } }

    public var relationshipValue: BoltRelationship? { if case .relationship(let value) = self { value } else { nil } }

    /// The value of a key, where this is a map that has it.
    public subscript(key: String) -> BoltValue? { mapValue?[key] }
}

// MARK: Literals

extension BoltValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .float(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: BoltValue...) { self = .list(elements) }

    /// Of a key that is given twice, the last value counts.
    public init(dictionaryLiteral elements: (String, BoltValue)...) {
        self = .map(Dictionary(elements, uniquingKeysWith: { _, last in last }))
    }
}
