// Part of Lockstep. See LICENSE.

/// Messages cut into chunks, waiting to be sent.
///
/// A chunk is its size as `u16`, then so many bytes; a message is its chunks, then a chunk of size 0. Bytes are copied
/// once, into one buffer that is kept; a chunk's size is stored when it is known.
struct ChunkWriter: ~Copyable {
    static let chunkBytesMax = 0xFFFF
    /// Above this the buffer is given back once all was sent.
    private static let capacityKept = 4 << 20
    private static let capacityAtFirst = 16 << 10

    private var buffer = PackStreamBuffer(capacity: capacityAtFirst)
    /// Bytes of `buffer` that were sent.
    private var sent = 0
    /// Where the size of the chunk being filled belongs.
    private var chunkHeader = 0
    /// Where the message being written begins.
    private var messageStart = 0
    /// Bytes framed since the beginning of the connection, those that were sent included.
    private(set) var total: UInt64 = 0

    var unsentBytes: Int { buffer.count - sent }

    /// Bytes sent since the beginning of the connection.
    var totalSent: UInt64 { total - UInt64(unsentBytes) }

    /// What is to be sent next.
    var unsent: RawSpan {
        @_lifetime(borrow self)
        get { buffer.bytes.extracting(droppingFirst: sent) }
    }

    /// Notes that the first `count` bytes of ``unsent`` were sent.
    mutating func consume(_ count: Int) {
        precondition(count <= unsentBytes)
        sent += count
        guard unsentBytes == 0 else { return }
        sent = 0
        buffer.removeAll()
        if buffer.capacity > Self.capacityKept { buffer = PackStreamBuffer(capacity: Self.capacityAtFirst) }
    }

    /// Forgets what was not sent, because there is nobody to send it to.
    mutating func drop() {
        total -= UInt64(unsentBytes)
        sent = 0
        buffer.removeAll()
    }

    /// Appends bytes as they are, outside of any message.
    mutating func appendUnframed(_ bytes: RawSpan) {
        buffer.appendRaw(bytes)
        total += UInt64(bytes.byteCount)
    }

    /// Appends a whole message.
    mutating func appendMessage(_ message: borrowing PackStreamBuffer) {
        open(size: message.count)
        fill(message.bytes)
        close()
    }

    /// Appends a whole message, given in three parts.
    mutating func appendMessage(
        _ head: borrowing PackStreamBuffer, _ middle: borrowing PackStreamBuffer, _ tail: borrowing PackStreamBuffer
    ) {
        open(size: head.count + middle.count + tail.count)
        fill(head.bytes)
        fill(middle.bytes)
        fill(tail.bytes)
        close()
    }

    private mutating func open(size: Int) {
        messageStart = buffer.count
        buffer.reserve(size + (size / Self.chunkBytesMax + 2) * 2)
        openChunk()
    }

    private mutating func close() {
        closeChunk()
        buffer.put(0 as UInt16)
        total += UInt64(buffer.count - messageStart)
    }

    private mutating func openChunk() {
        chunkHeader = buffer.count
        buffer.put(0 as UInt16)
    }

    private mutating func closeChunk() {
        buffer.store(UInt16(buffer.count - chunkHeader - 2), at: chunkHeader)
    }

    private mutating func fill(_ bytes: RawSpan) {
        var rest = bytes
        while rest.byteCount > 0 {
            var room = Self.chunkBytesMax - (buffer.count - chunkHeader - 2)
            if room == 0 {
                closeChunk()
                openChunk()
                room = Self.chunkBytesMax
            }
            let part = min(room, rest.byteCount)
            buffer.appendRaw(rest.extracting(first: part))
            rest = rest.extracting(droppingFirst: part)
        }
    }
}

extension PackStreamBuffer {
    /// Stores a big-endian number over bytes that were appended before.
    mutating func store(_ value: UInt16, at offset: Int) {
        precondition(offset >= 0 && offset + 2 <= count)
        unsafe (storage + offset).storeBytes(of: value.bigEndian, as: UInt16.self)
    }
}
