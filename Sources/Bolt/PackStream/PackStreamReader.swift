// Part of Lockstep. See LICENSE.

/// Reads PackStream values out of bytes that belong to somebody else, without copying them first.
///
/// Every size is checked against the bytes that are there before anything is allocated for it, and nesting is bounded,
/// so that bytes from outside can neither trap nor exhaust memory. After an error the reader is not to be used again.
///
/// - SeeAlso: ``PackStreamBuffer`` for the table of markers. The reader also takes `E0`, the UUID of version 2.
public struct PackStreamReader: ~Escapable {
    /// How deep lists, maps and structures may be nested in one another for ``readValue()``.
    public static let nestingMax = 256

    private let bytes: RawSpan

    /// Bytes read so far.
    public private(set) var position = 0

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { self.bytes = bytes }

    /// Bytes left to read.
    public var remaining: Int { bytes.byteCount - position }

    public var isAtEnd: Bool { remaining == 0 }

    /// The kind of the next value, which stays unread.
    public func nextKind() throws(PackStreamError) -> PackStreamKind {
        let marker = try nextMarker()
        guard let kind = PackStreamKind(marker: marker) else { throw error(.unknownMarker(marker)) }
        return kind
    }

    /// Throws unless everything was read.
    public func expectEnd() throws(PackStreamError) {
        if !isAtEnd { throw error(.trailingBytes) }
    }

    // MARK: Scalars

    public mutating func readNull() throws(PackStreamError) {
        guard try nextMarker() == 0xC0 else { throw mismatch(.null) }
        position += 1
    }

    /// Steps over the next value where it is null.
    ///
    /// - Returns: Whether it was.
    public mutating func readNullIfPresent() throws(PackStreamError) -> Bool {
        guard try nextMarker() == 0xC0 else { return false }
        position += 1
        return true
    }

    public mutating func readBoolean() throws(PackStreamError) -> Bool {
        let marker = try nextMarker()
        guard marker == 0xC2 || marker == 0xC3 else { throw mismatch(.boolean) }
        position += 1
        return marker == 0xC3
    }

    public mutating func readInteger() throws(PackStreamError) -> Int64 {
        guard let value = try readIntegerIfPresent() else { throw mismatch(.integer) }
        return value
    }

    public mutating func readFloat() throws(PackStreamError) -> Double {
        guard let value = try readFloatIfPresent() else { throw mismatch(.float) }
        return value
    }

    public mutating func readString() throws(PackStreamError) -> String {
        guard let count = try readSizeIfPresent(tiny: 0x80, small: 0xD0) else { throw mismatch(.string) }
        return try takeString(count)
    }

    /// Reads a string as its bytes, which are not checked to be UTF-8.
    @_lifetime(copy self)
    public mutating func readStringBytes() throws(PackStreamError) -> RawSpan {
        guard let count = try readSizeIfPresent(tiny: 0x80, small: 0xD0) else { throw mismatch(.string) }
        return try take(count)
    }

    @_lifetime(copy self)
    public mutating func readBytes() throws(PackStreamError) -> RawSpan {
        let marker = try nextMarker()
        guard (0xCC...0xCE).contains(marker) else { throw mismatch(.bytes) }
        position += 1
        return try take(try readSize(width: marker - 0xCC))
    }

    // MARK: Headers

    /// Opens a list; the values, as many as returned, come next.
    public mutating func readListHeader() throws(PackStreamError) -> Int {
        guard let count = try readSizeIfPresent(tiny: 0x90, small: 0xD4) else { throw mismatch(.list) }
        // Each value takes a byte at least: a count beyond that is refused before anybody makes room for it.
        guard count <= remaining else { throw error(.sizeBeyondEnd) }
        return count
    }

    /// Opens a map; pairs of a string and a value, as many as returned, come next.
    public mutating func readMapHeader() throws(PackStreamError) -> Int {
        guard let count = try readSizeIfPresent(tiny: 0xA0, small: 0xD8) else { throw mismatch(.map) }
        guard count <= remaining / 2 else { throw error(.sizeBeyondEnd) }
        return count
    }

    /// Opens a structure; its fields come next.
    public mutating func readStructureHeader() throws(PackStreamError) -> (tag: UInt8, fields: Int) {
        let marker = try nextMarker()
        guard marker & 0xF0 == 0xB0 else { throw mismatch(.structure) }
        position += 1
        let tag = try take(UInt8.self)
        let fields = Int(marker & 0x0F)
        guard fields <= remaining else { throw error(.sizeBeyondEnd) }
        return (tag, fields)
    }

    // MARK: Whole values

    /// Reads the next value, whatever it is.
    public mutating func readValue() throws(PackStreamError) -> BoltValue { try readValue(depth: 0) }

    /// Reads a list's values.
    public mutating func readList() throws(PackStreamError) -> [BoltValue] {
        try readValues(try readListHeader(), depth: 1)
    }

    /// Reads a map. Of a key that comes twice, the last value counts.
    public mutating func readMap() throws(PackStreamError) -> [String: BoltValue] { try readMap(depth: 1) }

    /// Steps over the next value. Neither recursive nor allocating, however deep it is.
    public mutating func skipValue() throws(PackStreamError) {
        var left = 1
        while left > 0 {
            left -= 1
            switch try nextKind() {
            case .integer: _ = try readInteger()
            case .null, .boolean: position += 1
            case .float: _ = try readFloat()
            case .string: _ = try readStringBytes()
            case .bytes: _ = try readBytes()
            case .uuid: _ = try readUUID()
            case .list: left += try readListHeader()
            case .map: left += try readMapHeader() * 2
            case .structure: left += try readStructureHeader().fields
            }
        }
    }

    /// Steps over the next value and returns its bytes as they are on the wire.
    @_lifetime(copy self)
    public mutating func readRawValue() throws(PackStreamError) -> RawSpan {
        let start = position
        try skipValue()
        return bytes.extracting(start..<position)
    }

    mutating func readValue(depth: Int) throws(PackStreamError) -> BoltValue {
        guard depth <= Self.nestingMax else { throw error(.nestedTooDeep) }
        // By the marker itself, not its kind: to ask for the kind and then for a value of it looks at the marker twice.
        let marker = try nextMarker()
        switch marker {
        case 0x00...0x7F, 0xF0...0xFF:
            position += 1
            return .integer(Int64(Int8(bitPattern: marker)))
        case 0x80...0x8F:
            position += 1
            return .string(try takeString(Int(marker & 0x0F)))
        case 0xC0:
            position += 1
            return .null
        case 0xC1:
            position += 1
            return .float(Double(bitPattern: try take(UInt64.self)))
        case 0xC2, 0xC3:
            position += 1
            return .boolean(marker == 0xC3)
        case 0xC8...0xCB: return .integer(try readInteger())
        case 0xD0...0xD2: return .string(try readString())
        case 0x90...0x9F, 0xD4...0xD6: return .list(try readValues(try readListHeader(), depth: depth + 1))
        case 0xA0...0xAF, 0xD8...0xDA: return .map(try readMap(depth: depth + 1))
        case 0xB0...0xBF: return try readStructure(depth: depth + 1)
        case 0xCC...0xCE:
            let body = try readBytes()
            return .bytes(unsafe body.withUnsafeBytes { unsafe Array($0) })
        case 0xE0: return try readUUID()
        default: throw error(.unknownMarker(marker))
        }
    }

    mutating func readValues(_ count: Int, depth: Int) throws(PackStreamError) -> [BoltValue] {
        var values: [BoltValue] = []
        // A value in memory is larger than the byte it may have on the wire, so a count is not trusted for long.
        values.reserveCapacity(min(count, 1024))
        for _ in 0..<count { values.append(try readValue(depth: depth)) }
        return values
    }

    private mutating func readMap(depth: Int) throws(PackStreamError) -> [String: BoltValue] {
        let count = try readMapHeader()
        guard count > 0 else { return [:] }
        var map = [String: BoltValue](minimumCapacity: min(count, 64))
        for _ in 0..<count {
            guard let size = try readSizeIfPresent(tiny: 0x80, small: 0xD0) else { throw error(.keyNotString) }
            let key = try takeString(size)
            map[key] = try readValue(depth: depth)
        }
        return map
    }

    private mutating func readUUID() throws(PackStreamError) -> BoltValue {
        position += 1
        return .uuid(high: try take(UInt64.self), low: try take(UInt64.self))
    }

    // MARK: Bytes

    mutating func readIntegerIfPresent() throws(PackStreamError) -> Int64? {
        let marker = try nextMarker()
        switch marker {
        case 0x00...0x7F, 0xF0...0xFF:
            position += 1
            return Int64(Int8(bitPattern: marker))
        case 0xC8:
            position += 1
            return Int64(try take(Int8.self))
        case 0xC9:
            position += 1
            return Int64(try take(Int16.self))
        case 0xCA:
            position += 1
            return Int64(try take(Int32.self))
        case 0xCB:
            position += 1
            return try take(Int64.self)
        default: return nil
        }
    }

    mutating func readFloatIfPresent() throws(PackStreamError) -> Double? {
        guard try nextMarker() == 0xC1 else { return nil }
        position += 1
        return Double(bitPattern: try take(UInt64.self))
    }

    mutating func readStringIfPresent() throws(PackStreamError) -> String? {
        guard let count = try readSizeIfPresent(tiny: 0x80, small: 0xD0) else { return nil }
        return try takeString(count)
    }

    /// Goes back to a position that was read before.
    mutating func rewind(to earlier: Int) {
        precondition(earlier <= position)
        position = earlier
    }

    private func nextMarker() throws(PackStreamError) -> UInt8 {
        guard position < bytes.byteCount else { throw error(.truncated) }
        return unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
    }

    /// Reads a marker that may hold a size, and the size.
    ///
    /// - Returns: Nil, with nothing read, when the marker belongs to another type.
    private mutating func readSizeIfPresent(tiny: UInt8, small: UInt8) throws(PackStreamError) -> Int? {
        let marker = try nextMarker()
        if marker & 0xF0 == tiny {
            position += 1
            return Int(marker & 0x0F)
        }
        guard marker >= small && marker <= small + 2 else { return nil }
        position += 1
        return try readSize(width: marker - small)
    }

    private mutating func readSize(width: UInt8) throws(PackStreamError) -> Int {
        switch width {
        case 0: Int(try take(UInt8.self))
        case 1: Int(try take(UInt16.self))
        default: Int(try take(UInt32.self))
        }
    }

    private mutating func take<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type
    ) throws(PackStreamError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw error(.truncated) }
        // In bounds by the guard above.
        let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: Value.self)
        position += size
        return Value(bigEndian: value)
    }

    @_lifetime(copy self)
    private mutating func take(_ count: Int) throws(PackStreamError) -> RawSpan {
        guard count <= remaining else { throw error(.sizeBeyondEnd) }
        let start = position
        position += count
        return bytes.extracting(start..<position)
    }

    private mutating func takeString(_ count: Int) throws(PackStreamError) -> String {
        let start = position
        let body = Span<UInt8>(_bytes: try take(count))
        do throws(UTF8.ValidationError) {
            // Several times faster for short text than `String(validating:as:)`, which can check any encoding.
            return String(copying: try UTF8Span(validating: body))
        } catch { throw PackStreamError(.invalidUTF8, offset: start) }
    }

    @inline(never)
    private func error(_ reason: PackStreamError.Reason) -> PackStreamError {
        PackStreamError(reason, offset: position)
    }

    @inline(never)
    private func mismatch(_ expected: PackStreamKind) -> PackStreamError {
        guard !isAtEnd else { return error(.truncated) }
        let marker = bytes.unsafeLoadByte(position)
        guard PackStreamKind(marker: marker) != nil else { return error(.unknownMarker(marker)) }
        return error(.typeMismatch(expected: expected, marker: marker))
    }
}

extension RawSpan {
    fileprivate func unsafeLoadByte(_ offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
