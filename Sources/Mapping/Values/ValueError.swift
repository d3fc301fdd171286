// Part of Lockstep. See LICENSE.

/// A value that the chosen conversion cannot take over. It never holds the value itself.
///
/// Says what was wrong and what to choose; the caller adds table, column, key and LSN.
public struct ValueError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: UInt8, Sendable, CaseIterable {
        /// The bytes are no value of the column's type.
        case malformed
        /// A binary value of a type that is only taken as text.
        case binaryNotTaken
        /// An infinite date, timestamp or interval: the graph has none.
        case infinite
        /// A date or timestamp outside of the years that were asked for, or that the graph has.
        case outsideYears
        /// `24:00:00`: the graph's clock ends before it.
        case endOfDay
        /// A number with a fraction, or none at all, where an integer was asked for.
        case notWhole
        /// A number beyond what the asked-for type can hold.
        case outOfRange
        /// A NULL inside an array: the graph's lists hold none.
        case nullElement
        /// An array of several dimensions: the graph's lists hold no lists.
        case severalDimensions
        /// A geometry that is no point of two or three coordinates.
        case noPoint
        /// Coordinates that are infinite or no numbers, or beyond the earth's degrees.
        case noPlace
        /// Coordinates in a reference system that the graph does not know.
        case unknownReferenceSystem
        /// A part of a `json` value that is of another kind than what was asked for.
        case otherKind
    }

    public var reason: Reason

    public init(_ reason: Reason) { self.reason = reason }

    /// The value is fine, only the graph's type does not have it: what `otherwise` is for.
    var isOfValue: Bool { reason != .malformed && reason != .binaryNotTaken }

    /// What was met and what to do about it, as one sentence each.
    public var description: String { "\(finding) \(remedy)" }

    private var finding: String {
        switch reason {
        case .malformed: "The value's bytes do not have the form of the column's type."
        case .binaryNotTaken: "A binary value came for a column that is taken as text."
        case .infinite: "The value is infinite, which the graph's temporal types are not."
        case .outsideYears: "The value's year is outside of those that this column takes in the graph."
        case .endOfDay: "The time of day is 24:00:00, which the graph's time does not have."
        case .notWhole: "The number is no integer."
        case .outOfRange: "The number does not fit the type asked for."
        case .nullElement: "The array holds a NULL, which the graph's lists cannot."
        case .severalDimensions: "The array has several dimensions, and the graph's lists have one."
        case .noPoint: "The geometry is no point of two or three coordinates."
        case .noPlace: "The point's coordinates are infinite, no numbers, or beyond the earth's degrees."
        case .unknownReferenceSystem: "The point's reference system is neither 4326 nor none."
        case .otherKind: "The part of the document is of another kind than what the mapping asks for."
        }
    }

    private var remedy: String {
        switch reason {
        case .malformed: "If the column's type changed since the start, restart; otherwise report this."
        case .binaryNotTaken: "Report this."
        case .infinite, .outsideYears, .endOfDay, .outOfRange:
            "Choose `as: string` for this column, or `otherwise: null`, `string` or `nearest`."
        case .notWhole:
            "Choose `as: string`, `as: float` or a `scale` for this column, or `otherwise: null` or `string`."
        case .nullElement: "Choose `as: string` for this column, `nulls: drop`, or `otherwise: null` or `string`."
        case .severalDimensions:
            "Choose `as: string` for this column, `dimensions: flatten`, or `otherwise: null` or `string`."
        case .noPoint, .noPlace, .unknownReferenceSystem, .otherKind:
            "Choose `as: string` for this column, or `otherwise: null` or `string`."
        }
    }
}
