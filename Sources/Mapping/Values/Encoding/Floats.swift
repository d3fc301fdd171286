// Part of Lockstep. See LICENSE.

internal import Bolt

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

// Binary: IEEE 754, big endian. Text: the shortest decimal that gives the same number back, `NaN`, `Infinity`,
// `-Infinity`. A `float4` is widened exactly: as text too, it is read as a single and then widened.

extension ValueConversion {
    @inline(__always)
    func encodeFloat(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        let value: Double
        if !isBinary {
            value = try parseFloat(bytes, isSingle: source == .float4, scratch: &out)
        } else if source == .float4 {
            value = Double(Float(bitPattern: try bytes.bigEndian(as: UInt32.self)))
        } else {
            value = Double(bitPattern: try bytes.bigEndian(as: UInt64.self))
        }
        // One NaN for all: text does not say which it was.
        out.append(value.isNaN ? .nan : value)
    }

    /// Reads a number as PostgreSQL prints it.
    ///
    /// - Parameter scratch: `strtod` wants a zero behind the text, so this holds it for the time of the call.
    func parseFloat(
        _ bytes: RawSpan, isSingle: Bool, scratch: inout PackStreamBuffer
    ) throws(ValueError) -> Double {
        let start = scratch.count
        scratch.appendRaw(bytes)
        defer { scratch.truncate(to: start) }
        return try parseFloat(
            endOf: &scratch, from: start, isSingle: isSingle,
            isNearest: source == .numeric && policy.otherwise == .nearest)
    }

    /// Reads the number whose text is the last bytes of `scratch`, from `start`; the caller truncates.
    ///
    /// - Parameter isNearest: What is beyond all finite numbers becomes the greatest of them.
    func parseFloat(
        endOf scratch: inout PackStreamBuffer, from start: Int, isSingle: Bool, isNearest: Bool = false
    ) throws(ValueError) -> Double {
        let length = scratch.count - start
        scratch.appendByte(0)
        let text = scratch.bytes.extracting(start..<start + length)
        let isInfinity = text.isEqual(to: "Infinity") || text.isEqual(to: "-Infinity")
        if !isInfinity, !text.isEqual(to: "NaN") {
            // strtod also reads what PostgreSQL never prints: blanks in front, hexadecimal, other words.
            for index in 0..<length {
                switch text.byte(at: index) {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"),
                    UInt8(ascii: "+"), UInt8(ascii: "-"):
                    continue
                default: throw ValueError(.malformed)
                }
            }
        }
        let (value, consumed) = unsafe scratch.bytes.withUnsafeBytes { raw -> (Double, Int) in
            // The text ends with the zero that was appended above.
            let base = unsafe raw.baseAddress!.advanced(by: start).assumingMemoryBound(to: CChar.self)
            var end: UnsafeMutablePointer<CChar>?
            let value = unsafe isSingle ? Double(strtof(base, &end)) : strtod(base, &end)
            return unsafe (value, end.map { unsafe UnsafePointer($0) - base } ?? 0)
        }
        guard consumed == length, length > 0 else { throw ValueError(.malformed) }
        guard !value.isInfinite || isInfinity else {
            guard isNearest else { throw ValueError(.outOfRange) }
            return value < 0 ? -Double.greatestFiniteMagnitude : .greatestFiniteMagnitude
        }
        return value
    }
}
