// Part of Lockstep. See LICENSE.

internal import PostgreSQL

/// Reads the fields of one message in order; every length is checked before it is used.
struct MessageReader: ~Escapable {
    private let bytes: RawSpan
    private let type: UInt8
    private(set) var offset: Int

    /// Begins behind the type byte.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, type: UInt8) {
        self.bytes = bytes
        self.type = type
        offset = 1
    }

    var remaining: Int { bytes.byteCount - offset }

    @_lifetime(self: copy self)
    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _: Value.Type = Value.self
    ) throws(PgOutputError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw error(.truncated) }
        let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
        offset += size
        return Value(bigEndian: value)
    }

    @_lifetime(self: copy self)
    mutating func lsn() throws(PgOutputError) -> LSN { LSN(rawValue: try integer()) }

    @_lifetime(self: copy self)
    mutating func oid() throws(PgOutputError) -> OID { OID(rawValue: try integer()) }

    /// A string that ends with a zero byte.
    @_lifetime(self: copy self)
    mutating func string() throws(PgOutputError) -> String {
        let start = offset
        while offset < bytes.byteCount {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            offset += 1
            if byte == 0 { return text(start..<(offset - 1)) }
        }
        throw error(.truncated)
    }

    /// The next `count` bytes, copied.
    @_lifetime(self: copy self)
    mutating func array(count: Int) throws(PgOutputError) -> [UInt8] {
        guard count >= 0, remaining >= count else { throw error(.truncated) }
        let content = unsafe bytes.extracting(offset..<(offset + count)).withUnsafeBytes { unsafe [UInt8]($0) }
        offset += count
        return content
    }

    func end() throws(PgOutputError) {
        guard remaining == 0 else { throw error(.trailingBytes) }
    }

    @inline(never)
    func error(_ reason: PgOutputError.Reason, relation: OID? = nil) -> PgOutputError {
        PgOutputError(reason, messageType: type, offset: offset, relation: relation)
    }

    private func text(_ range: Range<Int>) -> String {
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
