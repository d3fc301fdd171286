// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// A transaction that is streamed while it runs: what has come of it is in a file.
final class StreamedTransaction {
    /// How much there was when the first message of a subtransaction came.
    private struct Mark {
        var size: Int
        var changeCount: Int
    }

    let file: SpoolFile
    /// Row changes, and truncated tables.
    private(set) var changeCount = 0
    /// Something in it may take a row away from its key.
    private(set) var mayLeaveKeys = false
    private let xid: UInt32
    private var marks: [UInt32: Mark] = [:]
    /// Those that have a mark, in the order of their first messages.
    private var subtransactions: [UInt32] = []
    /// The one of the last message: its mark is made.
    private var current: UInt32

    init(xid: UInt32, folder: String) throws(SpoolFile.Failure) {
        self.xid = xid
        current = xid
        file = try SpoolFile(folder: folder)
    }

    /// Keeps a message of the subtransaction `subxid`.
    ///
    /// - Parameters:
    ///   - message: With its header; longer than that, as the decoder has checked.
    ///   - header: Its bytes before what is kept: the type, and of a streamed one the xid.
    func append(_ message: RawSpan, subxid: UInt32, header: Int) throws(SpoolFile.Failure) {
        if subxid != current {
            if subxid != xid, marks[subxid] == nil {
                marks[subxid] = Mark(size: file.size, changeCount: changeCount)
                subtransactions.append(subxid)
            }
            current = subxid
        }
        let type = unsafe message.unsafeLoad(as: UInt8.self)
        let content = message.extracting(header..<message.byteCount)
        changeCount += Self.changes(of: type, content)
        mayLeaveKeys = mayLeaveKeys || Self.mayLeaveKey(type, content)
        try file.append(type: type, content)
    }

    /// Forgets the subtransaction `subxid`. All that came since its first message is its own or its children's.
    func abort(_ subxid: UInt32) throws(SpoolFile.Failure) {
        guard let mark = marks[subxid] else { return }
        try file.cut(to: mark.size)
        changeCount = mark.changeCount
        current = xid
        while let last = subtransactions.popLast() {
            marks[last] = nil
            if last == subxid { break }
        }
    }

    private static func changes(of type: UInt8, _ content: RawSpan) -> Int {
        switch type {
        case UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"): return 1
        case UInt8(ascii: "T"):
            guard content.byteCount >= 4 else { return 0 }
            return Int(UInt32(bigEndian: unsafe content.unsafeLoadUnaligned(as: UInt32.self)))
        default: return 0
        }
    }

    /// An update says what was before only where the key has changed or the old row comes whole.
    private static func mayLeaveKey(_ type: UInt8, _ content: RawSpan) -> Bool {
        switch type {
        case UInt8(ascii: "D"): return true
        case UInt8(ascii: "U"):
            guard content.byteCount > 4 else { return true }
            return unsafe content.unsafeLoad(fromByteOffset: 4, as: UInt8.self) != UInt8(ascii: "N")
        default: return false
        }
    }
}
