// Part of Lockstep. See LICENSE.

/// The rows of a view by key, as far as a later reading has to tell which are others by then: a digest of each. Some fifty
/// bytes a row, with its key.
struct ViewRows {
    private struct Entry {
        var digest: Int
        /// Where its key begins; it ends where the next one does.
        var start: Int
        var isSeen = false
    }

    private var keys: [UInt8] = []
    private var entries: ContiguousArray<Entry> = []
    /// Places of entries by their keys' hashes; -1 is free.
    private var slots = [Int32](repeating: -1, count: 64)

    var count: Int { entries.count }

    /// - Returns: False where the key is there already.
    mutating func insert(_ key: [UInt8], digest: Int) -> Bool {
        let slot = slot(of: key)
        guard slots[slot] < 0 else { return false }
        slots[slot] = Int32(entries.count)
        entries.append(Entry(digest: digest, start: keys.count))
        keys += key
        if entries.count * 2 > slots.count { grow() }
        return true
    }

    /// Notes that a key is still there.
    ///
    /// - Returns: The digest of its row; nil where the key is not here.
    mutating func see(_ key: [UInt8]) -> Int? {
        let place = Int(slots[slot(of: key)])
        guard place >= 0 else { return nil }
        entries[place].isSeen = true
        return entries[place].digest
    }

    func contains(_ key: [UInt8]) -> Bool { slots[slot(of: key)] >= 0 }

    /// The keys that nobody has seen.
    var unseen: [[UInt8]] { entries.indices.filter { !entries[$0].isSeen }.map { Array(key($0)) } }

    /// Nothing counts as seen.
    mutating func forgetSeen() { for index in entries.indices { entries[index].isSeen = false } }

    private func key(_ index: Int) -> ArraySlice<UInt8> {
        keys[entries[index].start..<(index + 1 < entries.count ? entries[index + 1].start : keys.count)]
    }

    /// Where the key is, or may go.
    private func slot(of key: [UInt8]) -> Int {
        let mask = slots.count - 1
        var slot = Self.hash(key[...]) & mask
        while slots[slot] >= 0, !self.key(Int(slots[slot])).elementsEqual(key) { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func grow() {
        let mask = slots.count * 2 - 1
        slots = [Int32](repeating: -1, count: mask + 1)
        for index in entries.indices {
            var slot = Self.hash(key(index)) & mask
            while slots[slot] >= 0 { slot = (slot + 1) & mask }
            slots[slot] = Int32(index)
        }
    }

    private static func hash(_ key: ArraySlice<UInt8>) -> Int {
        var hasher = Hasher()
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }
}
