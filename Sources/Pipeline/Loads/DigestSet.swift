// Part of Lockstep. See LICENSE.

/// Digests of rows, by half of each: sixteen bytes a row, and no two rows that anybody will ever see have the same.
struct DigestSet {
    fileprivate struct Half: Comparable {
        var high: UInt64
        var low: UInt64

        static func < (a: Half, b: Half) -> Bool { (a.high, a.low) < (b.high, b.low) }
    }

    private var halves: ContiguousArray<Half> = []
    private var isSorted = true

    var count: Int { halves.count }

    /// Adds the digest that these hexadecimal digits write. Each is added once.
    ///
    /// - Returns: False where they are none.
    mutating func insert(_ digits: some Collection<UInt8>) -> Bool {
        guard let half = Half(digits) else { return false }
        halves.append(half)
        isSorted = false
        return true
    }

    mutating func contains(_ digits: String) -> Bool {
        guard let half = Half(digits.utf8) else { return false }
        if !isSorted { halves.sort() }
        isSorted = true
        var range = 0..<halves.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if halves[middle] == half { return true }
            range = halves[middle] < half ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return false
    }
}

extension DigestSet.Half {
    /// Nil for what is no digest as SQL prints it.
    fileprivate init?(_ digits: some Collection<UInt8>) {
        guard digits.count == 64 else { return nil }
        var parts: [UInt64] = [0, 0, 0, 0]
        for (place, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            parts[place / 16] = parts[place / 16] << 4 | UInt64(value)
        }
        self.init(high: parts[0], low: parts[1])
    }
}
