// Part of Lockstep. See LICENSE.

/// The tag bytes of structures that are values.
///
/// | tag | structure | fields |
/// |---|---|---|
/// | `4E` | node | id, labels, properties, from 5.0: element id |
/// | `52` | relationship | id, start, end, type, properties, from 5.0: element id, start's, end's |
/// | `72` | relationship in a path | id, type, properties, from 5.0: element id |
/// | `50` | path | nodes, relationships, indices |
/// | `44` | date | days |
/// | `74` | local time | nanoseconds |
/// | `54` | time | nanoseconds, offset in seconds |
/// | `64` | local date-time | seconds, nanoseconds |
/// | `49` | date-time | UTC seconds, nanoseconds, offset in seconds |
/// | `69` | date-time with zone | UTC seconds, nanoseconds, zone |
/// | `46` | date-time, legacy | local seconds, nanoseconds, offset: read only |
/// | `45` | duration | months, days, seconds, nanoseconds |
/// | `58` `59` | point of 2, of 3 dimensions | SRID, x, y, z |
/// | `56` | vector | type marker as bytes, data as bytes |
/// | `3F` | value of an unsupported type | name, major, minor version that has it, map with `message` or without |
///
/// The legacy date-time with a zone (`66`) stays a plain structure here: its local seconds are ambiguous where clocks are
/// set back, and turning them into UTC needs a zone database, which the driver asks (`withUTCTimes`).
enum StructureTag {
    static let node: UInt8 = 0x4E
    static let relationship: UInt8 = 0x52
    static let unboundRelationship: UInt8 = 0x72
    static let path: UInt8 = 0x50
    static let date: UInt8 = 0x44
    static let localTime: UInt8 = 0x74
    static let time: UInt8 = 0x54
    static let localDateTime: UInt8 = 0x64
    static let dateTime: UInt8 = 0x49
    static let dateTimeZone: UInt8 = 0x69
    static let legacyDateTime: UInt8 = 0x46
    static let legacyDateTimeZone: UInt8 = 0x66
    static let unsupported: UInt8 = 0x3F
    static let duration: UInt8 = 0x45
    static let point2D: UInt8 = 0x58
    static let point3D: UInt8 = 0x59
    static let vector: UInt8 = 0x56
}
