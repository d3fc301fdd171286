// Part of Lockstep. See LICENSE.

public import Apply
internal import Threading

/// How far the tables are that are being loaded.
public struct LoadProgress: Sendable {
    /// Rows and bytes read over all passes, earlier attempts included.
    public var rows: Int64
    public var bytes: Int64
    /// 0 to 1, by the blocks of the tables.
    public var share: Double
    /// Nil while nothing is known.
    public var secondsLeft: Double?
    /// The table that was read last.
    public var table: String
    /// Loaded while the stream goes on.
    public var isBeside = false

    /// - Parameter began: When this attempt began, and the share that there was.
    init(_ loads: [TableLoad], table: String, began: (at: MonotonicTime, share: Double)) {
        rows = loads.reduce(0) { $0 + $1.rows }
        bytes = loads.reduce(0) { $0 + $1.bytes }
        share = Self.share(loads)
        self.table = table
        guard share > began.share else { return }
        secondsLeft = (MonotonicTime.now - began.at) / .seconds(1) * (1 - share) / (share - began.share)
    }

    public static func share(_ loads: [TableLoad]) -> Double {
        let total = loads.reduce(Int64(0)) { $0 + $1.totalBlocks }
        let done = loads.reduce(Int64(0)) { $0 + $1.blocks }
        return total > 0 ? min(1, Double(done) / Double(total)) : 0
    }
}
