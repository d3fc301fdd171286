// Part of Lockstep. See LICENSE.

/// A position in the write-ahead log.
///
/// Printed as PostgreSQL prints a `pg_lsn`: the two 32-bit halves in hexadecimal, `0/153B1F8`.
public struct LSN: Hashable, Comparable, Sendable, CustomStringConvertible, LosslessStringConvertible {
    public var rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The invalid position, before every other.
    public static let zero = LSN(rawValue: 0)

    /// Reads the form that PostgreSQL prints; nil where `text` is not of it.
    public init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ (1...8).contains($0.utf8.count) && $0.first != "+" }),
            let high = UInt32(halves[0], radix: 16), let low = UInt32(halves[1], radix: 16)
        else { return nil }
        rawValue = UInt64(high) << 32 | UInt64(low)
    }

    public var description: String {
        String(rawValue >> 32, radix: 16, uppercase: true) + "/"
            + String(rawValue & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }

    public static func < (a: LSN, b: LSN) -> Bool { a.rawValue < b.rawValue }

    /// Bytes of WAL from `start` to this position; 0 where it is not behind `start`.
    public func distance(from start: LSN) -> UInt64 { self > start ? rawValue - start.rawValue : 0 }
}
