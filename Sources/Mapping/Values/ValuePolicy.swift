// Part of Lockstep. See LICENSE.

/// What becomes of values that a column's graph type does not have. Chosen in the mapping file, column by column; what
/// is not chosen is an error, so that nothing is lost unasked.
public struct ValuePolicy: Sendable, Hashable {
    /// What becomes of the whole value where the graph type does not have it.
    public enum Otherwise: String, Sendable, Hashable, CaseIterable {
        case error
        /// The property is absent.
        case null
        /// The value as PostgreSQL prints it.
        case string
        /// The end of the type's range that the value is beyond.
        case nearest
    }

    /// What becomes of NULLs inside an array.
    public enum Nulls: String, Sendable, Hashable, CaseIterable { case error, drop }

    /// What becomes of an array of several dimensions.
    public enum Dimensions: String, Sendable, Hashable, CaseIterable {
        case error
        /// One list of all elements, row by row.
        case flatten
    }

    public let otherwise: Otherwise
    public let nulls: Nulls
    public let dimensions: Dimensions
    /// An integer is the number times 10 to this power, 0 to 18.
    public let scale: Int
    /// The years that fit, as ISO 8601 counts: 0 is 1 BC. Nil: all that PostgreSQL has.
    public let years: ClosedRange<Int>?
    /// The zone that a moment is given in; nil: UTC.
    public let zone: Zone?
    /// The days that fit, counted from 1970-01-01; the infinities are never among them.
    let days: ClosedRange<Int64>

    /// A zone of the graph's date-times. The instant is the same in all of them.
    public enum Zone: Sendable, Hashable, CustomStringConvertible {
        /// Seconds ahead of UTC, up to 18 hours.
        case offset(Int32)
        /// IANA's name, `Europe/Berlin`: the graph knows its offset at each instant.
        case named(String)

        /// - Parameter text: `UTC`, `+05:30`, `Europe/Berlin`.
        public init?(_ text: String) {
            if let sign = text.first, sign == "+" || sign == "-" {
                let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
                let numbers = parts.compactMap { $0.count == 2 ? Int32($0) : nil }
                guard numbers.count == parts.count, numbers.count == 2, numbers[0] <= 18, (0..<60).contains(numbers[1]),
                    numbers[0] < 18 || numbers[1] == 0
                else { return nil }
                self = .offset((numbers[0] * 60 + numbers[1]) * (sign == "-" ? -60 : 60))
            } else {
                let isName = text.utf8.allSatisfy {
                    (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                        || "/_-+".utf8.contains($0)
                }
                guard isName, text.first?.isLetter == true else { return nil }
                self = text == "UTC" ? .offset(0) : .named(text)
            }
        }

        public var description: String {
            switch self {
            case .offset(0): "UTC"
            case .offset(let seconds):
                (seconds < 0 ? "-" : "+")
                    + [abs(seconds) / 3600, abs(seconds) / 60 % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
                    .joined(separator: ":")
            case .named(let name): name
            }
        }
    }

    public static let yearsOfPostgreSQL = -4712...5_874_897
    /// The years of `nearest` where none are given: what every graph server and every driver's language can hold.
    public static let yearsOfNearest = 1...9999

    public init(
        otherwise: Otherwise = .error, nulls: Nulls = .error, dimensions: Dimensions = .error, scale: Int = 0,
        years: ClosedRange<Int>? = nil, zone: Zone? = nil
    ) {
        self.otherwise = otherwise
        self.nulls = nulls
        self.dimensions = dimensions
        self.scale = scale
        self.zone = zone
        let limits = years ?? (otherwise == .nearest ? Self.yearsOfNearest : nil)
        self.years = years
        days =
            limits.map { Self.firstDay(of: $0.lowerBound)...Self.firstDay(of: $0.upperBound + 1) - 1 }
            ?? -(1 << 40)...(1 << 40)
    }

    /// The same without a zone.
    public var inUTC: ValuePolicy {
        ValuePolicy(otherwise: otherwise, nulls: nulls, dimensions: dimensions, scale: scale, years: years)
    }

    private static func firstDay(of year: Int) -> Int64 {
        let isBeforeChrist = year < 1
        return CalendarDay(year: Int64(isBeforeChrist ? 1 - year : year), month: 1, day: 1)
            .daysSince1970(isBeforeChrist: isBeforeChrist)
    }

    /// The years outside of which a value does not fit, if there are any.
    public var limitingYears: ClosedRange<Int>? { years ?? (otherwise == .nearest ? Self.yearsOfNearest : nil) }
}
