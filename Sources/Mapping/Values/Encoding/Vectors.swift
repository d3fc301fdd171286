// Part of Lockstep. See LICENSE.

internal import Bolt

// pgvector's `vector` and `halfvec`. Binary: u16 dimensions, u16 of no use, then each element, a single or a half. Text:
// `[1,0.25]`. Elements are widened exactly, as text, too: there the shortest decimal of the single stands.

extension ValueConversion {
    func encodeVector(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return try encodeTextVector(bytes, into: &out) }
        let width = source == .halfvec ? 2 : 4
        let count = Int(try bytes.bigEndian(at: 0, as: UInt16.self))
        guard bytes.byteCount == 4 + count * width else { throw ValueError(.malformed) }
        out.appendListHeader(count)
        for index in 0..<count {
            let value =
                width == 4
                ? Double(Float(bitPattern: try bytes.bigEndian(at: 4 + index * 4, as: UInt32.self)))
                : double(half: try bytes.bigEndian(at: 4 + index * 2, as: UInt16.self))
            out.append(value)
        }
    }

    /// IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. (`Float16` is not on every platform.)
    private func double(half bits: UInt16) -> Double {
        let fraction = Double(bits & 0x3FF)
        let magnitude: Double =
            switch bits >> 10 & 0x1F {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? .infinity : .nan
            case let exponent: (fraction + 1024) * Double(sign: .plus, exponent: Int(exponent) - 25, significand: 1)
            }
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    private func encodeTextVector(_ bytes: RawSpan, into out: inout PackStreamBuffer) throws(ValueError) {
        guard bytes.byteCount >= 2, bytes.byte(at: 0) == UInt8(ascii: "["),
            bytes.byte(at: bytes.byteCount - 1) == UInt8(ascii: "]")
        else { throw ValueError(.malformed) }
        let elements = bytes.extracting(1..<bytes.byteCount - 1)
        var count = elements.byteCount == 0 ? 0 : 1
        for index in 0..<elements.byteCount where elements.byte(at: index) == UInt8(ascii: ",") { count += 1 }
        out.appendListHeader(count)
        var start = 0
        for _ in 0..<count {
            var end = start
            while end < elements.byteCount, elements.byte(at: end) != UInt8(ascii: ",") { end += 1 }
            let value = try parseFloat(elements.extracting(start..<end), isSingle: true, scratch: &out)
            out.append(value)
            start = end + 1
        }
    }
}
