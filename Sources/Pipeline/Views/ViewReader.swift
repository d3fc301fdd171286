// Part of Lockstep. See LICENSE.

internal import Apply
internal import Bolt
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Threading

/// Reads views and queries when something that they are made of has changed, and hands over what differs from the reading
/// before: "Views" in docs/ARCHITECTURE.md. Lives on a thread of its own.
final class ViewReader {
    private enum Failure: Error {
        /// The same again fails again, until somebody changes the view, or its rows.
        case lasting(String)
        /// Somebody is in the way, or a server is away.
        case passing(String)
        case stopped
    }

    /// So long a query waits for the pump at most. It holds its tables: who wants to alter one waits for it, and the pump may
    /// wait for him.
    private static let patience: Duration = .seconds(30)
    /// What passes in this time is not worth a word.
    private static let briefly: Duration = .seconds(60)

    private let settings: PipelineSettings
    private let limits: BatchLimits
    private let desk: ViewDesk
    private let report: @Sendable (PipelineEvent) -> Void
    private let stop: StopSignal
    private let waker = Wakeup()
    /// What the graph has of each view; nil where that is not known.
    private var known: [ViewRows?]
    /// Those of which the marks that an earlier attempt has left do not tell.
    private var earlier: EarlierTransactions?
    /// By view, since when it cannot be read for what may pass.
    private var failing: [MonotonicTime?]

    init(
        settings: PipelineSettings, limits: BatchLimits, desk: ViewDesk,
        report: @escaping @Sendable (PipelineEvent) -> Void, stop: StopSignal
    ) {
        self.settings = settings
        self.limits = limits
        self.desk = desk
        self.report = report
        self.stop = stop
        known = Array(repeating: nil, count: desk.views.count)
        failing = Array(repeating: nil, count: desk.views.count)
        stop.add(waker)
    }

    func run() {
        while !stop.isStopped {
            let (work, deadline) = desk.next()
            guard let work else {
                _ = Poll.wait(descriptor: -1, for: [], wakeups: [desk.work, waker], deadline: deadline)
                desk.work.drain()
                continue
            }
            if work.isWhole { known[work.index] = nil }
            var reading = Reading(desk.views[work.index], work, known[work.index])
            known[work.index] = nil
            do throws(Failure) {
                try read(&reading)
                known[work.index] = reading.found
                failing[work.index] = nil
            } catch {
                if !reading.hasHandedOver { known[work.index] = reading.before }
                known[work.index]?.forgetSeen()
                fail(reading, error)
            }
        }
    }

    private func fail(_ reading: Reading, _ failure: Failure) {
        let index = reading.work.index
        let words: String
        switch failure {
        case .stopped: return
        case .passing(let reason):
            let since = failing[index] ?? .now
            failing[index] = since
            // Whether a server is away is for the stream to say.
            guard MonotonicTime.now - since > Self.briefly else {
                return desk.retry(reading.work, isWhole: reading.hasHandedOver, after: .seconds(1))
            }
            words = reason
        case .lasting(let reason):
            failing[index] = nil
            words = reason
        }
        var state = desk.state(of: index)
        desk.retry(reading.work, isWhole: reading.hasHandedOver)
        guard state.failure != words else { return }
        report(
            .warning(
                "\(reading.view.table) could not be read, and is tried again every \(reading.view.intervalText): \(words)"
            ))
        state.failure = words
        _ = desk.hand(ViewDesk.Portion(index: index, outcome: state), stop: stop, waker: waker)
    }

    // MARK: One reading

    private struct Reading {
        let view: ComputedMapping
        let work: ViewDesk.Work
        /// What the graph has; nil where that is not known.
        var before: ViewRows?
        var found = ViewRows()
        var statements: [EncodedStatement] = []
        /// Rows and bytes in these.
        var written = 0
        var bytes = 0
        /// Rows that differed, and that were gone.
        var changed = 0
        var removed = 0
        var hasHandedOver = false

        init(_ view: ComputedMapping, _ work: ViewDesk.Work, _ before: ViewRows?) {
            (self.view, self.work, self.before) = (view, work, before)
        }
    }

    private func read(_ reading: inout Reading) throws(Failure) {
        let began = MonotonicTime.now
        let reader = try source { () throws(CaptureError) in try SnapshotCopy(settings.source, stop: stop) }
        defer { reader.close() }
        let snapshot = try snapshot(reader, showing: reading.work.needed)
        try checkTypes(reading.view, reader)
        try copy(&reading, reader)
        reader.close()
        let unseen = reading.before.map { $0.unseen.map(BoltValue.unpacked) }
        let gone = if let unseen { unseen } else { try leftovers(reading) }
        reading.removed = gone.count
        for start in stride(from: 0, to: gone.count, by: limits.rows) {
            let rows = Array(gone[start..<min(start + limits.rows, gone.count)])
            let statements = reading.view.join.deleteStatements.map {
                EncodedStatement(text: $0, table: reading.view.table, rows: rows)
            }
            try take(statements, rows: rows.count, &reading)
        }
        var outcome = desk.state(of: reading.work.index)
        outcome.failure = nil
        outcome.lsn = snapshot.lsn
        outcome.rows = Int64(reading.found.count)
        outcome.seconds = (MonotonicTime.now - began) / .seconds(1)
        var portion = ViewDesk.Portion(index: reading.work.index, statements: reading.statements, outcome: outcome)
        if reading.before == nil, let sweep = reading.view.join.sweepKeylessStatement() {
            portion.sweeps = [Sweep(text: sweep, table: reading.view.table)]
        }
        guard desk.hand(portion, stop: stop, waker: waker) else { throw .stopped }
        report(
            .viewRead(
                reading.view.table.description, rows: reading.found.count, changed: reading.changed,
                removed: reading.removed, seconds: outcome.seconds))
    }

    /// One that shows every change that the reading is for.
    private func snapshot(
        _ reader: SnapshotCopy, showing needed: [UInt32]
    ) throws(Failure) -> SnapshotPosition {
        while true {
            let snapshot = try source { () throws(CaptureError) in try reader.begin() }
            if earlier == nil {
                earlier = try source { () throws(CaptureError) in try EarlierTransactions(snapshot, reader) }
            }
            if earlier?.areVisible(in: snapshot) == true, needed.allSatisfy({ snapshot.shows($0) }) { return snapshot }
            guard stop.sleep(for: .milliseconds(10)) else { throw .stopped }
        }
    }

    /// The mapping reads its columns' bytes as values of the types that they had.
    private func checkTypes(_ view: ComputedMapping, _ reader: SnapshotCopy) throws(Failure) {
        let columns = Set(view.join.relationshipColumns.map(\.column)).sorted()
        let types = try source { () throws(CaptureError) in
            try reader.types(of: columns, in: view.rowsSQL, called: view.table)
        }
        for (column, type) in zip(columns, types) where type != view.types[column] {
            throw .lasting("its column \(column) has another type than the mapping was made for")
        }
    }

    private func copy(_ reading: inout Reading, _ reader: SnapshotCopy) throws(Failure) {
        let (view, join) = (reading.view, reading.view.join)
        let read = TableRead(view.table, join.relationshipColumns)
        let places = join.key.compactMap { part in read.relation.columns.firstIndex { $0.name == part.column } }
        let mapping = GraphMapping(pipeline: settings.name, nodes: [], joins: [join])
        let encoder = BatchEncoder(mapping: mapping, part: .relationships, unsettled: [view.table])
        let rows = ChangeBuffer()
        rows.relations = [read.relation]
        do throws(SnapshotCopyFailure<Failure>) {
            _ = try reader.copy(
                computed: view.rowsSQL, called: view.table, columns: read.columns, relation: 0, into: rows,
                maxRows: limits.rows, maxBytes: limits.bytes
            ) { () throws(Failure) in
                try keepOthers(rows, places, width: read.columns.count, &reading)
                let count = rows.changes.count
                let statements: [EncodedStatement]
                do throws(ApplyError) {
                    statements = try encoder.encode(rows, 0..<count)
                } catch {
                    throw .lasting(error.description)
                }
                rows.removeAll()
                reading.changed += count
                try take(statements, rows: count, patience: Self.patience, &reading)
            }
        } catch {
            switch error {
            case .capture(let failure): throw Self.failure(failure)
            case .consumer(let failure): throw failure
            }
        }
    }

    /// Leaves only those rows that the graph does not have as they are.
    private func keepOthers(
        _ rows: ChangeBuffer, _ places: [Int], width: Int, _ reading: inout Reading
    ) throws(Failure) {
        var others: ContiguousArray<Change> = []
        for change in rows.changes {
            let start = Int(change.newStart)
            let key = try key(rows, start, places, reading.view)
            let digest = Self.digest(rows, start..<start + width)
            guard reading.found.insert(key, digest: digest) else {
                let names = reading.view.join.key.map(\.column).joined(separator: ", ")
                throw .lasting(
                    "two of its rows have the same (\(names)), which is to tell them apart: name a key in the mapping that "
                        + "does, or let the \(reading.view.kind) group by it")
            }
            if reading.before?.see(key) != digest { others.append(change) }
        }
        rows.changes = others
    }

    /// As PackStream bytes.
    private func key(
        _ rows: ChangeBuffer, _ start: Int, _ places: [Int], _ view: ComputedMapping
    ) throws(Failure) -> [UInt8] {
        var out = PackStreamBuffer()
        for (property, place) in zip(view.join.key, places) {
            let field = rows.fields[start + place]
            guard field.kind != .null else {
                throw .lasting(
                    "\(property.column) is NULL in some of its rows, and is to tell them apart: leave them out in the "
                        + view.kind
                )
            }
            let first = Int(field.offset)
            let bytes = Array(rows.bytes[first..<first + Int(field.length)])
            do throws(ValueError) {
                try property.conversion.encode(unsafe bytes.span.bytes, isBinary: field.kind == .binary, into: &out)
            } catch {
                throw .lasting("column \(property.column): \(error)")
            }
        }
        let bytes = [UInt8](copying: out.bytes)
        // What the graph gives back is packed from values.
        let isPlain = view.join.key.allSatisfy { [.integer, .string, .boolean].contains($0.conversion.target) }
        return isPlain ? bytes : [UInt8](packing: BoltValue.unpacked(bytes))
    }

    private static func digest(_ rows: ChangeBuffer, _ fields: Range<Int>) -> Int {
        var hasher = Hasher()
        for field in rows.fields[fields] {
            hasher.combine(field.kind)
            hasher.combine(field.length)
            guard field.kind != .null else { continue }
            let bytes = rows.bytes[Int(field.offset)..<Int(field.offset) + Int(field.length)]
            unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        }
        return hasher.finalize()
    }

    /// What is in the graph and has no row, where nothing is known of what is there.
    private func leftovers(_ reading: Reading) throws(Failure) -> [[BoltValue]] {
        var gone: [[BoltValue]] = []
        do throws(PipelineError) {
            let query = EncodedStatement(text: reading.view.join.keysQuery(), table: reading.view.table, rows: [])
            let scan = try PagedQuery(query, settings.graph, holding: settings.name, stop: stop)
            while let page = try scan.next() {
                for key in page where !key.contains(.null) {
                    if !reading.found.contains([UInt8](packing: key)) { gone.append(key) }
                }
            }
        } catch {
            guard !stop.isStopped else { throw .stopped }
            let words = "\(error.what): \(error.detail)"
            throw error.disposition == .stop ? .lasting(words) : .passing(words)
        }
        return gone
    }

    // MARK: Handing over

    /// Up to the size of a transaction that is applied whole, a reading goes into one graph transaction.
    ///
    /// - Parameter patience: For how long the source may be held meanwhile; nil where it is not.
    private func take(
        _ statements: [EncodedStatement], rows: Int, patience: Duration? = nil, _ reading: inout Reading
    ) throws(Failure) {
        reading.statements += statements
        reading.written += rows
        reading.bytes += statements.reduce(0) { $0 + $1.rows.count }
        guard reading.written > limits.wholeRows || reading.bytes > limits.wholeBytes else { return }
        let portion = ViewDesk.Portion(index: reading.work.index, statements: reading.statements)
        reading.statements = []
        reading.bytes = 0
        reading.hasHandedOver = true
        let deadline = patience.map { MonotonicTime.after($0) }
        guard desk.hand(portion, deadline: deadline, stop: stop, waker: waker) else {
            throw stop.isStopped ? .stopped : .passing("the stream had no room for what differs")
        }
    }

    private func source<Value>(_ body: () throws(CaptureError) -> Value) throws(Failure) -> Value {
        do throws(CaptureError) { return try body() } catch { throw Self.failure(error) }
    }

    private static func failure(_ error: CaptureError) -> Failure {
        if error.kind == .stopped { return .stopped }
        return error.isTransient ? .passing(error.description) : .lasting(error.description)
    }
}
