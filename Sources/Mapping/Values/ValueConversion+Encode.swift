// Part of Lockstep. See LICENSE.

public import Bolt

extension ValueConversion {
    /// Appends one value that is not NULL to `out` as PackStream; null where a policy says so, or where the value lacks
    /// the asked-for part.
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
        if policy.otherwise == .null || policy.otherwise == .string {
            try encodeOrReplace(bytes, isBinary: isBinary, into: &out)
        } else {
            try encodeFitting(bytes, isBinary: isBinary, into: &out)
        }
    }

    private func encodeOrReplace(
        _ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        let start = out.count
        do throws(ValueError) {
            try encodeFitting(bytes, isBinary: isBinary, into: &out)
        } catch {
            guard error.isOfValue else { throw error }
            out.truncate(to: start)
            if policy.otherwise == .null { return out.appendNull() }
            try encodePrinted(bytes, isBinary: isBinary, into: &out)
        }
    }

    private func encodeFitting(
        _ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        switch part {
        case nil: try encodeWhole(bytes, isBinary: isBinary, into: &out)
        case .lower: try encodeBound(bytes, isUpper: false, isBinary: isBinary, into: &out)
        case .upper: try encodeBound(bytes, isUpper: true, isBinary: isBinary, into: &out)
        case .path(let path): try encodeJSON(bytes, at: path, isBinary: isBinary, into: &out)
        case .key(let key): try encodeHstore(bytes, at: key, isBinary: isBinary, into: &out)
        case .field(let fields):
            try encodeField(bytes, fields[...], isBinary: isBinary, isPrinted: false, into: &out)
        }
    }

    @inline(__always)
    func encodeWhole(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        if !isList {
            try encodeScalar(bytes, isBinary: isBinary, into: &out)
        } else if source == .vector || source == .halfvec {
            try encodeVector(bytes, isBinary: isBinary, into: &out)
        } else if source == .multirange {
            try encodeMultirange(bytes, isBinary: isBinary, into: &out)
        } else if source == .tsvector {
            try encodeLexemes(bytes, isBinary: isBinary, into: &out)
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
        case .timestamp, .timestamptz, .date, .time, .timetz:
            if target == .string { return try printScalar(bytes, isBinary: isBinary, into: &out) }
            switch source {
            case .date: try encodeDate(bytes, isBinary: isBinary, into: &out)
            case .time, .timetz: try encodeTime(bytes, isBinary: isBinary, into: &out)
            default: try encodeTimestamp(bytes, isBinary: isBinary, into: &out)
            }
        case .interval: try encodeInterval(bytes, isBinary: isBinary, into: &out)
        case .bytea: try encodeBytea(bytes, isBinary: isBinary, into: &out)
        case .jsonb: try encodeVersioned(bytes, isBinary: isBinary, into: &out)
        case .bpchar: encodePadded(bytes, into: &out)
        case .char: try encodeChar(bytes, isBinary: isBinary, into: &out)
        case .money: try encodeMoney(bytes, isBinary: isBinary, into: &out)
        case .bit: try encodeBits(bytes, isBinary: isBinary, into: &out)
        case .hstore: try encodeHstore(bytes, isBinary: isBinary, into: &out)
        case .inet, .cidr: try encodeAddress(bytes, isBinary: isBinary, into: &out)
        case .macaddr: try encodeHardwareAddress(bytes, isBinary: isBinary, into: &out)
        case .xid8, .lsn, .tid: try encodeSystemNumber(bytes, isBinary: isBinary, into: &out)
        case .point: try encodePoint(bytes, isBinary: isBinary, into: &out)
        case .geometry: try encodeGeometry(bytes, isBinary: isBinary, into: &out)
        case .printed, .vector, .halfvec, .multirange, .tsvector:
            guard !isBinary else { throw ValueError(.binaryNotTaken) }
            out.appendString(bytes)
        }
    }

    /// The value, or its part, as PostgreSQL prints it: for the sources whose binary form can be printed here, which are
    /// those that may not fit.
    private func encodePrinted(
        _ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer
    ) throws(ValueError) {
        if case .field(let fields)? = part {
            return try encodeField(bytes, fields[...], isBinary: isBinary, isPrinted: true, into: &out)
        }
        guard part != nil else { return try printScalar(bytes, isBinary: isBinary, into: &out) }
        let printing = ValueConversion(source: source, target: .string, part: part)
        try printing.encodeFitting(bytes, isBinary: isBinary, into: &out)
    }

    func printScalar(_ bytes: RawSpan, isBinary: Bool, into out: inout PackStreamBuffer) throws(ValueError) {
        guard isBinary else { return out.appendString(bytes) }
        switch source {
        case .date, .time, .timetz, .timestamp, .timestamptz: try printMoment(bytes, into: &out)
        case .interval: try printInfiniteInterval(bytes, into: &out)
        case .numeric: try BinaryNumeric(bytes).appendPrinted(asValue: true, to: &out)
        case .geometry: appendHexadecimal(bytes, to: &out)
        default: throw ValueError(.binaryNotTaken)
        }
    }
}
