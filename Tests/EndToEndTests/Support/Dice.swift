// Part of Lockstep. See LICENSE.

import Foundation

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Dice: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// The seed that `LOCKSTEP_SEED` names, or another one each time.
    static var thrown: Dice {
        let wanted = ProcessInfo.processInfo.environment["LOCKSTEP_SEED"].flatMap { UInt64($0) }
        return Dice(seed: wanted ?? UInt64.random(in: 1...1 << 53))
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }

    mutating func one<Element>(of elements: [Element]) -> Element { elements[pick(elements.count)] }

    /// True so many times in a hundred.
    mutating func percent(_ share: Int) -> Bool { pick(100) < share }
}
