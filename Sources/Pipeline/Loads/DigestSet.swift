// Part of Lockstep. See LICENSE.

/// Digests of rows, by half of each: sixteen bytes a row, and no two rows that anybody will ever see have the same.
struct DigestSet {
    private var halves: ContiguousArray<UInt128> = []
    private var isSorted = true

    var count: Int { halves.count }

    /// Adds the digest that these hexadecimal digits write. Each is added once.
    ///
    /// - Returns: False where they are none.
    mutating func insert(_ digits: some Collection<UInt8>) -> Bool {
        guard let half = Self.half(digits) else { return false }
        halves.append(half)
        isSorted = false
        return true
    }

    mutating func contains(_ digits: String) -> Bool {
        guard let half = Self.half(digits.utf8) else { return false }
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

    /// Nil for what is no digest as SQL prints it.
    private static func half(_ digits: some Collection<UInt8>) -> UInt128? {
        guard digits.count == 64 else { return nil }
        var half: UInt128 = 0
        for (place, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if place < 32 { half = half << 4 | UInt128(value) }
        }
        return half
    }
}
