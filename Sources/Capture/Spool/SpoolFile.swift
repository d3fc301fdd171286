// Part of Lockstep. See LICENSE.

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A file for messages that wait for their transaction's end: appended to, cut, read from the front.
///
/// It loses its name as soon as it is made, so that nothing is left behind, however the process ends. Records are a
/// length, u32 of this machine, and as many bytes. Not `Sendable`.
final class SpoolFile {
    /// `errno`, and what was tried.
    struct Failure: Error {
        var code: Int32
        var operation: String

        var reason: String { unsafe String(cString: strerror(code)) }
        var isFull: Bool { code == ENOSPC || code == EDQUOT }
    }

    private static let bufferSize = 256 << 10

    private let descriptor: Int32
    /// Bytes in the file; what is behind them is in ``pending``.
    private var written = 0
    private var pending: [UInt8] = []
    /// Bytes of all records.
    var size: Int { written + pending.count }

    /// - Parameter folder: Made where it is missing, for this user alone.
    init(folder: String) throws(Failure) {
        if unsafe mkdir(folder, 0o700) != 0, errno != EEXIST {
            throw Failure(code: errno, operation: "make the folder")
        }
        let path = "\(folder)/lockstep-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36)).spool"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(code: errno, operation: "make a file") }
        unsafe unlink(path)
    }

    deinit { close(descriptor) }

    /// Appends a record of `type` and `content`.
    func append(type: UInt8, _ content: RawSpan) throws(Failure) {
        let count = UInt32(content.byteCount + 1)
        unsafe withUnsafeBytes(of: count) { unsafe pending.append(contentsOf: $0) }
        pending.append(type)
        unsafe content.withUnsafeBytes { unsafe pending.append(contentsOf: $0) }
        if pending.count >= Self.bufferSize { try flush() }
    }

    /// Hands everything to the system, and lets go of the memory.
    func flush() throws(Failure) {
        var done = 0
        while done < pending.count {
            let count = unsafe pending.withUnsafeBytes { bytes in
                unsafe pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(written + done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(code: count == 0 ? ENOSPC : errno, operation: "write") }
            done += count
        }
        written += done
        pending.removeAll(keepingCapacity: pending.count >= Self.bufferSize)
    }

    /// Forgets the records from `size` on.
    func cut(to size: Int) throws(Failure) {
        try flush()
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw Failure(code: errno, operation: "cut a file") }
        written = size
        pending = []
    }

    /// Reads up to `count` bytes from `offset` on, behind what is in `bytes`.
    ///
    /// - Returns: How many; fewer than wanted only at the end.
    func read(_ count: Int, at offset: Int, into bytes: inout [UInt8]) throws(Failure) -> Int {
        var done = 0
        var failure: Failure?
        bytes.append(addingCapacity: count) { (output: inout OutputSpan<UInt8>) in
            unsafe output.withUnsafeMutableBufferPointer { buffer, initialized in
                while done < count {
                    let got = unsafe pread(
                        descriptor, buffer.baseAddress! + initialized + done, count - done, off_t(offset + done))
                    if got < 0, errno == EINTR { continue }
                    if got < 0 { failure = Failure(code: errno, operation: "read") }
                    if got <= 0 { break }
                    done += got
                }
                initialized += done
            }
        }
        if let failure { throw failure }
        return done
    }
}
