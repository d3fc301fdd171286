// Part of Lockstep. See LICENSE.

internal import Bolt

// `interval`. Binary: i64 microseconds, i32 days, i32 months. Text, by `IntervalStyle`:
//     iso_8601   P1Y2M-3DT-4H-5M-6.789S   PT0S
//     postgres   1 year 2 mons -3 days -04:05:06.789   00:00:00
// Graph: duration, structure `45`: months, days, seconds, nanoseconds; the last ones never negative, which is how
// Neo4j keeps it. From PostgreSQL 17 on there are infinite ones: the extremes of all three numbers.

private struct Interval {
    var months: Int64 = 0
    var days: Int64 = 0
    var microseconds: Int64 = 0

    var isInfinite: Bool {
        (months == Int64(Int32.max) && days == Int64(Int32.max) && microseconds == .max)
            || (months == Int64(Int32.min) && days == Int64(Int32.min) && microseconds == .min)
    }
}

extension ValueConversion {
    func encodeInterval(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        var interval = Interval()
        if isBinary {
            guard bytes.byteCount == 16 else { throw ValueError(.malformed) }
            interval.microseconds = try bytes.bigEndian(at: 0, as: Int64.self)
            interval.days = Int64(try bytes.bigEndian(at: 8, as: Int32.self))
            interval.months = Int64(try bytes.bigEndian(at: 12, as: Int32.self))
        } else {
            var cursor = TextCursor(bytes)
            interval = try cursor.interval()
        }
        guard !interval.isInfinite else { throw ValueError(.infinite) }
        let (seconds, microseconds) = floorDivide(interval.microseconds, by: 1_000_000)
        out.appendStructureHeader(tag: 0x45, fields: 4)
        out.append(interval.months)
        out.append(interval.days)
        out.append(seconds)
        out.append(microseconds * 1000)
    }
}

extension ValueConversion {
    /// Appends an infinite interval in binary form as PostgreSQL prints it: no other one fails to fit.
    func printInfiniteInterval(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        out.append(try bytes.bigEndian(at: 0, as: Int64.self) < 0 ? "-infinity" : "infinity")
    }
}

extension TextCursor {
    fileprivate mutating func interval() throws(ValueError) -> Interval {
        guard bytes.infinity == nil else { throw ValueError(.infinite) }
        return skip(UInt8(ascii: "P")) ? try isoInterval() : try postgresInterval()
    }

    /// Reads what follows the `P` of ISO 8601 as PostgreSQL writes it: each field with a sign of its own.
    private mutating func isoInterval() throws(ValueError) -> Interval {
        var interval = Interval()
        var isTime = false
        while !isAtEnd {
            if skip(UInt8(ascii: "T")) { isTime = true }
            let isNegative = sign()
            let count = try signedDigits(isNegative)
            let fraction = try microseconds()
            let unit = next
            position += 1
            switch (unit, isTime) {
            case (UInt8(ascii: "Y"), false): try add(count, times: 12, to: &interval.months)
            case (UInt8(ascii: "M"), false): try add(count, times: 1, to: &interval.months)
            case (UInt8(ascii: "D"), false): try add(count, times: 1, to: &interval.days)
            case (UInt8(ascii: "H"), true): try add(count, times: 3_600_000_000, to: &interval.microseconds)
            case (UInt8(ascii: "M"), true): try add(count, times: 60_000_000, to: &interval.microseconds)
            case (UInt8(ascii: "S"), true):
                try add(count, times: 1_000_000, to: &interval.microseconds)
                try add(isNegative ? -fraction : fraction, times: 1, to: &interval.microseconds)
            default: throw ValueError(.malformed)
            }
        }
        return interval
    }

    /// Reads the style `postgres`: counts with units, then a clock whose sign is that of all its fields.
    private mutating func postgresInterval() throws(ValueError) -> Interval {
        var interval = Interval()
        repeat {
            let isNegative = sign()
            let count = try signedDigits(isNegative)
            if skip(UInt8(ascii: ":")) {
                let minutes = try signedDigits(isNegative)
                try expect(UInt8(ascii: ":"))
                let seconds = try signedDigits(isNegative)
                let fraction = try microseconds()
                try add(count, times: 3_600_000_000, to: &interval.microseconds)
                try add(minutes, times: 60_000_000, to: &interval.microseconds)
                try add(seconds, times: 1_000_000, to: &interval.microseconds)
                try add(isNegative ? -fraction : fraction, times: 1, to: &interval.microseconds)
                try expectEnd()
            } else {
                try expect(UInt8(ascii: " "))
                if skip("year") {
                    try add(count, times: 12, to: &interval.months)
                } else if skip("mon") {
                    try add(count, times: 1, to: &interval.months)
                } else if skip("day") {
                    try add(count, times: 1, to: &interval.days)
                } else {
                    throw ValueError(.malformed)
                }
                _ = skip(UInt8(ascii: "s"))
            }
        } while skip(UInt8(ascii: " "))
        try expectEnd()
        return interval
    }

    private mutating func signedDigits(_ isNegative: Bool) throws(ValueError) -> Int64 {
        isNegative ? try negatedDigits() : try digits()
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.byteCount, bytes.extracting(position..<end).isEqual(to: word) else { return false }
        position = end
        return true
    }

    private func add(_ count: Int64, times unit: Int64, to sum: inout Int64) throws(ValueError) {
        let (product, over) = count.multipliedReportingOverflow(by: unit)
        let (result, beyond) = sum.addingReportingOverflow(product)
        guard !over, !beyond else { throw ValueError(.malformed) }
        sum = result
    }
}
