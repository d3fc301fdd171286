// Part of Lockstep. See LICENSE.

/// Blocks of a table, as ranges that neither touch nor overlap, in order.
///
/// Ranges are read nearly in order: a few numbers say what is done of a table of any size.
public struct BlockSet: Sendable, Equatable {
    public private(set) var ranges: [Range<UInt32>] = []

    public init() {}

    public var isEmpty: Bool { ranges.isEmpty }
    public var count: Int { ranges.reduce(0) { $0 + $1.count } }

    public mutating func insert(_ new: Range<UInt32>) {
        guard !new.isEmpty else { return }
        var merged = new
        var rest: [Range<UInt32>] = []
        for range in ranges {
            if range.upperBound < merged.lowerBound || range.lowerBound > merged.upperBound {
                rest.append(range)
            } else {
                merged = min(range.lowerBound, merged.lowerBound)..<max(range.upperBound, merged.upperBound)
            }
        }
        rest.append(merged)
        ranges = rest.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// What is left of `0..<end`, in pieces of at most `size` blocks.
    public func remaining(upTo end: UInt32, size: UInt32) -> [Range<UInt32>] {
        precondition(size > 0, "a piece has at least one block")
        var pieces: [Range<UInt32>] = []
        var next: UInt32 = 0
        for gap in ranges + [end..<max(end, ranges.last?.upperBound ?? 0)] {
            while next < min(gap.lowerBound, end) {
                let piece = next..<(next + min(size, min(gap.lowerBound, end) - next))
                pieces.append(piece)
                next = piece.upperBound
            }
            next = max(next, gap.upperBound)
        }
        return pieces
    }

    /// `0-120 130-140`.
    public var text: String { ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: " ") }

    /// Nil for what is no text of one.
    public init?(text: String) {
        for word in text.split(separator: " ") {
            let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { UInt32($0) }
            guard ends.count == 2, let first = ends[0], let end = ends[1], first < end else { return nil }
            insert(first..<end)
        }
    }
}
