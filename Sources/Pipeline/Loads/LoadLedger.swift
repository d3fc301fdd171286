// Part of Lockstep. See LICENSE.

internal import Apply
internal import Capture
internal import Mapping
internal import PostgreSQL
internal import Synchronization
internal import Threading

/// What is loaded and how far, shared by the threads that work on it. What it says is written to the graph together with the
/// rows.
final class LoadLedger: Sendable {
    private struct State {
        var loads: [TableLoad]
        var since = MonotonicTime.now
    }

    private let state: Mutex<State>

    init(_ loads: [TableLoad]) { state = Mutex(State(loads: loads)) }

    var loads: [TableLoad] { state.withLock { $0.loads } }

    /// Where the stream has to be before nothing in the graph is newer than what it brings.
    var until: LSN { state.withLock { $0.loads.map(\.until).max() ?? .zero } }

    func update(_ change: (inout TableLoad) -> Void) {
        state.withLock { state in for index in state.loads.indices { change(&state.loads[index]) } }
    }

    /// The pass that they are in, or done with.
    var pass: TableLoad.Pass { state.withLock { $0.loads.compactMap(\.pass).min() ?? .settling } }

    /// What is counted anew, as far as that is.
    var recounts: Recounts {
        var recounts = Recounts()
        for load in loads {
            if load.pass == .counts { recounts.waiting.insert(load.request.table) }
            if let snapshot = load.counted.flatMap({ SnapshotPosition($0, lsn: load.until) }) {
                recounts.holds[load.request.table] = { snapshot.shows($0) }
            }
        }
        return recounts
    }

    func update(_ load: TableLoad, _ change: (inout TableLoad) -> Void) {
        update { if $0.request.id == load.request.id { change(&$0) } }
    }

    /// Something was read at a snapshot of this position.
    func raise(until lsn: LSN) { update { $0.until = max($0.until, lsn) } }

    func raise(until lsn: LSN, of load: TableLoad) { update(load) { $0.until = max($0.until, lsn) } }

    /// Every table that has done with a pass goes on to the next.
    func endPass(_ pass: TableLoad.Pass, _ mapping: GraphMapping) {
        update { load in
            if load.pass == pass { load.endPass(mapping) }
        }
    }

    /// The time since the last range counts for the next one only.
    func begin() { state.withLock { $0.since = .now } }

    /// Notes that a range is read, and hands what has to be written with it to `put` before anybody else notes something:
    /// what is written later says more.
    func finish(
        _ range: Range<UInt32>, of heap: TableHeap, _ table: QualifiedName, rows: Int, bytes: Int,
        _ put: (TableLoad) -> Void
    ) {
        state.withLock { state in
            let now = MonotonicTime.now
            guard let index = state.loads.firstIndex(where: { $0.request.table == table }) else { return }
            state.loads[index].note(range, of: heap, rows: rows, bytes: bytes)
            state.loads[index].seconds += (now - state.since) / .seconds(1)
            state.since = now
            put(state.loads[index])
        }
    }
}

extension TableLoad {
    /// Notes that a range is read.
    mutating func note(_ range: Range<UInt32>, of heap: TableHeap, rows: Int, bytes: Int) {
        self.rows += Int64(rows)
        self.bytes += Int64(bytes)
        blocks += Int64(range.count)
        if let index = heaps.firstIndex(where: { $0.oid == heap.oid }) { heaps[index].done.insert(range) }
    }

    /// Takes over what a pass has read already of heaps that are still what they were.
    mutating func continuePass(over plan: [TableHeap]) {
        heaps = plan.map { heap in
            heaps.first { $0.oid == heap.oid && $0.fileNode == heap.fileNode }
                ?? Heap(oid: heap.oid, fileNode: heap.fileNode)
        }
    }

    /// What the pass has still to read, in ranges of about `rows` rows.
    func remaining(of plan: [TableHeap], rows: Int) -> [(heap: TableHeap, range: Range<UInt32>)] {
        plan.flatMap { heap in
            let done = heaps.first { $0.oid == heap.oid && $0.fileNode == heap.fileNode }?.done ?? BlockSet()
            return done.remaining(upTo: heap.blocks, size: heap.blocks(holding: rows)).map { (heap, $0) }
        }
    }
}
