// Part of Lockstep. See LICENSE.

/// What PostgreSQL's rows look like: for each key's fingerprint a hash of the row's values, and whether the graph has
/// it. 24 bytes an entry, open addressing, at most four fifths full.
struct RowTable {
    enum Insertion { case new, repeated }

    private(set) var count = 0
    private(set) var seenCount = 0
    private var highs: [UInt64]
    private var lows: [UInt64]
    /// Bit 0: seen in the graph. Bit 1: the place is taken. The others: the row's hash.
    private var rows: [UInt64]

    private static let seen: UInt64 = 1
    private static let taken: UInt64 = 2

    init(expecting count: Int) {
        var capacity = 1024
        while capacity * 4 < count * 5, capacity < 1 << 28 { capacity *= 2 }
        highs = Array(repeating: 0, count: capacity)
        lows = highs
        rows = highs
    }

    /// Where a key is, or where it would go.
    private func place(of key: Fingerprint) -> Int {
        let mask = rows.count - 1
        var place = Int(truncatingIfNeeded: key.high) & mask
        while rows[place] & Self.taken != 0, highs[place] != key.high || lows[place] != key.low {
            place = (place + 1) & mask
        }
        return place
    }

    /// Takes a row in; of rows with the same key the first stays.
    mutating func insert(_ key: Fingerprint, row: UInt64) -> Insertion {
        if (count + 1) * 5 > rows.count * 4 { grow() }
        let place = place(of: key)
        guard rows[place] & Self.taken == 0 else { return .repeated }
        highs[place] = key.high
        lows[place] = key.low
        rows[place] = row & ~(Self.seen | Self.taken) | Self.taken
        count += 1
        return .new
    }

    enum Sighting {
        /// PostgreSQL has no such row.
        case unknown
        case equal, different
        /// The graph has shown the key before.
        case repeated
    }

    /// Notes that the graph has a key, with values of that hash.
    mutating func see(_ key: Fingerprint, row: UInt64) -> Sighting {
        let place = place(of: key)
        let entry = rows[place]
        guard entry & Self.taken != 0 else { return .unknown }
        guard entry & Self.seen == 0 else { return .repeated }
        rows[place] = entry | Self.seen
        seenCount += 1
        return (entry ^ row) & ~(Self.seen | Self.taken) == 0 ? .equal : .different
    }

    /// Whether a key was taken in and not seen in the graph.
    func isUnseen(_ key: Fingerprint) -> Bool { rows[place(of: key)] & (Self.taken | Self.seen) == Self.taken }

    private mutating func grow() {
        let (oldHighs, oldLows, oldRows) = (highs, lows, rows)
        highs = Array(repeating: 0, count: oldRows.count * 2)
        lows = highs
        rows = highs
        let mask = rows.count - 1
        for index in oldRows.indices where oldRows[index] & Self.taken != 0 {
            var place = Int(truncatingIfNeeded: oldHighs[index]) & mask
            while rows[place] & Self.taken != 0 { place = (place + 1) & mask }
            highs[place] = oldHighs[index]
            lows[place] = oldLows[index]
            rows[place] = oldRows[index]
        }
    }
}
