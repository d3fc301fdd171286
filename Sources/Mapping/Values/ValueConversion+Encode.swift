// Part of Lockstep. See LICENSE.

public import Bolt

extension ValueConversion {
    /// Appends one value that is not NULL to `out` as PackStream.
    ///
    /// Text and binary forms of one value give identical bytes: folding and verification compare them. Text is that of
    /// a session with `DateStyle` ISO, `TimeZone` UTC, `extra_float_digits` 1 or more, and `IntervalStyle` postgres or
    /// iso_8601. Nothing is allocated, except that `out` may grow.
    ///
    /// - Parameters:
    ///   - bytes: The value as the type's send function (`isBinary`) or its output function gives it, or its cast to
    ///     `text`. Borrowed for the call.
    ///   - out: On failure it may hold a part of the value; truncate it to where it was.
    /// - Throws: ``ValueError`` for bytes that are not of the type and for values that the target does not have.
    public func encode(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if !isArray {
            try encodeScalar(bytes, isBinary: isBinary, into: &out)
        } else if isBinary {
            try encodeBinaryArray(bytes, into: &out)
        } else {
            try encodeTextArray(bytes, into: &out)
        }
    }

    func encodeScalar(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        switch source {
        case .text: out.appendString(bytes)
        case .int2, .int4, .int8, .oid: try encodeInteger(bytes, isBinary: isBinary, into: &out)
        case .bool: try encodeBool(bytes, isBinary: isBinary, into: &out)
        case .float4, .float8: try encodeFloat(bytes, isBinary: isBinary, into: &out)
        case .numeric: try encodeNumeric(bytes, isBinary: isBinary, into: &out)
        case .uuid: try encodeUUID(bytes, isBinary: isBinary, into: &out)
        case .timestamp, .timestamptz: try encodeTimestamp(bytes, isBinary: isBinary, into: &out)
        case .date: try encodeDate(bytes, isBinary: isBinary, into: &out)
        case .time, .timetz: try encodeTime(bytes, isBinary: isBinary, into: &out)
        case .interval: try encodeInterval(bytes, isBinary: isBinary, into: &out)
        case .bytea: try encodeBytea(bytes, isBinary: isBinary, into: &out)
        case .jsonb: try encodeJSONB(bytes, isBinary: isBinary, into: &out)
        case .bpchar: encodePadded(bytes, into: &out)
        case .char: try encodeChar(bytes, isBinary: isBinary, into: &out)
        case .inet, .printed:
            guard !isBinary else { throw ValueError(.binaryNotTaken) }
            out.appendString(source == .inet ? withoutHostMask(bytes) : bytes)
        }
    }
}
