// Part of Lockstep. See LICENSE.

/// Remembers for some rows which target each foreign key had when it was last written, so that an update that leaves it as
/// it was costs no relationship work: with the default replica identity the stream does not say what was before.
///
/// A fixed table of hashes; what falls out is simply written again. It is right because it sees every change in order and
/// lives no longer than the connection to the graph. An entry matches by 64 bits for row and reference and 64 for the
/// value, seeded anew each time: that two different values meet there is less likely than a memory error.
struct ReferenceMemory: ~Copyable {
    private struct Slot {
        var row: UInt64 = 0
        var value: UInt64 = 0
    }

    /// 2 MB.
    private var slots = ContiguousArray(repeating: Slot(), count: 1 << 17)

    /// Notes the value of a reference.
    ///
    /// - Returns: True when it is the one that was noted before.
    mutating func note(row: UInt64, reference: Int, value: UInt64) -> Bool {
        var tag = (row ^ UInt64(truncatingIfNeeded: reference &+ 1)) &* 0x9e37_79b9_7f4a_7c15
        tag ^= tag >> 32
        let index = Int(truncatingIfNeeded: tag) & (slots.count - 1)
        // 0 is an empty slot.
        tag |= 1 << 63
        if slots[index].row == tag, slots[index].value == value { return true }
        slots[index] = Slot(row: tag, value: value)
        return false
    }
}
