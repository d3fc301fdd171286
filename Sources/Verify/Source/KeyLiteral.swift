// Part of Lockstep. See LICENSE.

package import Bolt
internal import PostgreSQL

extension BoltValue {
    /// The value as a literal that PostgreSQL reads, to be cast to the column's type; nil where it is no value that a
    /// conversion gives.
    ///
    /// The way back from ``ValueConversion``. It need not succeed for every value: the literal may not be one of the
    /// column's type, for a node that no row made.
    package var sqlLiteral: String? { sqlText.map(QualifiedName.literal) }

    /// For findings.
    var printed: String {
        switch self {
        case .null: "null"
        case .integer(let value): String(value)
        case .boolean(let value): String(value)
        default: sqlLiteral ?? "a value that no row has"
        }
    }

    private var sqlText: String? {
        switch self {
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .float(let value):
            return value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : "\(value)"
        case .string(let value): return value.utf8.contains(0) ? nil : value
        case .bytes(let value): return "\\x" + value.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        case .date(let days): return Self.day(days)
        case .localTime(let nanoseconds): return Self.clock(nanoseconds)
        case .time(let nanoseconds, let offset):
            return Self.clock(nanoseconds).map { $0 + Self.offset(offset) }
        case .localDateTime(let seconds, let nanoseconds): return Self.moment(seconds, nanoseconds, zone: "")
        case .dateTime(let seconds, let nanoseconds, _), .dateTimeZone(let seconds, let nanoseconds, _):
            return Self.moment(seconds, nanoseconds, zone: "+00")
        case .duration(let months, let days, let seconds, let nanoseconds):
            // A fraction has the sign of the whole seconds in front of it.
            let isBelowZero = seconds < 0 && nanoseconds > 0
            let whole = isBelowZero ? seconds + 1 : seconds
            let fraction = isBelowZero ? 1_000_000_000 - Int64(nanoseconds) : Int64(nanoseconds)
            let sign = seconds < 0 && whole == 0 ? "-" : ""
            return "P\(months)M\(days)DT\(sign)\(whole).\(Self.padded(fraction / 1000, 6))S"
        case .list(let values):
            var elements: [String] = []
            for value in values {
                guard let text = value.sqlText else { return nil }
                let escaped = text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }
                elements.append("\"\(String(escaped))\"")
            }
            return "{\(elements.joined(separator: ","))}"
        case .null, .map, .point, .node, .relationship, .path, .vector, .uuid, .unsupported, .structure: return nil
        }
    }

    private static func padded(_ value: some BinaryInteger, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func clock(_ nanoseconds: Int64) -> String? {
        guard (0..<86_400_000_000_000).contains(nanoseconds), nanoseconds % 1000 == 0 else { return nil }
        let (seconds, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
            + ".\(padded(fraction / 1000, 6))"
    }

    private static func offset(_ seconds: Int32) -> String {
        let magnitude = seconds.magnitude
        return (seconds < 0 ? "-" : "+") + padded(magnitude / 3600, 2) + ":" + padded(magnitude / 60 % 60, 2) + ":"
            + padded(magnitude % 60, 2)
    }

    private static func moment(_ seconds: Int64, _ nanoseconds: Int32, zone: String) -> String? {
        let (quotient, remainder) = seconds.quotientAndRemainder(dividingBy: 86_400)
        let secondOfDay = remainder < 0 ? remainder + 86_400 : remainder
        guard let day = day(remainder < 0 ? quotient - 1 : quotient),
            let clock = clock(secondOfDay * 1_000_000_000 + Int64(nanoseconds))
        else { return nil }
        let isBeforeChrist = day.hasSuffix(" BC")
        return (isBeforeChrist ? String(day.dropLast(3)) : day) + " \(clock)\(zone)" + (isBeforeChrist ? " BC" : "")
    }

    /// A day as `yyyy-mm-dd`, with ` BC` where it is; nil outside of PostgreSQL's years.
    private static func day(_ daysSince1970: Int64) -> String? {
        guard (-2_440_588...2_145_042_905).contains(daysSince1970) else { return nil }
        // Eras of 400 years that begin on 1 March, the first one before all of PostgreSQL's days.
        let days = daysSince1970 + 719_468 + 146_097 * 20
        let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = (era - 20) * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        let printed = "\(padded(year > 0 ? year : 1 - year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        return year > 0 ? printed : printed + " BC"
    }
}
