// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// What we tell the server of our progress: `r`, then three LSNs u64 (written, flushed, applied), our time i64 in
/// microseconds since 2000-01-01 UTC, and u8 1 to ask for an answer at once; 34 bytes, big endian.
///
/// The slot moves to the flushed position.
///
/// - SeeAlso: https://www.postgresql.org/docs/current/protocol-replication.html
struct StandbyStatus {
    var written = LSN.zero
    var flushed = LSN.zero

    func message(asksForReply: Bool) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(ascii: "r")]
        bytes.reserveCapacity(34)
        // Nobody reads our clock; 0 says that we do not tell it.
        for value in [written.rawValue, flushed.rawValue, flushed.rawValue, 0] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }
        bytes.append(asksForReply ? 1 : 0)
        return bytes
    }
}
