// Part of Lockstep. See LICENSE.

internal import Mapping
internal import PostgreSQL

/// The transactions that are being streamed, each in a file of its own until it ends.
final class StreamedTransactions {
    private let folder: String
    private var transactions: [UInt32: StreamedTransaction] = [:]
    /// The one whose piece is being received.
    private var current: (xid: UInt32, transaction: StreamedTransaction)?

    init(folder: String) { self.folder = folder }

    func start(_ xid: UInt32) throws(CaptureError) {
        let known = transactions[xid]
        let transaction = try spooling(xid) { () throws(SpoolFile.Failure) in
            if let known { return known }
            return try StreamedTransaction(xid: xid, folder: folder)
        }
        transactions[xid] = transaction
        current = (xid, transaction)
    }

    /// - Parameter header: As in ``StreamedTransaction/append(_:subxid:header:)``.
    func append(
        _ message: RawSpan, subxid: UInt32, header: Int = PgOutputDecoder.streamedHeader
    ) throws(CaptureError) {
        guard let (xid, transaction) = current else { return }
        do throws(SpoolFile.Failure) {
            try transaction.append(message, subxid: subxid, header: header)
        } catch {
            throw failed(error, xid)
        }
    }

    func stop() throws(CaptureError) {
        guard let (xid, transaction) = current else { return }
        try spooling(xid) { () throws(SpoolFile.Failure) in try transaction.file.flush() }
        current = nil
    }

    func abort(_ xid: UInt32, subxid: UInt32) throws(CaptureError) {
        if subxid == xid {
            transactions[xid] = nil
        } else if let transaction = transactions[xid] {
            try spooling(xid) { () throws(SpoolFile.Failure) in try transaction.abort(subxid) }
        }
    }

    /// Takes a prepared transaction out; nil where nothing of it was received.
    func take(_ xid: UInt32) -> StreamedTransaction? { transactions.removeValue(forKey: xid) }

    /// Takes a committed transaction out; empty where nothing of it was received.
    func commit(_ end: TransactionEnd) -> SpooledTransaction {
        SpooledTransaction(end: end, content: transactions.removeValue(forKey: end.xid), folder: folder)
    }

    private func spooling<Value>(
        _ xid: UInt32, _ body: () throws(SpoolFile.Failure) -> Value
    ) throws(CaptureError) -> Value {
        do throws(SpoolFile.Failure) { return try body() } catch { throw failed(error, xid) }
    }

    @inline(never)
    private func failed(_ failure: SpoolFile.Failure, _ xid: UInt32) -> CaptureError {
        .spool(failure, folder: folder, xid: xid, lsn: nil)
    }
}
