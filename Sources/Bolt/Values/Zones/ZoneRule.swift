// Part of Lockstep. See LICENSE.

/// How a zone's offset changes every year, in the form of the `TZ` variable: `CET-1CEST,M3.5.0,M10.5.0/3`.
///
/// Names, then the offset (positive is west of Greenwich), then the same for summer, then when summer begins and ends.
struct ZoneRule: Sendable {
    /// When the clocks change, counted on the clock that is changed.
    private enum Day {
        /// The `week`th (5 is the last) `weekday` (0 is Sunday) of a month.
        case weekday(month: Int, week: Int, weekday: Int)
        /// From 1; the 29th of February is never counted.
        case julian(Int)
        /// From 0, with the 29th of February.
        case ordinal(Int)
    }

    private struct Change {
        var day: Day
        var seconds: Int64 = 7200
    }

    private struct Summer {
        let offset: Int64
        let begin: Change
        let end: Change
    }

    private let standard: Int64
    private let summer: Summer?

    init?(_ text: some Sequence<UInt8>) {
        var text = Text(text)
        guard text.skipName(), let west = text.time() else { return nil }
        standard = -west
        guard !text.isAtEnd else {
            summer = nil
            return
        }
        guard text.skipName() else { return nil }
        var offset = standard + 3600
        if !text.skip(","), let west = text.time(), text.skip(",") { offset = -west }
        guard let begin = Self.change(&text), text.skip(","), let end = Self.change(&text) else { return nil }
        summer = Summer(offset: offset, begin: begin, end: end)
    }

    private static func change(_ text: inout Text) -> Change? {
        var change: Change
        if text.skip("M") {
            guard let month = text.number(), text.skip("."), let week = text.number(), text.skip("."),
                let weekday = text.number(), (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
            else { return nil }
            change = Change(day: .weekday(month: month, week: week, weekday: weekday))
        } else if text.skip("J") {
            guard let day = text.number(), (1...365).contains(day) else { return nil }
            change = Change(day: .julian(day))
        } else {
            guard let day = text.number(), (0...365).contains(day) else { return nil }
            change = Change(day: .ordinal(day))
        }
        if text.skip("/") {
            guard let seconds = text.time() else { return nil }
            change.seconds = seconds
        }
        return change
    }

    func offset(at seconds: Int64) -> Int64 {
        guard let summer else { return standard }
        // The calendar repeats itself every 400 years, weekdays included.
        let period: Int64 = 146_097 * 86_400
        let seconds = (seconds % period + period) % period
        let year = Calendar.year(ofDay: (seconds + standard) / 86_400)
        let begin = Self.seconds(summer.begin, year) - standard
        let end = Self.seconds(summer.end, year) - summer.offset
        let isSummer = begin < end ? seconds >= begin && seconds < end : seconds < end || seconds >= begin
        return isSummer ? summer.offset : standard
    }

    /// The moment as the clock shows it, since 1970.
    private static func seconds(_ change: Change, _ year: Int64) -> Int64 {
        let january = Calendar.day(year, 1, 1)
        let day: Int64
        switch change.day {
        case .ordinal(let number): day = january + Int64(number)
        case .julian(let number):
            let isLeap = Calendar.day(year, 3, 1) - january == 60
            day = january + Int64(number - (isLeap && number >= 60 ? 0 : 1))
        case .weekday(let month, let week, let weekday):
            let first = Calendar.day(year, Int64(month), 1)
            let next = month == 12 ? Calendar.day(year + 1, 1, 1) : Calendar.day(year, Int64(month) + 1, 1)
            // 1970-01-01 was a Thursday.
            let firstWeekday = ((first + 4) % 7 + 7) % 7
            var found = first + (Int64(weekday) - firstWeekday + 7) % 7 + Int64(week - 1) * 7
            while found >= next { found -= 7 }
            day = found
        }
        return day * 86_400 + change.seconds
    }
}

/// Days of the Gregorian calendar, counted from 1970-01-01.
private enum Calendar {
    /// Years are counted from March here, so that the day that may be missing is the last.
    static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func year(ofDay day: Int64) -> Int64 {
        // At most one too early within the 400 years that are looked at.
        let year = 1970 + day / 366
        return Self.day(year + 1, 1, 1) <= day ? year + 1 : year
    }
}

/// The text of a rule, read from the front.
private struct Text {
    private var rest: ArraySlice<UInt8>
    var isAtEnd: Bool { rest.isEmpty }

    init(_ text: some Sequence<UInt8>) { rest = Array(text)[...] }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// `CET` or `<+0330>`.
    mutating func skipName() -> Bool {
        if skip("<") {
            guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
            rest = rest[(end + 1)...]
            return true
        }
        let name = rest.prefix { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }
        rest = rest[name.endIndex...]
        return name.count >= 3
    }

    mutating func number() -> Int? {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        guard (1...4).contains(digits.count) else { return nil }
        rest = rest[digits.endIndex...]
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    /// `[+-]h[:mm[:ss]]` in seconds.
    mutating func time() -> Int64? {
        let isNegative = skip("-")
        if !isNegative { _ = skip("+") }
        guard let hours = number() else { return nil }
        var seconds = Int64(hours) * 3600
        for unit in [60, 1] as [Int64] where skip(":") {
            guard let part = number() else { return nil }
            seconds += Int64(part) * unit
        }
        return isNegative ? -seconds : seconds
    }
}
