// Part of Lockstep. See LICENSE.

internal import Bolt
internal import Mapping

/// What a graph server makes of values that it stores.
struct GraphDialect {
    /// A date-time comes back as the local date-time of UTC: ArcadeDB.
    var losesZones = false
}

extension PackStreamBuffer {
    /// Appends the next value of a record in the form that the conversion gives it, where it means the same; a value of
    /// another type as it is.
    mutating func appendCanonical(
        _ reader: inout PackStreamReader, as conversion: ValueConversion, _ dialect: GraphDialect
    ) throws(PackStreamError) {
        guard conversion.isList, try reader.nextKind() == .list else {
            return try appendCanonicalScalar(&reader, as: conversion.target, dialect)
        }
        let count = try reader.readListHeader()
        appendListHeader(count)
        for _ in 0..<count { try appendCanonicalScalar(&reader, as: conversion.target, dialect) }
    }

    private mutating func appendCanonicalScalar(
        _ reader: inout PackStreamReader, as target: ValueConversion.Target, _ dialect: GraphDialect
    ) throws(PackStreamError) {
        switch try reader.nextKind() {
        case .integer: append(try reader.readInteger())
        case .string: appendString(try reader.readStringBytes())
        case .float:
            let value = try reader.readFloat()
            append(value.isNaN ? .nan : value)
        case .structure: appendCanonicalTemporal(try reader.readValue(), as: target, dialect)
        default: appendRaw(try reader.readRawValue())
        }
    }

    private mutating func appendCanonicalTemporal(
        _ value: BoltValue, as target: ValueConversion.Target, _ dialect: GraphDialect
    ) {
        switch (value, target) {
        case (.dateTime(let seconds, let nanoseconds, _), .dateTime),
            (.dateTimeZone(let seconds, let nanoseconds, _), .dateTime):
            // The same instant, whatever the zone.
            append(.dateTime(seconds: seconds, nanoseconds: nanoseconds, offsetSeconds: 0))
        case (.localDateTime(let seconds, let nanoseconds), .dateTime) where dialect.losesZones:
            append(.dateTime(seconds: seconds, nanoseconds: nanoseconds, offsetSeconds: 0))
        default:
            append(value)
        }
    }
}
