// Part of Lockstep. See LICENSE.

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Wakes a thread that sits in `poll`, from any other thread.
///
/// A pipe whose read end goes into the poll set. Several ``wake()`` calls before a ``drain()`` count as one.
public final class Wakeup: Sendable {
    /// The descriptor to watch for readability.
    public let descriptor: Int32
    private let writeEnd: Int32

    /// For a signal handler, which may do nothing but write a byte to it.
    public var writableDescriptor: Int32 { writeEnd }

    public init() {
        var ends: (Int32, Int32) = (-1, -1)
        let status = unsafe withUnsafeMutableBytes(of: &ends) { raw in
            unsafe pipe(raw.baseAddress!.assumingMemoryBound(to: Int32.self))
        }
        precondition(status == 0, "pipe failed: errno \(errno)")
        descriptor = ends.0
        writeEnd = ends.1
        for end in [descriptor, writeEnd] {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    /// Makes the descriptor readable. Never blocks: a full pipe is readable already.
    public func wake() {
        var byte: UInt8 = 1
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Makes the descriptor unreadable again until the next ``wake()``.
    public func drain() {
        var bytes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        unsafe withUnsafeMutableBytes(of: &bytes) { buffer in
            while unsafe read(descriptor, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
