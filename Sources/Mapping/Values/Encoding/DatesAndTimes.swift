// Part of Lockstep. See LICENSE.

internal import Bolt

// | type | binary | graph | structure |
// |---|---|---|---|
// | `date` | i32 days since 2000-01-01 | date | `44`: days since 1970-01-01 |
// | `time` | i64 microseconds | local time | `74`: nanoseconds |
// | `timetz` | i64 microseconds, i32 seconds *west* | time | `54`: nanoseconds of the local clock, seconds *east* |
// | `timestamp` | i64 microseconds since 2000-01-01 | local date-time | `64`: seconds since 1970-01-01, nanoseconds |
// | `timestamptz` | the same, UTC | date-time | `49`: UTC seconds since 1970, nanoseconds, offset, always 0 |
//
// The least and the greatest number mean -infinity and infinity. PostgreSQL's years, 4713 BC to 5874897, all fit.

private let daysFrom1970To2000: Int64 = 10_957
private let secondsFrom1970To2000: Int64 = daysFrom1970To2000 * 86_400
private let microsecondsOfDay: Int64 = 86_400_000_000

extension ValueConversion {
    @inline(__always)
    func encodeDate(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let days: Int64
        if isBinary {
            let value = try bytes.bigEndian(as: Int32.self)
            guard value != .min, value != .max else { throw ValueError(.infinite) }
            days = Int64(value) + daysFrom1970To2000
        } else {
            days = try textDate(bytes)
        }
        out.appendStructureHeader(tag: 0x44, fields: 1)
        out.append(days)
    }

    private func textDate(_ bytes: RawSpan) throws(ValueError) -> Int64 {
        guard !bytes.isInfinityText else { throw ValueError(.infinite) }
        var cursor = TextCursor(bytes)
        let day = try cursor.calendarDay()
        return day.daysSince1970(isBeforeChrist: try cursor.eraAndEnd())
    }

    @inline(__always)
    func encodeTimestamp(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let seconds: Int64
        let microseconds: Int64
        if isBinary {
            let value = try bytes.bigEndian(as: Int64.self)
            guard value != .min, value != .max else { throw ValueError(.infinite) }
            let (quotient, remainder) = floorDivide(value, by: 1_000_000)
            (seconds, microseconds) = (quotient + secondsFrom1970To2000, remainder)
        } else {
            (seconds, microseconds) = try textTimestamp(bytes)
        }
        let hasZone = source == .timestamptz
        out.appendStructureHeader(tag: hasZone ? 0x49 : 0x64, fields: hasZone ? 3 : 2)
        out.append(seconds)
        out.append(microseconds * 1000)
        if hasZone { out.append(0 as Int64) }
    }

    private func textTimestamp(_ bytes: RawSpan) throws(ValueError) -> (seconds: Int64, microseconds: Int64) {
        guard !bytes.isInfinityText else { throw ValueError(.infinite) }
        var cursor = TextCursor(bytes)
        let day = try cursor.calendarDay()
        try cursor.expect(UInt8(ascii: " "))
        let (secondOfDay, microseconds) = floorDivide(try cursor.clock(), by: 1_000_000)
        let offset = source == .timestamptz ? try cursor.zoneOffset() : 0
        let days = day.daysSince1970(isBeforeChrist: try cursor.eraAndEnd())
        return (days * 86_400 + secondOfDay - offset, microseconds)
    }

    @inline(__always)
    func encodeTime(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let hasZone = source == .timetz
        var microseconds: Int64
        var offset: Int64 = 0
        if isBinary {
            guard bytes.byteCount == (hasZone ? 12 : 8) else { throw ValueError(.malformed) }
            microseconds = try bytes.bigEndian(at: 0, as: Int64.self)
            if hasZone { offset = -Int64(try bytes.bigEndian(at: 8, as: Int32.self)) }
        } else {
            var cursor = TextCursor(bytes)
            microseconds = try cursor.clock()
            if hasZone { offset = try cursor.zoneOffset() }
            try cursor.expectEnd()
        }
        guard microseconds != microsecondsOfDay else { throw ValueError(.endOfDay) }
        guard (0..<microsecondsOfDay).contains(microseconds), (-64_800...64_800).contains(offset) else {
            throw ValueError(.malformed)
        }
        out.appendStructureHeader(tag: hasZone ? 0x54 : 0x74, fields: hasZone ? 2 : 1)
        out.append(microseconds * 1000)
        if hasZone { out.append(offset) }
    }
}
