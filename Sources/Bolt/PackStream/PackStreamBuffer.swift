// Part of Lockstep. See LICENSE.

/// A growing buffer that values are packed into, PackStream version 1.
///
/// The raw path: what is appended here goes to the server as it is, with no value tree in between. Nothing is
/// allocated per value; the storage doubles when it is full and is kept by ``removeAll()``.
///
/// | value | markers |
/// |---|---|
/// | null, booleans | `C0`, `C2` false, `C3` true |
/// | integers | `F0`–`7F` in the marker, `C8` i8, `C9` i16, `CA` i32, `CB` i64, the smallest that fits |
/// | float | `C1` + IEEE 754 double |
/// | bytes | `CC`/`CD`/`CE` + size u8/u16/u32 |
/// | string | `80`–`8F`, `D0`/`D1`/`D2` + size in bytes of UTF-8 |
/// | list | `90`–`9F`, `D4`/`D5`/`D6` + count |
/// | map | `A0`–`AF`, `D8`/`D9`/`DA` + count of entries |
/// | structure | `B0`–`BF` (count of fields) + tag byte |
///
/// All numbers are big endian.
///
/// - SeeAlso: https://neo4j.com/docs/bolt/current/packstream/
@safe public struct PackStreamBuffer: ~Copyable {
    @usableFromInline var storage: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int

    /// Bytes appended so far.
    public var count: Int { @inlinable get { length } }
    @usableFromInline var length = 0

    public init(capacity: Int = 256) {
        unsafe storage = .allocate(byteCount: max(capacity, 16), alignment: 16)
        self.capacity = max(capacity, 16)
    }

    deinit { unsafe storage.deallocate() }

    /// What was appended, for as long as the buffer is not changed.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        @inlinable get {
            let span = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(storage), byteCount: length)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Forgets what was appended and keeps the storage.
    @inlinable public mutating func removeAll() { length = 0 }

    /// Forgets what was appended after the first `count` bytes.
    @inlinable public mutating func truncate(to count: Int) {
        precondition(count <= length)
        length = count
    }

    /// Makes room for `extra` more bytes.
    @inlinable public mutating func reserve(_ extra: Int) {
        if capacity - length < extra { grow(extra) }
    }

    @inline(never) @usableFromInline mutating func grow(_ extra: Int) {
        let larger = max(capacity * 2, length + extra)
        let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe new.copyMemory(from: storage, byteCount: length)
        unsafe storage.deallocate()
        unsafe storage = new
        capacity = larger
    }

    // MARK: Values

    @inlinable public mutating func appendNull() { appendByte(0xC0) }

    @inlinable public mutating func append(_ value: Bool) { appendByte(value ? 0xC3 : 0xC2) }

    /// Appends an integer in the shortest form that holds it.
    @inlinable public mutating func append(_ value: Int64) {
        reserve(9)
        if value >= -16 && value <= 127 {
            put(UInt8(truncatingIfNeeded: value))
        } else if let small = Int8(exactly: value) {
            put(0xC8 as UInt8)
            put(UInt8(bitPattern: small))
        } else if let small = Int16(exactly: value) {
            put(0xC9 as UInt8)
            put(small.bigEndian)
        } else if let small = Int32(exactly: value) {
            put(0xCA as UInt8)
            put(small.bigEndian)
        } else {
            put(0xCB as UInt8)
            put(value.bigEndian)
        }
    }

    @inlinable public mutating func append(_ value: Double) {
        reserve(9)
        put(0xC1 as UInt8)
        put(value.bitPattern.bigEndian)
    }

    /// Appends a string given as its UTF-8 bytes, which are not checked.
    @inlinable public mutating func appendString(_ utf8: RawSpan) {
        appendSize(utf8.byteCount, tiny: 0x80, small: 0xD0)
        appendRaw(utf8)
    }

    @inlinable public mutating func append(_ string: String) {
        let utf8 = string.utf8Span
        unsafe appendString(utf8.span.bytes)
    }

    /// Appends a byte array.
    @inlinable public mutating func appendBytes(_ bytes: RawSpan) {
        appendBytesHeader(byteCount: bytes.byteCount)
        appendRaw(bytes)
    }

    // MARK: Headers

    /// Opens a string of `byteCount` bytes of UTF-8, which have to be appended next by ``appendRaw(_:)``.
    @inlinable public mutating func appendStringHeader(byteCount: Int) {
        appendSize(byteCount, tiny: 0x80, small: 0xD0)
    }

    /// Opens a byte array of `byteCount` bytes, which have to be appended next.
    @inlinable public mutating func appendBytesHeader(byteCount: Int) {
        reserve(byteCount + 5)
        if byteCount <= 0xFF {
            put(0xCC as UInt8)
            put(UInt8(truncatingIfNeeded: byteCount))
        } else if byteCount <= 0xFFFF {
            put(0xCD as UInt8)
            put(UInt16(truncatingIfNeeded: byteCount).bigEndian)
        } else {
            put(0xCE as UInt8)
            put(UInt32(byteCount).bigEndian)
        }
    }

    /// Opens a list; its `count` values have to be appended next.
    @inlinable public mutating func appendListHeader(_ count: Int) { appendSize(count, tiny: 0x90, small: 0xD4) }

    /// Opens a map; `count` pairs of a string and a value have to be appended next.
    @inlinable public mutating func appendMapHeader(_ count: Int) { appendSize(count, tiny: 0xA0, small: 0xD8) }

    /// Opens a structure; its `fields` values, at most 15, have to be appended next.
    @inlinable public mutating func appendStructureHeader(tag: UInt8, fields: Int) {
        precondition(fields <= 15)
        reserve(2)
        put(0xB0 | UInt8(truncatingIfNeeded: fields))
        put(tag)
    }

    /// Appends bytes that are PackStream already, or the body of a string.
    @inlinable public mutating func appendRaw(_ bytes: RawSpan) {
        let count = bytes.byteCount
        reserve(count)
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe (storage + length).copyMemory(from: start, byteCount: count)
            }
        }
        length += count
    }

    /// Appends one byte as it is.
    @inlinable public mutating func appendByte(_ byte: UInt8) {
        reserve(1)
        put(byte)
    }

    @inlinable mutating func appendSize(_ size: Int, tiny: UInt8, small: UInt8) {
        reserve(5)
        if size < 16 {
            put(tiny | UInt8(truncatingIfNeeded: size))
        } else if size <= 0xFF {
            put(small)
            put(UInt8(truncatingIfNeeded: size))
        } else if size <= 0xFFFF {
            put(small + 1)
            put(UInt16(truncatingIfNeeded: size).bigEndian)
        } else {
            put(small + 2)
            put(UInt32(size).bigEndian)
        }
    }

    /// Stores without asking for room: the caller has reserved it.
    @inlinable mutating func put<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        unsafe (storage + length).storeBytes(of: value, as: Value.self)
        length += MemoryLayout<Value>.size
    }
}

// The storage has one owner and is only reached through `self`.
extension PackStreamBuffer: @unchecked Sendable {}
