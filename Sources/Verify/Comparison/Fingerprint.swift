// Part of Lockstep. See LICENSE.

/// 128 bits of hash that stand for a key's bytes.
///
/// MurmurHash3 x64/128, by Austin Appleby, who gave it to the public domain. Two of ten million keys meet with a
/// probability of about 10^-25; nobody chooses keys to make them meet, since they would only hide a difference.
struct Fingerprint: Hashable {
    var high: UInt64
    var low: UInt64

    init(_ bytes: RawSpan) {
        var h1: UInt64 = 0
        var h2: UInt64 = 0
        let count = bytes.byteCount
        var offset = 0
        while offset + 16 <= count {
            h1 ^= Self.mixFirst(Self.load(bytes, offset))
            h1 = (Self.rotate(h1, 27) &+ h2) &* 5 &+ 0x52DC_E729
            h2 ^= Self.mixSecond(Self.load(bytes, offset + 8))
            h2 = (Self.rotate(h2, 31) &+ h1) &* 5 &+ 0x3849_5AB5
            offset += 16
        }
        let left = count - offset
        if left > 8 { h2 ^= Self.mixSecond(Self.tail(bytes, offset + 8, count: left - 8)) }
        if left > 0 { h1 ^= Self.mixFirst(Self.tail(bytes, offset, count: min(left, 8))) }
        h1 ^= UInt64(count)
        h2 ^= UInt64(count)
        h1 &+= h2
        h2 &+= h1
        h1 = Self.finish(h1)
        h2 = Self.finish(h2)
        h1 &+= h2
        h2 &+= h1
        high = h1
        low = h2
    }

    @inline(__always) private static func load(_ bytes: RawSpan, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    private static func tail(_ bytes: RawSpan, _ offset: Int, count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<count).reversed() {
            value = value << 8 | UInt64(unsafe bytes.unsafeLoad(fromByteOffset: offset + index, as: UInt8.self))
        }
        return value
    }

    @inline(__always) private static func rotate(_ value: UInt64, _ by: UInt64) -> UInt64 {
        value << by | value >> (64 - by)
    }

    @inline(__always) private static func mixFirst(_ value: UInt64) -> UInt64 {
        rotate(value &* 0x87C3_7B91_1142_53D5, 31) &* 0x4CF5_AD43_2745_937F
    }

    @inline(__always) private static func mixSecond(_ value: UInt64) -> UInt64 {
        rotate(value &* 0x4CF5_AD43_2745_937F, 33) &* 0x87C3_7B91_1142_53D5
    }

    @inline(__always) private static func finish(_ value: UInt64) -> UInt64 {
        var value = (value ^ (value >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        value = (value ^ (value >> 33)) &* 0xC4CE_B9FE_1A85_EC53
        return value ^ (value >> 33)
    }
}
