// Part of Lockstep. See LICENSE.

extension RawSpan {
    /// The byte at `offset`, which has to be inside.
    @inline(__always) func byte(at offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The big-endian number at `offset`; a span that ends before it does is malformed.
    @inline(__always) func bigEndian<Number: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: Number.Type
    ) throws(ValueError) -> Number {
        guard byteCount - offset >= MemoryLayout<Number>.size else { throw ValueError(.malformed) }
        return Number(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    /// The big-endian number that the whole span is.
    @inline(__always) func bigEndian<Number: FixedWidthInteger & BitwiseCopyable>(
        as type: Number.Type
    ) throws(ValueError) -> Number {
        guard byteCount == MemoryLayout<Number>.size else { throw ValueError(.malformed) }
        return Number(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: 0, as: type))
    }

    /// Whether the span is exactly these ASCII characters.
    func isEqual(to text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        for index in 0..<byteCount where unsafe byte(at: index) != text.utf8Start[index] { return false }
        return true
    }
}
