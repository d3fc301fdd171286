// Part of Lockstep. See LICENSE.

public import Mapping
internal import PostgreSQL

/// A transaction that was streamed and has committed. Its changes are in a file, from which they can be read as often as
/// wanted, by ``ReplicationStream/replay(_:into:rows:bytes:)``.
public final class SpooledTransaction {
    private static let chunk = 256 << 10

    public let end: TransactionEnd
    /// Row changes, and truncated tables.
    public let changeCount: Int
    /// Bytes of its messages.
    public let byteCount: Int
    /// False where no row is deleted and no key changed.
    public let mayLeaveKeys: Bool

    /// Of one that was prepared: the tables as they were announced then.
    var relations: RelationTable?

    private let file: SpoolFile?
    private let folder: String
    /// What of the file is in memory, the bytes from `next` on still to be taken.
    private var bytes: [UInt8] = []
    private var next = 0
    /// Where ``bytes`` end in the file.
    private var position = 0

    init(end: TransactionEnd, content: StreamedTransaction?, folder: String) {
        self.end = end
        self.folder = folder
        changeCount = content?.changeCount ?? 0
        byteCount = content?.file.size ?? 0
        mayLeaveKeys = content?.mayLeaveKeys ?? false
        file = content?.file
    }

    /// The next replay begins at the first change.
    public func rewind() {
        bytes.removeAll(keepingCapacity: true)
        next = 0
        position = 0
    }

    /// Lends the next message to `body`.
    ///
    /// - Returns: False at the end.
    func withNext(_ body: (RawSpan) throws(CaptureError) -> Void) throws(CaptureError) -> Bool {
        guard try have(4) else { return false }
        let length = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: next, as: UInt32.self) }
        let count = Int(length)
        guard try have(4 + count) else { throw broken() }
        let bytes = bytes
        try body(unsafe bytes.span.bytes.extracting(next + 4..<next + 4 + count))
        next += 4 + count
        return true
    }

    /// Sees that so many bytes are in memory; false where the file ends before that.
    private func have(_ count: Int) throws(CaptureError) -> Bool {
        guard bytes.count - next < count, let file else { return bytes.count - next >= count }
        bytes.removeFirst(next)
        next = 0
        let wanted = max(Self.chunk, count - bytes.count)
        do throws(SpoolFile.Failure) {
            position += try file.read(wanted, at: position, into: &bytes)
        } catch {
            throw .spool(error, folder: folder, xid: end.xid, lsn: end.commitLSN)
        }
        return bytes.count >= count
    }

    private func broken() -> CaptureError {
        CaptureError(
            .spool, "a spool file in \(folder) ends inside a message of transaction \(end.xid)", lsn: end.commitLSN)
    }
}
