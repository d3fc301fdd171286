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
    /// The days that fit, counted from 1970-01-01; the infinities are never among them.
    let days: ClosedRange<Int64>

    public static let yearsOfPostgreSQL = -4712...5_874_897
    /// The years of `nearest` where none are given: what every graph server and every driver's language can hold.
    public static let yearsOfNearest = 1...9999

    public init(
        otherwise: Otherwise = .error, nulls: Nulls = .error, dimensions: Dimensions = .error, scale: Int = 0,
        years: ClosedRange<Int>? = nil
    ) {
        self.otherwise = otherwise
        self.nulls = nulls
        self.dimensions = dimensions
        self.scale = scale
        let limits = years ?? (otherwise == .nearest ? Self.yearsOfNearest : nil)
        self.years = years
        days =
            limits.map { Self.firstDay(of: $0.lowerBound)...Self.firstDay(of: $0.upperBound + 1) - 1 }
            ?? -(1 << 40)...(1 << 40)
    }

    private static func firstDay(of year: Int) -> Int64 {
        let isBeforeChrist = year < 1
        return CalendarDay(year: Int64(isBeforeChrist ? 1 - year : year), month: 1, day: 1)
            .daysSince1970(isBeforeChrist: isBeforeChrist)
    }

    /// The years outside of which a value does not fit, if there are any.
    public var limitingYears: ClosedRange<Int>? { years ?? (otherwise == .nearest ? Self.yearsOfNearest : nil) }
}
