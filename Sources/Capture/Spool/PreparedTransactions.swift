// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// Transactions that are prepared: what they changed is in files until they are committed or rolled back.
///
/// The server sends what one changed only if it is asked to begin before the place where it was prepared. So the slot must
/// not be confirmed beyond that place, until its commit has reached the graph.
final class PreparedTransactions {
    private struct Prepared {
        var xid: UInt32
        /// Where the record of its PREPARE begins.
        var place: LSN
        var content: StreamedTransaction?
        /// The tables as they were announced when it came.
        var relations: RelationTable
        /// The end of its commit, once that has come.
        var committed: LSN?
    }

    private let folder: String
    private var transactions: [Prepared] = []

    init(folder: String) { self.folder = folder }

    /// A prepared transaction begins to come.
    func begin(_ xid: UInt32, at place: LSN, relations: RelationTable) throws(CaptureError) {
        do throws(SpoolFile.Failure) {
            let content = try StreamedTransaction(xid: xid, folder: folder)
            transactions.append(Prepared(xid: xid, place: place, content: content, relations: relations))
        } catch {
            throw .spool(error, folder: folder, xid: xid, lsn: nil)
        }
    }

    /// Keeps a message of the one that has begun last.
    func append(_ message: RawSpan) throws(CaptureError) {
        guard let last = transactions.last, let content = last.content else { return }
        do throws(SpoolFile.Failure) {
            try content.append(message, subxid: last.xid, header: 1)
        } catch {
            throw .spool(error, folder: folder, xid: last.xid, lsn: nil)
        }
    }

    /// All of the one that has begun last has come.
    func end() throws(CaptureError) {
        guard let last = transactions.last, let content = last.content else { return }
        do throws(SpoolFile.Failure) {
            try content.file.flush()
        } catch {
            throw .spool(error, folder: folder, xid: last.xid, lsn: nil)
        }
    }

    /// One that was streamed while it ran is prepared.
    func add(_ xid: UInt32, at place: LSN, content: StreamedTransaction?, relations: RelationTable) {
        transactions.append(Prepared(xid: xid, place: place, content: content, relations: relations))
    }

    /// Takes a committed transaction's content out; nil where it was never received.
    func commit(_ end: TransactionEnd) -> (content: SpooledTransaction, relations: RelationTable)? {
        guard let index = transactions.firstIndex(where: { $0.xid == end.xid && $0.committed == nil }) else {
            return nil
        }
        transactions[index].committed = end.endLSN
        let prepared = transactions[index]
        transactions[index].content = nil
        return (SpooledTransaction(end: end, content: prepared.content, folder: folder), prepared.relations)
    }

    func rollBack(_ xid: UInt32) { transactions.removeAll { $0.xid == xid && $0.committed == nil } }

    /// How far the slot may be confirmed where the graph has reached `position`.
    func confirmable(_ position: LSN) -> LSN {
        transactions.removeAll { $0.committed.map { $0 <= position } ?? false }
        return transactions.reduce(position) { min($0, $1.place) }
    }
}
