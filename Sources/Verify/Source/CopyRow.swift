// Part of Lockstep. See LICENSE.

/// A message of a binary COPY, read column by column.
///
/// Header, in front of the first row: 11 bytes of signature, flags u32, length u32 of an extension, and that. Row: count
/// of columns u16, for each i32 length (-1: NULL) and bytes. Trailer: FFFF. All big endian.
///
/// - SeeAlso: https://www.postgresql.org/docs/current/sql-copy.html
struct CopyRow: ~Escapable {
    private let message: RawSpan
    private var offset: Int

    /// Nil where the message holds no row, but the header alone, or the trailer.
    ///
    /// - Parameter isFirst: The message begins with the header.
    @_lifetime(copy message)
    init?(_ message: RawSpan, isFirst: Bool) throws(VerifyError) {
        self.message = message
        offset = 0
        if isFirst {
            guard message.byteCount >= 19 else { throw Self.malformed }
            let extra = unsafe UInt32(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: 15, as: UInt32.self))
            guard message.byteCount - 19 >= Int(extra) else { throw Self.malformed }
            offset = 19 + Int(extra)
        }
        if offset == message.byteCount { return nil }
        guard message.byteCount - offset >= 2 else { throw Self.malformed }
        let count = unsafe UInt16(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
        if count == UInt16.max { return nil }
        offset += 2
    }

    /// The next column's bytes; nil for NULL.
    @_lifetime(copy self)
    mutating func next() throws(VerifyError) -> RawSpan? {
        guard message.byteCount - offset >= 4 else { throw Self.malformed }
        let length = unsafe Int32(bigEndian: message.unsafeLoadUnaligned(fromByteOffset: offset, as: Int32.self))
        offset += 4
        if length == -1 { return nil }
        guard length >= 0, message.byteCount - offset >= Int(length) else { throw Self.malformed }
        defer { offset += Int(length) }
        return message.extracting(offset..<offset + Int(length))
    }

    /// The next column's truth value.
    mutating func nextFlag() throws(VerifyError) -> Bool {
        guard let byte = try next(), byte.byteCount == 1 else { throw Self.malformed }
        return unsafe byte.unsafeLoad(as: UInt8.self) != 0
    }

    func expectEnd() throws(VerifyError) {
        guard offset == message.byteCount else { throw Self.malformed }
    }

    static let malformed = VerifyError(.protocolViolation, "PostgreSQL's COPY data cannot be decoded")
}
