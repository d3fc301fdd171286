// Part of Lockstep. See LICENSE.

/// Makes messages out of the bytes that arrive, in one buffer and in place.
///
/// A message of one chunk is where it arrived; the later chunks of a larger one are moved up to the first. A chunk of
/// size 0 with no message begun is a NOOP, by which a server says that it is alive.
///
///     |  taken  | message so far |  gap of headers  | bytes not looked at |  free  |
///               messageStart     messageEnd         position              end      capacity
@safe struct Dechunker: ~Copyable {
    /// A message larger than it may be.
    struct TooLarge: Error { let bytesMax: Int }

    private static let capacityAtFirst = 64 << 10
    /// Above this the buffer is given back once it is empty.
    private static let capacityKept = 4 << 20
    /// The least room that is offered to a read.
    private static let roomMin = 16 << 10

    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    private let messageBytesMax: Int

    private var messageStart = 0
    private var messageEnd = 0
    private var position = 0
    private var end = 0
    private var chunkLeft = 0
    private var isComplete = false

    init(messageBytesMax: Int) {
        self.messageBytesMax = messageBytesMax
        capacity = Self.capacityAtFirst
        unsafe storage = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe storage.deallocate() }

    /// Looks for a whole message in what has arrived.
    ///
    /// - Returns: Whether there is one to ``take()``.
    mutating func advance() throws(TooLarge) -> Bool {
        while !isComplete {
            let part = min(chunkLeft, end - position)
            if part > 0 {
                if messageEnd != position {
                    unsafe memoryMove(storage + messageEnd, storage + position, part)
                }
                messageEnd += part
                position += part
                chunkLeft -= part
            }
            guard chunkLeft == 0, end - position >= 2 else { return false }
            let size = unsafe Int(UInt16(bigEndian: storage.loadUnaligned(fromByteOffset: position, as: UInt16.self)))
            position += 2
            if messageEnd == messageStart {
                // Either the first chunk of a message, or a NOOP, which leaves nothing behind.
                messageStart = position
                messageEnd = position
            } else if size == 0 {
                isComplete = true
            }
            guard messageEnd - messageStart + size <= messageBytesMax else {
                throw TooLarge(bytesMax: messageBytesMax)
            }
            chunkLeft = size
        }
        return true
    }

    /// Takes the message that ``advance()`` found.
    ///
    /// - Returns: Where it is, for ``message(_:)``, until more bytes arrive.
    mutating func take() -> Range<Int> {
        precondition(isComplete)
        let range = messageStart..<messageEnd
        isComplete = false
        messageStart = position
        messageEnd = position
        return range
    }

    @_lifetime(borrow self)
    func message(_ range: Range<Int>) -> RawSpan {
        precondition(range.upperBound <= capacity)
        // In bounds by the precondition; the buffer is not replaced while it is borrowed.
        let span = unsafe RawSpan(
            _unsafeStart: UnsafeRawPointer(storage + range.lowerBound), byteCount: range.count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Lets `read` store what has arrived, and takes it in.
    ///
    /// - Parameter read: Gets the free room, returns how many bytes it stored from the start of it.
    mutating func fill(_ read: (UnsafeMutableRawBufferPointer) -> Int) {
        makeRoom(Self.roomMin)
        let room = unsafe UnsafeMutableRawBufferPointer(start: storage + end, count: capacity - end)
        let count = unsafe read(room)
        precondition(count >= 0 && count <= capacity - end)
        end += count
    }

    private mutating func makeRoom(_ room: Int) {
        let message = messageEnd - messageStart
        let unread = end - position
        if message == 0 && unread == 0 {
            if capacity > Self.capacityKept { replaceStorage(Self.capacityAtFirst) }
            (messageStart, messageEnd, position, end) = (0, 0, 0, 0)
        }
        if capacity - end >= room { return }
        if capacity - (message + unread) >= max(room, capacity / 4) {
            unsafe memoryMove(storage, storage + messageStart, message)
            unsafe memoryMove(storage + message, storage + position, unread)
        } else {
            replaceStorage(max(capacity * 2, message + unread + room))
        }
        (messageStart, messageEnd, position, end) = (0, message, message, message + unread)
    }

    /// Moves the message begun and the bytes not looked at to the start of a new buffer.
    private mutating func replaceStorage(_ newCapacity: Int) {
        let new = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        let message = messageEnd - messageStart
        unsafe new.copyMemory(from: storage + messageStart, byteCount: message)
        unsafe (new + message).copyMemory(from: storage + position, byteCount: end - position)
        unsafe storage.deallocate()
        unsafe storage = new
        capacity = newCapacity
    }
}

/// Both regions are inside one buffer and may overlap.
private func memoryMove(_ target: UnsafeMutableRawPointer, _ source: UnsafeMutableRawPointer, _ count: Int) {
    unsafe UnsafeMutableRawBufferPointer(start: target, count: count)
        .copyMemory(from: UnsafeRawBufferPointer(start: source, count: count))
}
