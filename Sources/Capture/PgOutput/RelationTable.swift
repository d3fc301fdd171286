// Part of Lockstep. See LICENSE.

/// Finds a relation's dense index by its OID: open addressing over a power of two, looked up for every change.
struct RelationTable {
    struct Entry {
        /// 0 is no relation's OID: an empty place.
        var oid: UInt32 = 0
        /// Into ``ChangeBuffer/relations``.
        var index: UInt32 = 0
        var columnCount: Int32 = 0
    }

    private var entries = ContiguousArray(repeating: Entry(), count: 64)
    private var count = 0

    subscript(oid: UInt32) -> Entry? {
        var place = Self.place(of: oid, in: entries.count)
        while entries[place].oid != 0 {
            if entries[place].oid == oid { return entries[place] }
            place = (place + 1) & (entries.count - 1)
        }
        return nil
    }

    /// Sets the relation version that an OID stands for from here on.
    mutating func set(_ entry: Entry) {
        if count * 2 >= entries.count { grow() }
        var place = Self.place(of: entry.oid, in: entries.count)
        while entries[place].oid != 0, entries[place].oid != entry.oid { place = (place + 1) & (entries.count - 1) }
        if entries[place].oid == 0 { count += 1 }
        entries[place] = entry
    }

    private mutating func grow() {
        let old = entries
        entries = ContiguousArray(repeating: Entry(), count: old.count * 2)
        count = 0
        for entry in old where entry.oid != 0 { set(entry) }
    }

    /// Fibonacci hashing: OIDs of one schema are near each other.
    private static func place(of oid: UInt32, in size: Int) -> Int {
        Int(truncatingIfNeeded: (oid &* 0x9E37_79B1) >> 8) & (size - 1)
    }
}
