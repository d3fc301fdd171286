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
    }

    public var reason: Reason

    public init(_ reason: Reason) { self.reason = reason }

    /// What was met and what to do about it, as one sentence each.
    public var description: String {
        switch reason {
        case .malformed:
            "The value's bytes do not have the form of the column's type. "
                + "If the column's type changed since the start, restart; otherwise report this."
        case .binaryNotTaken:
            "A binary value came for a column that is taken as text. Report this."
        case .infinite:
            "The value is infinite, which the graph's temporal types are not. "
                + "Choose `as: string` for this column."
        case .endOfDay:
            "The time of day is 24:00:00, which the graph's time does not have. "
                + "Choose `as: string` for this column."
        case .notWhole:
            "The number is no integer. Choose `as: string` or `as: float` for this column."
        case .outOfRange:
            "The number does not fit the type asked for. Choose `as: string` for this column."
        case .nullElement:
            "The array holds a NULL, which the graph's lists cannot. "
                + "Choose `as: string` for this column."
        case .severalDimensions:
            "The array has several dimensions, and the graph's lists have one. "
                + "Choose `as: string` for this column."
        }
    }
}
