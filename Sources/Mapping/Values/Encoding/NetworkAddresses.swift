// Part of Lockstep. See LICENSE.

internal import Bolt

// `inet`, `cidr`. Binary: family (2 for version 4, 3 for version 6), bits of the mask, whether it is a `cidr`, count of the
// address's bytes, and these. Text: `10.0.0.1`, `10.0.0.0/8`, `fe80::1`, `::ffff:1.2.3.4`; a `cidr` always has its mask,
// an `inet` where it is not a host's, but the cast to `text` adds that, too.
// `macaddr`, `macaddr8`. Binary: 6 or 8 bytes. Text: `08:00:2b:01:02:03`.

/// Characters of an address: no more than `ffff:…:255.255.255.255/128` has.
private struct AddressText {
    private var characters = InlineArray<64, UInt8>(repeating: 0)
    private var count = 0

    mutating func append(_ byte: UInt8) {
        characters[count] = byte
        count += 1
    }

    mutating func append(decimal number: UInt8) {
        if number >= 100 { append(UInt8(ascii: "0") + number / 100) }
        if number >= 10 { append(UInt8(ascii: "0") + number / 10 % 10) }
        append(UInt8(ascii: "0") + number % 10)
    }

    /// Appends without zeros in front.
    mutating func append(hexadecimal number: UInt16) {
        var shift: UInt16 = number >= 0x1000 ? 12 : number >= 0x100 ? 8 : number >= 0x10 ? 4 : 0
        while true {
            append(hexDigit(UInt8(truncatingIfNeeded: number >> shift & 15)))
            if shift == 0 { return }
            shift -= 4
        }
    }

    /// Appends four bytes as `a.b.c.d`.
    mutating func append(version4 bytes: RawSpan) {
        for index in 0..<4 {
            if index > 0 { append(UInt8(ascii: ".")) }
            append(decimal: bytes.byte(at: index))
        }
    }

    /// Appends 16 bytes as `inet_net_ntop` of PostgreSQL's `src/port/inet_net_ntop.c` does.
    mutating func append(version6 bytes: RawSpan) {
        func word(_ index: Int) -> UInt16 {
            UInt16(bytes.byte(at: 2 * index)) << 8 | UInt16(bytes.byte(at: 2 * index + 1))
        }
        // The first of the longest runs of zeros, of two at least.
        var zeros = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, word(end) == 0 { end += 1 }
            if end - index >= 2, end - index > zeros.count { zeros = index..<end }
            index = end + 1
        }
        let holdsVersion4 =
            zeros.lowerBound == 0
            && (zeros.count == 6 || (zeros.count == 7 && word(7) != 1) || (zeros.count == 5 && word(5) == 0xFFFF))
        index = 0
        while index < 8 {
            if zeros.contains(index) {
                if index == zeros.lowerBound { append(UInt8(ascii: ":")) }
                index += 1
                // The last two words of an address of version 4 are written even where the run goes on into them.
                if index == 6, holdsVersion4 { continue }
                if zeros.contains(index) { continue }
                if index == 8 { append(UInt8(ascii: ":")) }
                continue
            }
            if index > 0 { append(UInt8(ascii: ":")) }
            if index == 6, holdsVersion4 { return append(version4: bytes.extracting(12..<16)) }
            append(hexadecimal: word(index))
            index += 1
        }
    }

    func append(to out: inout PackStreamBuffer) { unsafe out.appendString(characters.span.bytes.extracting(0..<count)) }
}

extension ValueConversion {
    func encodeAddress(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(source == .inet ? withoutHostMask(bytes) : bytes) }
        guard bytes.byteCount == 8 || bytes.byteCount == 20 else { throw ValueError(.malformed) }
        let isVersion6 = bytes.byteCount == 20
        let bits = bytes.byte(at: 1)
        guard bytes.byte(at: 0) == (isVersion6 ? 3 : 2), bits <= (isVersion6 ? 128 : 32),
            bytes.byte(at: 3) == (isVersion6 ? 16 : 4)
        else { throw ValueError(.malformed) }
        var text = AddressText()
        let address = bytes.extracting(4..<bytes.byteCount)
        if isVersion6 { text.append(version6: address) } else { text.append(version4: address) }
        if source == .cidr || bits != (isVersion6 ? 128 : 32) {
            text.append(UInt8(ascii: "/"))
            text.append(decimal: bits)
        }
        text.append(to: &out)
    }

    /// An `inet` as its output function prints it: the cast to `text` adds the mask of a single host, `/32` or `/128`.
    @_lifetime(copy bytes)
    private func withoutHostMask(_ bytes: RawSpan) -> RawSpan {
        var isVersion6 = false
        for index in 0..<bytes.byteCount where bytes.byte(at: index) == UInt8(ascii: ":") { isVersion6 = true }
        let maskWidth = isVersion6 ? 4 : 3
        guard bytes.byteCount >= maskWidth else { return bytes }
        let end = bytes.byteCount - maskWidth
        let tail = bytes.extracting(end..<bytes.byteCount)
        return tail.isEqual(to: isVersion6 ? "/128" : "/32") ? bytes.extracting(0..<end) : bytes
    }

    func encodeHardwareAddress(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        guard bytes.byteCount == 6 || bytes.byteCount == 8 else { throw ValueError(.malformed) }
        out.appendStringHeader(byteCount: bytes.byteCount * 3 - 1)
        for index in 0..<bytes.byteCount {
            if index > 0 { out.appendByte(UInt8(ascii: ":")) }
            out.appendByte(hexDigit(bytes.byte(at: index) >> 4))
            out.appendByte(hexDigit(bytes.byte(at: index) & 15))
        }
    }
}
