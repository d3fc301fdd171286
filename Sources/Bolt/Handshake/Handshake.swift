// Part of Lockstep. See LICENSE.

/// The agreement on a version, first thing on a connection; bytes in, a decision out.
///
/// | who | bytes |
/// |---|---|
/// | client | `60 60 B0 17`, then four proposals |
/// | proposal | `00`, how many lower minors are meant too, minor, major; `00 00 01 FF` asks for the manifest |
/// | server | the version chosen as `00 00 minor major`, or `00 00 00 00` for none, or the manifest |
/// | manifest | `00 00 01 FF`, varint count, as many versions in the form of proposals, varint capabilities |
/// | client | only to a manifest: the version chosen as `00 00 minor major`, varint capabilities (`00`) |
///
/// A varint has seven bits a byte, the least significant first; the high bit says that more follow.
///
/// - SeeAlso: https://neo4j.com/docs/bolt/current/bolt/handshake/
struct Handshake {
    enum Failure: Error, Hashable {
        case noCommonVersion
        /// The port speaks HTTP.
        case http
        /// The port speaks TLS.
        case tls
        /// The server chose a version that was not proposed.
        case notProposed(BoltVersion)
        /// The answer begins or goes on as no Bolt server's does.
        case malformed
    }

    enum Progress: Hashable {
        /// At least so many bytes are missing. Nothing beyond the handshake's end is ever asked for.
        case needs(bytes: Int)
        /// `reply` is still to be sent; it may be empty.
        case agreed(BoltVersion, reply: [UInt8])
    }

    /// The versions to agree on, the best one first.
    private let versions: [BoltVersion]

    init(newest: BoltVersion) { versions = BoltVersion.supported.filter { $0 <= newest } }

    /// What a client sends: the manifest, by which alone 6.0 and later can be agreed on, then 5.8 to 5.0, then 4.4 and
    /// 4.3, then 4.2, whose servers know no ranges.
    var proposals: [UInt8] {
        var slots: [[UInt8]] = []
        if versions.contains(where: { $0.major >= 6 }) { slots.append([0x00, 0x00, 0x01, 0xFF]) }
        if let five = versions.first(where: { $0.major == 5 }) { slots.append([0, five.minor, five.minor, 5]) }
        if let four = versions.first(where: { $0.major == 4 && $0.minor > 2 }) {
            slots.append([0, four.minor - 3, four.minor, 4])
        }
        if versions.contains(BoltVersion(4, 2)) { slots.append([0, 0, 2, 4]) }
        while slots.count < 4 { slots.append([0, 0, 0, 0]) }
        return [0x60, 0x60, 0xB0, 0x17] + slots.joined()
    }

    private static let manifest: ArraySlice<UInt8> = [0x00, 0x00, 0x01, 0xFF]
    private static let http: ArraySlice<UInt8> = [0x48, 0x54, 0x54, 0x50]
    private static let manifestVersionsMax = 256

    /// Judges all that the server has sent so far.
    func answer(to received: [UInt8]) throws(Failure) -> Progress {
        guard received.count >= 4 else { return .needs(bytes: 4 - received.count) }
        let first = received[..<4]
        if first == Self.http { throw .http }
        // An alert of TLS 1.x: the server took our proposals for the beginning of TLS.
        if first[0] == 0x15, first[1] == 3 { throw .tls }
        if first == Self.manifest { return try answer(toManifest: received) }
        guard first[0] == 0, first[1] == 0 else { throw .malformed }
        let version = BoltVersion(first[3], first[2])
        if version == BoltVersion(0, 0) { throw .noCommonVersion }
        // What the manifest alone can offer was not proposed outside of it.
        guard versions.contains(version), version < BoltVersion(6, 0) else { throw .notProposed(version) }
        return .agreed(version, reply: [])
    }

    private func answer(toManifest received: [UInt8]) throws(Failure) -> Progress {
        var position = 4
        guard let count = try Self.varint(received, &position) else { return .needs(bytes: 1) }
        guard count <= Self.manifestVersionsMax else { throw .malformed }
        let start = position
        position += Int(count) * 4
        // One byte of capabilities comes after the versions at least.
        guard position < received.count else { return .needs(bytes: position + 1 - received.count) }
        guard try Self.varint(received, &position) != nil else { return .needs(bytes: 1) }
        let offers = stride(from: start, to: start + Int(count) * 4, by: 4).map { received[$0..<$0 + 4] }
        let best = versions.first { version in offers.contains { Self.offer($0, holds: version) } }
        guard let best else { throw .noCommonVersion }
        return .agreed(best, reply: [0, 0, best.minor, best.major, 0])
    }

    /// - Parameter offer: A zero, how many lower minors are meant too, minor, major.
    private static func offer(_ offer: ArraySlice<UInt8>, holds version: BoltVersion) -> Bool {
        let bytes = Array(offer)
        let lowest = Int(bytes[2]) - Int(bytes[1])
        return bytes[3] == version.major && version.minor <= bytes[2] && Int(version.minor) >= lowest
    }

    /// - Returns: Nil where more bytes are needed.
    private static func varint(_ bytes: [UInt8], _ position: inout Int) throws(Failure) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 63, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw .malformed
    }
}
