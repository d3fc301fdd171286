// Part of Lockstep. See LICENSE.

internal import Bolt

// The text forms of DateStyle ISO: `2024-02-29`, `0044-03-15 BC`, `294276-12-31 23:59:59.999999+00`,
// `04:05:06.789-07:30:15`. ` BC` stands at the very end, behind time and zone.

/// A day of the proleptic Gregorian calendar as PostgreSQL prints it; the year counts from 1 on either side of zero.
struct CalendarDay {
    var year: Int64
    var month: Int64
    var day: Int64

    /// Days since 1970-01-01.
    ///
    /// Counted in eras of 400 years from 1 March of year 0, so that a leap day is the last of its year.
    func daysSince1970(isBeforeChrist: Bool) -> Int64 {
        let shifted = (isBeforeChrist ? 1 - year : year) - (month <= 2 ? 1 : 0)
        let (era, yearOfEra) = floorDivide(shifted, by: 400)
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

/// Quotient and remainder with the remainder between 0 and `divisor`.
@inline(__always) func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
}

extension TextCursor {
    mutating func calendarDay() throws(ValueError) -> CalendarDay {
        let year = try digits()
        try expect(UInt8(ascii: "-"))
        let month = try digits()
        try expect(UInt8(ascii: "-"))
        let day = try digits()
        guard (1...9_999_999).contains(year), (1...12).contains(month), (1...31).contains(day) else {
            throw ValueError(.malformed)
        }
        return CalendarDay(year: year, month: month, day: day)
    }

    /// Reads ` BC` and the end, or the end.
    mutating func eraAndEnd() throws(ValueError) -> Bool {
        let isBeforeChrist = skip(UInt8(ascii: " "))
        if isBeforeChrist {
            try expect(UInt8(ascii: "B"))
            try expect(UInt8(ascii: "C"))
        }
        try expectEnd()
        return isBeforeChrist
    }

    /// Reads `hh:mm:ss[.ffffff]` as microseconds; 24:00:00 is the greatest.
    mutating func clock() throws(ValueError) -> Int64 {
        let hours = try digits()
        try expect(UInt8(ascii: ":"))
        let minutes = try digits()
        try expect(UInt8(ascii: ":"))
        let seconds = try digits()
        guard hours <= 24, minutes < 60, seconds < 60 else { throw ValueError(.malformed) }
        return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + (try microseconds())
    }

    /// Reads `+hh[:mm[:ss]]` as seconds east of Greenwich.
    mutating func zoneOffset() throws(ValueError) -> Int64 {
        guard next == UInt8(ascii: "+") || next == UInt8(ascii: "-") else { throw ValueError(.malformed) }
        let isWest = sign()
        var parts = InlineArray<3, Int64>(repeating: 0)
        parts[0] = try digits()
        for index in 1..<3 where skip(UInt8(ascii: ":")) { parts[index] = try digits() }
        guard parts[0] <= 18, parts[1] < 60, parts[2] < 60 else { throw ValueError(.malformed) }
        let seconds = (parts[0] * 60 + parts[1]) * 60 + parts[2]
        return isWest ? -seconds : seconds
    }
}

extension RawSpan {
    /// The least or the greatest number for the words that stand for the infinities.
    var infinity: Int64? { isEqual(to: "infinity") ? .max : isEqual(to: "-infinity") ? .min : nil }
}

/// Puts a date or time together, without allocating: it is the longest for `4714-11-24 00:00:00.000001+15:59:59 BC`.
struct CalendarText {
    private var characters = InlineArray<48, UInt8>(repeating: 0)
    private var count = 0

    mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { append(byte: unsafe text.utf8Start[index]) }
    }

    private mutating func append(byte: UInt8) {
        characters[count] = byte
        count += 1
    }

    /// Appends a number with zeros before it.
    private mutating func append(_ number: Int64, width: Int) {
        var unit: Int64 = 1
        var digits = 1
        while digits < width || number / unit >= 10 {
            unit *= 10
            digits += 1
        }
        while unit > 0 {
            append(byte: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / unit % 10))
            unit /= 10
        }
    }

    /// Appends a day, counted from 1970-01-01; true where ` BC` has to stand at the end.
    mutating func append(day days: Int64) -> Bool {
        // The way back of `daysSince1970`: eras of 400 years that begin on 1 March.
        let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        append(year > 0 ? year : 1 - year, width: 4)
        append("-")
        append(month, width: 2)
        append("-")
        append(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, width: 2)
        return year <= 0
    }

    /// Appends microseconds of a day as `hh:mm:ss[.ffffff]`, without zeros at the end.
    mutating func append(clock microseconds: Int64) {
        let (seconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        append(seconds / 3600, width: 2)
        append(":")
        append(seconds / 60 % 60, width: 2)
        append(":")
        append(seconds % 60, width: 2)
        guard fraction != 0 else { return }
        append(".")
        append(fraction, width: 6)
        while characters[count - 1] == UInt8(ascii: "0") { count -= 1 }
    }

    /// Appends seconds east of Greenwich as `+hh[:mm[:ss]]`.
    mutating func append(offset seconds: Int64) {
        append(seconds < 0 ? "-" : "+")
        let magnitude = abs(seconds)
        append(magnitude / 3600, width: 2)
        guard magnitude % 3600 != 0 else { return }
        append(":")
        append(magnitude / 60 % 60, width: 2)
        guard magnitude % 60 != 0 else { return }
        append(":")
        append(magnitude % 60, width: 2)
    }

    func append(to out: inout PackStreamBuffer) { unsafe out.appendString(characters.span.bytes.extracting(0..<count)) }
}
