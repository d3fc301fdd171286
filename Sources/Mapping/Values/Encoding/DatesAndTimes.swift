// Part of Lockstep. See LICENSE.

internal import Bolt

// | type | binary | graph | structure |
// |---|---|---|---|
// | `date` | i32 days since 2000-01-01 | date | `44`: days since 1970-01-01 |
// | `time` | i64 microseconds | local time | `74`: nanoseconds |
// | `timetz` | i64 microseconds, i32 seconds *west* | time | `54`: nanoseconds of the local clock, seconds *east* |
// | `timestamp` | i64 microseconds since 2000-01-01 | local date-time | `64`: seconds since 1970-01-01, nanoseconds |
// | `timestamptz` | the same, UTC | date-time | `49`: UTC seconds since 1970, nanoseconds, offset; `69` with a zone's name instead |
//
// The least and the greatest number mean -infinity and infinity. PostgreSQL's years, 4713 BC to 5874897, all fit Bolt;
// what a column takes of them is its policy's.

private let daysFrom1970To2000: Int64 = 10_957
private let secondsFrom1970To2000: Int64 = daysFrom1970To2000 * 86_400
private let microsecondsOfDay: Int64 = 86_400_000_000

/// Seconds and microseconds of a moment since 1970-01-01; the extremes stand for the infinities.
private struct Moment {
    var seconds: Int64
    var microseconds: Int64 = 0
    var offset: Int64 = 0
}

extension ValueConversion {
    @inline(__always)
    func encodeDate(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        var days = isBinary ? try binaryDate(bytes) : try textDate(bytes)
        if !policy.days.contains(days) { days = try nearestDay(days) }
        out.appendStructureHeader(tag: 0x44, fields: 1)
        out.append(days)
    }

    /// The end of the range that a day is beyond.
    private func nearestDay(_ day: Int64) throws(ValueError) -> Int64 {
        guard policy.otherwise == .nearest else {
            throw ValueError(day == .min || day == .max ? .infinite : .outsideYears)
        }
        return day < policy.days.lowerBound ? policy.days.lowerBound : policy.days.upperBound
    }

    @inline(__always)
    private func binaryDate(_ bytes: RawSpan) throws(ValueError) -> Int64 {
        switch try bytes.bigEndian(as: Int32.self) {
        case .min: .min
        case .max: .max
        case let value: Int64(value) + daysFrom1970To2000
        }
    }

    private func textDate(_ bytes: RawSpan) throws(ValueError) -> Int64 {
        if let infinity = bytes.infinity { return infinity }
        var cursor = TextCursor(bytes)
        let day = try cursor.calendarDay()
        return day.daysSince1970(isBeforeChrist: try cursor.eraAndEnd())
    }

    @inline(__always)
    func encodeTimestamp(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        var moment = isBinary ? try binaryTimestamp(bytes) : try textTimestamp(bytes)
        let days = policy.days
        if moment.seconds < days.lowerBound * 86_400 || moment.seconds >= (days.upperBound + 1) * 86_400 {
            moment = try nearestMoment(moment)
        }
        let hasZone = source == .timestamptz
        if case .named? = policy.zone { return append(moment, to: &out) }
        out.appendStructureHeader(tag: hasZone ? 0x49 : 0x64, fields: hasZone ? 3 : 2)
        out.append(moment.seconds)
        out.append(moment.microseconds * 1000)
        if hasZone { out.append(offset) }
    }

    /// Seconds ahead of UTC.
    private var offset: Int64 { if case .offset(let seconds)? = policy.zone { Int64(seconds) } else { 0 } }

    /// In a zone that has a name.
    private func append(_ moment: Moment, to out: inout PackStreamBuffer) {
        guard case .named(let name)? = policy.zone else { return }
        out.appendStructureHeader(tag: 0x69, fields: 3)
        out.append(moment.seconds)
        out.append(moment.microseconds * 1000)
        out.append(name)
    }

    private func nearestMoment(_ moment: Moment) throws(ValueError) -> Moment {
        guard policy.otherwise == .nearest else {
            throw ValueError(moment.seconds == .min || moment.seconds == .max ? .infinite : .outsideYears)
        }
        let first = policy.days.lowerBound * 86_400
        if moment.seconds < first { return Moment(seconds: first) }
        return Moment(seconds: (policy.days.upperBound + 1) * 86_400 - 1, microseconds: 999_999)
    }

    @inline(__always)
    private func binaryTimestamp(_ bytes: RawSpan) throws(ValueError) -> Moment {
        let value = try bytes.bigEndian(as: Int64.self)
        if value == .min || value == .max { return Moment(seconds: value) }
        let (seconds, microseconds) = floorDivide(value, by: 1_000_000)
        return Moment(seconds: seconds + secondsFrom1970To2000, microseconds: microseconds)
    }

    private func textTimestamp(_ bytes: RawSpan) throws(ValueError) -> Moment {
        if let infinity = bytes.infinity { return Moment(seconds: infinity) }
        var cursor = TextCursor(bytes)
        let day = try cursor.calendarDay()
        try cursor.expect(UInt8(ascii: " "))
        let (secondOfDay, microseconds) = floorDivide(try cursor.clock(), by: 1_000_000)
        let offset = source == .timestamptz ? try cursor.zoneOffset() : 0
        let days = day.daysSince1970(isBeforeChrist: try cursor.eraAndEnd())
        return Moment(seconds: days * 86_400 + secondOfDay - offset, microseconds: microseconds)
    }

    @inline(__always)
    func encodeTime(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let hasZone = source == .timetz
        var clock = isBinary ? try binaryTime(bytes) : try textTime(bytes)
        if clock.microseconds == microsecondsOfDay {
            guard policy.otherwise == .nearest else { throw ValueError(.endOfDay) }
            clock.microseconds -= 1
        }
        out.appendStructureHeader(tag: hasZone ? 0x54 : 0x74, fields: hasZone ? 2 : 1)
        out.append(clock.microseconds * 1000)
        if hasZone { out.append(clock.offset) }
    }

    /// Microseconds of the day, and seconds east of Greenwich.
    @inline(__always)
    private func binaryTime(_ bytes: RawSpan) throws(ValueError) -> Moment {
        let hasZone = source == .timetz
        guard bytes.byteCount == (hasZone ? 12 : 8) else { throw ValueError(.malformed) }
        var clock = Moment(seconds: 0, microseconds: try bytes.bigEndian(at: 0, as: Int64.self))
        if hasZone { clock.offset = -Int64(try bytes.bigEndian(at: 8, as: Int32.self)) }
        return try checked(clock)
    }

    private func textTime(_ bytes: RawSpan) throws(ValueError) -> Moment {
        var cursor = TextCursor(bytes)
        var clock = Moment(seconds: 0, microseconds: try cursor.clock())
        if source == .timetz { clock.offset = try cursor.zoneOffset() }
        try cursor.expectEnd()
        return try checked(clock)
    }

    @inline(__always)
    private func checked(_ clock: Moment) throws(ValueError) -> Moment {
        guard (0...microsecondsOfDay).contains(clock.microseconds), (-64_800...64_800).contains(clock.offset) else {
            throw ValueError(.malformed)
        }
        return clock
    }

    /// Appends a date, time or timestamp in binary form as PostgreSQL prints it, a `timestamptz` in UTC.
    func printMoment(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        var text = CalendarText()
        switch source {
        case .date:
            let days = try binaryDate(bytes)
            if days == .min || days == .max { return out.append(days < 0 ? "-infinity" : "infinity") }
            let isBeforeChrist = text.append(day: days)
            if isBeforeChrist { text.append(" BC") }
        case .time, .timetz:
            let clock = try binaryTime(bytes)
            text.append(clock: clock.microseconds)
            if source == .timetz { text.append(offset: clock.offset) }
        default:
            let moment = try binaryTimestamp(bytes)
            if moment.seconds == .min || moment.seconds == .max {
                return out.append(moment.seconds < 0 ? "-infinity" : "infinity")
            }
            let (days, second) = floorDivide(moment.seconds, by: 86_400)
            let isBeforeChrist = text.append(day: days)
            text.append(" ")
            text.append(clock: second * 1_000_000 + moment.microseconds)
            if source == .timestamptz { text.append("+00") }
            if isBeforeChrist { text.append(" BC") }
        }
        text.append(to: &out)
    }
}
