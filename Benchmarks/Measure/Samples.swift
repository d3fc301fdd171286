// Part of Lockstep. See LICENSE.

import Foundation

/// Measured values of one thing.
struct Samples {
    private(set) var sorted: [Double]

    init(_ values: [Double]) { sorted = values.sorted() }

    var median: Double {
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    var least: Double { sorted.first ?? .nan }
    var greatest: Double { sorted.last ?? .nan }

    /// The value that `percent` of the samples do not exceed.
    func percentile(_ percent: Double) -> Double {
        guard !sorted.isEmpty else { return .nan }
        let rank = Int((Double(sorted.count) * percent / 100).rounded(.up)) - 1
        return sorted[min(max(rank, 0), sorted.count - 1)]
    }

    /// The median and, in brackets, the least and the greatest.
    func text(_ decimals: Int = 2, _ unit: String = "") -> String {
        let suffix = unit.isEmpty ? "" : " " + unit
        return "\(fixed(median, decimals))\(suffix) (\(fixed(least, decimals))-\(fixed(greatest, decimals)))"
    }
}

func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

/// A checksum that shows that work was done, and the same work.
func checksum(_ sum: UInt64) -> String { String(sum, radix: 16) }
