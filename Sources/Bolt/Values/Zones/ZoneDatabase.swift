// Part of Lockstep. See LICENSE.

internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The time zones that the system knows, read from its files when they are asked for and kept.
///
/// Only servers before Neo4j 4.4 need it: they count the seconds of a date-time as a clock in its zone shows them.
enum ZoneDatabase {
    /// There are about 600 names. Beyond, somebody makes them up.
    private static let zonesMax = 1000
    private static let fileBytesMax = 1 << 20
    private static let known = Mutex<[String: ZoneFile?]>([:])

    /// - Parameter name: Such as `Europe/Stockholm`. It comes from outside.
    /// - Returns: Nil where there is no such zone. Blocks while its file is read.
    static func zone(_ name: String) -> ZoneFile? {
        if let zone = known.withLock({ $0[name] }) { return zone }
        let zone = isName(name) ? read(name).flatMap { ZoneFile($0) } : nil
        known.withLock { known in
            if known.count >= zonesMax { known.removeAll() }
            known[name] = .some(zone)
        }
        return zone
    }

    /// Leads to no file outside of the database.
    private static func isName(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return name.utf8.count <= 64 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) }
    }

    /// Letters, digits and `_-+`: no dot, and so no `..`.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"):
            true
        default: false
        }
    }

    private static func read(_ name: String) -> [UInt8]? {
        let folder = unsafe getenv("TZDIR").map { unsafe String(cString: $0) } ?? "/usr/share/zoneinfo"
        let descriptor = unsafe open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count <= fileBytesMax {
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 14) { buffer, count in
                unsafe count = max(0, systemRead(descriptor, buffer.baseAddress, buffer.count))
            }
            if part.isEmpty { return bytes }
            bytes += part
        }
        return nil
    }
}

// The C function, under a name that the method does not hide.
private func systemRead(_ descriptor: Int32, _ start: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    unsafe read(descriptor, start, count)
}
