// Part of Lockstep. See LICENSE.

internal import Apply
internal import Mapping
internal import PostgreSQL
internal import Synchronization
internal import Threading

/// Stands between the pump, which sees what changes and hands over what is written, and the ``ViewReader``, which reads
/// views on a thread of its own: a query may take long, and the stream does not wait for it.
final class ViewDesk: Sendable {
    /// What a reading is to know of before it begins.
    struct Work: Sendable {
        var index: Int
        /// Transactions that it has to show.
        var needed: [UInt32]
        /// Nothing is believed of what the graph has of the view.
        var isWhole: Bool
    }

    /// A part of what a reading has found.
    struct Portion: Sendable {
        var index: Int
        var statements: [EncodedStatement] = []
        var sweeps: [Sweep] = []
        /// Set on the last one: what became of it.
        var outcome: ViewState?
    }

    private struct View {
        var state: ViewState
        /// Something has changed since the last reading began.
        var isStale: Bool
        /// Requests that the reading in hand, or the next one, fulfils.
        var requests: [TableLoad] = []
        var served: [TableLoad] = []
        var needed: [UInt32] = []
        var isWhole = true
        var notBefore = MonotonicTime.now
    }

    private struct State {
        var views: [View]
        var portion: Portion?
    }

    let views: [ComputedMapping]
    private let pipeline: String
    private let state: Mutex<State>
    /// Woken when there may be something to read, or room for a portion.
    let work = Wakeup()
    /// Woken when there is a portion to take.
    let ready = Wakeup()

    /// - Parameter known: What the graph has of each of the views.
    init(_ views: [ComputedMapping], _ known: [ViewState], pipeline: String) {
        self.views = views
        self.pipeline = pipeline
        state = Mutex(State(views: known.map { View(state: $0, isStale: $0.isPending) }))
    }

    // MARK: The pump's side

    /// Notes the tables that a batch changes, whose rows a reading has to show from here on.
    ///
    /// - Returns: What the batch has to say of it.
    func note(_ changed: Set<QualifiedName>, _ transactions: some Sequence<UInt32>) -> [EncodedStatement] {
        mark({ !$0.reads.isDisjoint(with: changed) }) { view in
            view.needed += transactions
            // Those before can be seen by now.
            if view.needed.count > 100_000 { view.needed.removeFirst(50_000) }
        }
    }

    /// Nodes of these labels were written anew, and what led to them may be gone.
    ///
    /// - Returns: What the batch has to say of it that ends that.
    func forget(_ labels: Set<String>) -> [EncodedStatement] {
        mark({ labels.contains($0.join.from.label) || labels.contains($0.join.to.label) }) { view in
            view.isWhole = true
            view.notBefore = .now
        }
    }

    /// Some views are to be read.
    ///
    /// - Returns: The marks of those that the graph takes for read.
    private func mark(_ isMeant: (ComputedMapping) -> Bool, _ note: (inout View) -> Void) -> [EncodedStatement] {
        let statements = state.withLock { state in
            var statements: [EncodedStatement] = []
            for index in views.indices where isMeant(views[index]) {
                note(&state.views[index])
                state.views[index].isStale = true
                guard !state.views[index].state.isPending else { continue }
                state.views[index].state.isPending = true
                statements.append(state.views[index].state.pending(pipeline))
            }
            return statements
        }
        work.wake()
        return statements
    }

    /// Takes over the requests for views.
    func take(_ requests: [TableLoad]) {
        state.withLock { state in
            for index in views.indices {
                let own = requests.filter { $0.request.table == views[index].table }
                guard !own.isEmpty else { continue }
                state.views[index].requests += own
                state.views[index].isStale = true
                state.views[index].isWhole = true
                state.views[index].notBefore = .now
            }
        }
        work.wake()
    }

    /// The next portion as statements of a batch; nil where there is none.
    func takePortion() -> (sweeps: [Sweep], statements: [EncodedStatement])? {
        let taken: (sweeps: [Sweep], statements: [EncodedStatement])? = state.withLock { state in
            guard let portion = state.portion else { return nil }
            state.portion = nil
            guard var outcome = portion.outcome else { return (portion.sweeps, portion.statements) }
            var view = state.views[portion.index]
            var statements = portion.statements
            outcome.isPending = view.isStale
            if outcome.failure == nil {
                statements.append(outcome.reading(pipeline))
                if !view.served.isEmpty { statements.append(LoadStore.remove(view.served, pipeline: pipeline)) }
                view.served = []
            } else {
                statements.append(outcome.failing(pipeline))
            }
            view.state = outcome
            state.views[portion.index] = view
            return (portion.sweeps, statements)
        }
        if taken != nil { work.wake() }
        return taken
    }

    // MARK: The reader's side

    /// What to read now; else when there may be something without a wake-up.
    func next() -> (work: Work?, deadline: MonotonicTime?) {
        state.withLock { state in
            let now = MonotonicTime.now
            let due = views.indices.filter { state.views[$0].isStale || views[$0].isByClock }
            guard let index = due.min(by: { state.views[$0].notBefore < state.views[$1].notBefore }) else {
                return (nil, nil)
            }
            var view = state.views[index]
            guard view.notBefore <= now else { return (nil, view.notBefore) }
            let work = Work(index: index, needed: view.needed, isWhole: view.isWhole)
            view.isStale = false
            view.isWhole = false
            view.needed = []
            view.served += view.requests
            view.requests = []
            view.notBefore = now + views[index].interval
            state.views[index] = view
            return (work, nil)
        }
    }

    func state(of index: Int) -> ViewState { state.withLock { $0.views[index].state } }

    /// A reading came to nothing: it is tried again, at the next interval, or so soon.
    ///
    /// - Parameter isWhole: A part of it is in the graph.
    func retry(_ work: Work, isWhole: Bool, after pause: Duration? = nil) {
        state.withLock { state in
            state.views[work.index].isStale = true
            state.views[work.index].needed += work.needed
            if isWhole || work.isWhole { state.views[work.index].isWhole = true }
            if let pause { state.views[work.index].notBefore = .after(pause) }
        }
    }

    /// Waits until the portion before this one was taken.
    ///
    /// - Returns: False when `deadline` has passed, or the stop was asked for, before that.
    func hand(_ portion: Portion, deadline: MonotonicTime? = nil, stop: StopSignal, waker: Wakeup) -> Bool {
        while !stop.isStopped, deadline.map({ MonotonicTime.now < $0 }) ?? true {
            let isTaken = state.withLock { state in
                guard state.portion == nil else { return false }
                state.portion = portion
                return true
            }
            if isTaken {
                ready.wake()
                return true
            }
            _ = Poll.wait(descriptor: -1, for: [], wakeups: [work, waker], deadline: .after(.seconds(1)))
            work.drain()
        }
        return false
    }
}
